#!/usr/bin/env python3
"""Pre-forked workers that serve one connection at a time and wait for a silent one, as gunicorn's sync worker does
(benoitc/gunicorn#2330, pypi/warehouse#20110).   python3 sync_workers.py [PORT] [WORKERS] [keep]   With keep connections are kept."""
import os
import signal
import socket
import sys

port = int(sys.argv[1]) if len(sys.argv) > 1 else 9003
workers = int(sys.argv[2]) if len(sys.argv) > 2 else 2
keep = "keep" in sys.argv[3:]
end = b"" if keep else b"Connection: close\r\n"
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))
listener.listen(2048)


def work():
    while True:
        connection, _ = listener.accept()
        lines = connection.makefile("rb")
        try:
            while line := lines.readline():
                while line not in (b"\r\n", b""):
                    line = lines.readline()
                connection.sendall(b"HTTP/1.1 200 OK\r\n" + end + b"Content-Length: 13\r\n\r\nHello, World!")
                if not keep:
                    break
        except OSError:
            pass
        lines.close()
        connection.close()


pids = []
for _ in range(workers):
    pid = os.fork()
    if pid == 0:
        work()
    pids.append(pid)
signal.signal(signal.SIGTERM, lambda *_: ([os.kill(pid, signal.SIGTERM) for pid in pids], os._exit(0)))
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
for pid in pids:
    os.waitpid(pid, 0)
