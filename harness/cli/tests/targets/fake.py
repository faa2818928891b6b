"""A server of the tests: answers every request alike, and misbehaves as its arguments say.

fake.py PORT [BEHAVIOUR…]
"""

import http.server
import os
import signal
import sys
import time

BODY = b"Hello, World!"

# After so many answers a server ends that quits.
FEW = 50

FLOOD_LINES = 100_000
FLOOD_BYTES = 4 * 1024 * 1024


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = 200
    left = None

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)
        if Handler.left is not None:
            Handler.left -= 1
            if Handler.left == 0:
                os._exit(7)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


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
    if "plain" in behaviours:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if "deaf" in behaviours:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "family" in behaviours:
        fork_family()
    if "loud" in behaviours:
        for i in range(FLOOD_LINES):
            print(f"line {i}")
            print(f"complaint {i}", file=sys.stderr)
    if "endless" in behaviours:
        for stream in (sys.stdout, sys.stderr):
            stream.write("x" * FLOOD_BYTES)
            stream.flush()
    if "early" in behaviours:
        print("no configuration", flush=True)
        print("giving up", file=sys.stderr, flush=True)
        os._exit(3)
    if "never" in behaviours:
        print("thinking", flush=True)
        while True:
            time.sleep(600)
    if "daemon" in behaviours:
        parent = os.getpid()
        if os.fork() != 0:
            os._exit(0)
        os.setsid()
        while os.getppid() == parent:
            time.sleep(0.001)
    if "broken" in behaviours:
        Handler.status = 500
    if "quits" in behaviours:
        Handler.left = FEW
    Server(("127.0.0.1", port), Handler).serve_forever()


main()
