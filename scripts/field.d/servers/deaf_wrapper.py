#!/usr/bin/env python3
"""As `go run` does: starts the program beside it, ignores SIGTERM and SIGINT itself, waits for the child (golang/go#40467)."""
import os
import signal
import subprocess
import sys

target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "target.py")
child = subprocess.Popen([sys.executable, target, *sys.argv[1:]])
for ignored in (signal.SIGINT, signal.SIGTERM):
    signal.signal(ignored, signal.SIG_IGN)
sys.exit(child.wait())
