#!/usr/bin/env python3
"""A small target for manifests: GET /plaintext (and anything else) -> Hello, World!  Loopback only.

    python3 target.py --port 8080 [options]
      --host H           127.0.0.1 if left out; ::1 is IPv6 only
      --ready-after S    sleeps so long before it listens (JVM, Next.js, migrations)
      --warming S        listens at once and answers 503 for so long
      --log              a line on standard error for every request (uvicorn's and morgan's default)
      --flood BYTES      prints so many bytes on standard output before it listens, without a line end
      --daemon           double-forks: the process that was started ends with 0, the server goes on
      --exit-code N      ends with this code on SIGTERM
      --ignore-term      ignores SIGTERM
      --workers N        pre-forks N children on SO_REUSEPORT; the parent waits
      --ready-204        answers 204 to /healthz
      --fail-every N     answers every Nth request 500
      --die-after N      ends with code 137 after N requests, as one that ran out of memory
PORT in the environment stands for --port where that is missing.
"""
import argparse
import asyncio
import os
import signal
import sys
import time

p = argparse.ArgumentParser()
p.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8080")))
p.add_argument("--host", default="127.0.0.1")
p.add_argument("--ready-after", type=float, default=0)
p.add_argument("--warming", type=float, default=0)
p.add_argument("--log", action="store_true")
p.add_argument("--flood", type=int, default=0)
p.add_argument("--daemon", action="store_true")
p.add_argument("--exit-code", type=int, default=None)
p.add_argument("--ignore-term", action="store_true")
p.add_argument("--workers", type=int, default=0)
p.add_argument("--ready-204", action="store_true")
p.add_argument("--fail-every", type=int, default=0)
p.add_argument("--die-after", type=int, default=0)
a, _ = p.parse_known_args()

BODY = b"Hello, World!"
HEAD = b"HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
BEGAN = time.monotonic()
count = 0


async def converse(reader, writer):
    global count
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            count += 1
            if a.die_after and count > a.die_after:
                os._exit(137)
            path = head.split(b" ", 2)[1]
            status, body = b"200 OK", BODY
            if time.monotonic() - BEGAN < a.warming:
                status, body = b"503 Service Unavailable", b"warming"
            elif a.ready_204 and path == b"/healthz":
                status, body = b"204 No Content", b""
            elif path == b"/stats":
                status, body = b"404 Not Found", b"none"
            elif a.fail_every and count % a.fail_every == 0:
                status, body = b"500 Internal Server Error", b"oops"
            if a.log:
                print('INFO:     127.0.0.1:1 - "GET %s HTTP/1.1" %s' % (path.decode(), status.decode()), file=sys.stderr, flush=True)
            if status.startswith(b"204"):
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            else:
                writer.write(HEAD % (status, len(body)) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(converse, a.host, a.port, reuse_port=bool(a.workers), backlog=1024)
    print("listening on 127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    if a.ignore_term:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    elif a.exit_code is not None:
        loop.add_signal_handler(signal.SIGTERM, lambda: os._exit(a.exit_code))
    await server.serve_forever()


if a.flood:
    sys.stdout.write("x" * a.flood)
    sys.stdout.flush()
if a.daemon:
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
time.sleep(a.ready_after)
BEGAN = time.monotonic()
if a.workers:
    pids = []
    for _ in range(a.workers):
        pid = os.fork()
        if not pid:
            break
        pids.append(pid)
    else:
        signal.signal(signal.SIGTERM, lambda *_: ([os.kill(x, signal.SIGTERM) for x in pids], sys.exit(0)))
        for pid in pids:
            os.waitpid(pid, 0)
        sys.exit(0)
try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
