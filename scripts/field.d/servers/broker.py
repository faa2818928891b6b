#!/usr/bin/env python3
"""A server that is no child of what asks for it, as `docker run -p` has it: the daemon listens for the asker, which only waits.
    python3 broker.py daemon SOCKET &            then, as a target:  python3 broker.py ask SOCKET PORT"""
import os
import signal
import socket
import subprocess
import sys

what, path = sys.argv[1:3]
if what == "daemon":
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("listening on 127.0.0.1:0", flush=True)
    target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "target.py")
    while True:
        asker, _ = listener.accept()
        child = subprocess.Popen([sys.executable, target, "--port", asker.recv(16).decode()])
        asker.recv(1)  # until the asker is gone
        child.terminate()
        child.wait()
        asker.close()
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    asked = socket.socket(socket.AF_UNIX)
    asked.connect(path)
    asked.send(sys.argv[3].encode())
    signal.pause()
