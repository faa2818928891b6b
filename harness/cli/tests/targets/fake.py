"""A server of the tests: answers every request alike, and misbehaves as its arguments say.

fake.py PORT [BEHAVIOUR…]
"""

import http.server
import os
import signal
import sys
import time

BODY = b"Hello, World!"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = 200

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def fork_family():
    """A child and a grandchild, each in a session of its own, that only SIGKILL ends."""
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
        while True:
            time.sleep(600)


def main():
    port, behaviours = int(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if "early" in behaviours:
        print("no configuration", flush=True)
        print("giving up", file=sys.stderr, flush=True)
        sys.exit(3)
    if "deaf" in behaviours:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "family" in behaviours:
        fork_family()
    if "never" in behaviours:
        print("thinking", flush=True)
        while True:
            time.sleep(600)
    if "loud" in behaviours:
        for i in range(100_000):
            print(f"line {i}")
            print(f"complaint {i}", file=sys.stderr)
        sys.stdout.flush()
    if "daemon" in behaviours:
        if os.fork() != 0:
            os._exit(0)
        os.setsid()
    if "missing" in behaviours:
        Handler.status = 404
    Server(("127.0.0.1", port), Handler).serve_forever()


main()
