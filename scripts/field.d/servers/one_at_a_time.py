#!/usr/bin/env python3
"""Single-threaded HTTP/1.1 with keep-alive and Python's usual backlog of 5: one connection is served, the others wait until
it ends (python/cpython#75820, nschloe/tuna#178).   python3 one_at_a_time.py [PORT] [1.0]    With 1.0 each reply ends its connection."""
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0" if "1.0" in sys.argv[2:] else "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "13")
        self.end_headers()
        self.wfile.write(b"Hello, World!")

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9002), Handler)
print("listening on 127.0.0.1:%d" % server.server_port, flush=True)
server.serve_forever()
