#!/usr/bin/env python3
"""A wire between two network interfaces, along which frames take time and get lost: what `tc netem` does, where the kernel hasn't that.

    wire.py ONE OTHER DELAY_MS LOSS_PERCENT

It prints `the wire is up`. Each way has the delay, and loses its frames by chance.
"""

from __future__ import annotations

import heapq
import random
import selectors
import socket
import sys
import time

# linux/if_packet.h: a frame that this machine sent itself, over an interface at which a socket listens.
PACKET_OUTGOING = 4
# linux/if_ether.h: frames of every protocol.
ETH_P_ALL = 3
MAX_FRAME_BYTES = 65_536


def end_of(interface: str) -> socket.socket:
    """A socket that takes and gives whole frames."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    made.bind((interface, 0))
    made.setblocking(False)
    return made


def carry(ends: tuple[socket.socket, socket.socket], delay_s: float, loss: float) -> None:
    """Carries frames until it is killed."""
    chance = random.Random(1)
    waiting = selectors.DefaultSelector()
    for end, other in (ends, ends[::-1]):
        waiting.register(end, selectors.EVENT_READ, other)
    # Due when, in which order, over which end, and what.
    under_way: list[tuple[float, int, socket.socket, bytes]] = []
    count = 0
    while True:
        timeout = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for key, _ in waiting.select(timeout):
            assert isinstance(key.fileobj, socket.socket)
            while True:
                try:
                    frame, address = key.fileobj.recvfrom(MAX_FRAME_BYTES)
                except BlockingIOError:
                    break
                if address[2] != PACKET_OUTGOING and chance.random() >= loss:
                    count += 1
                    heapq.heappush(under_way, (time.monotonic() + delay_s, count, key.data, frame))
        while under_way and under_way[0][0] <= time.monotonic():
            *_, end, frame = heapq.heappop(under_way)
            end.send(frame)


if __name__ == "__main__":
    both = (end_of(sys.argv[1]), end_of(sys.argv[2]))
    print("the wire is up", flush=True)
    carry(both, float(sys.argv[3]) / 1e3, float(sys.argv[4]) / 100)
