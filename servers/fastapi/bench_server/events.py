"""The events of /events, as they go over the wire. Knows no clock: the time between two writes passes elsewhere."""

from collections.abc import Iterator

# Most bytes that share a write where no time lies between the events; between two such writes the loop serves others.
MAX_BATCH_BYTES = 64 * 1024

CONTENT_TYPE = "text/event-stream; charset=utf-8"
CACHE_CONTROL = "no-cache"


def event(number: int) -> bytes:
    """One event."""
    return b"data: %d\n\n" % number


def batches(n: int, ms: int) -> Iterator[bytes]:
    """What is sent in one write each: an event or, where no time lies between them, as many as a batch holds."""
    batch = bytearray()
    for number in range(1, n + 1):
        following = event(number)
        if batch and (ms > 0 or len(batch) + len(following) > MAX_BATCH_BYTES):
            yield bytes(batch)
            batch.clear()
        batch += following
    yield bytes(batch)


def length(n: int) -> int:
    """Bytes of all events together."""
    return sum(len(event(number)) for number in range(1, n + 1))
