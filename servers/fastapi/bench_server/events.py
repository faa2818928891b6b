"""The events of /events and when each is due. Knows no clock: times are offsets from the first event."""

from collections.abc import Iterator

# Most bytes that share a write where all events are due at once; between two such writes the loop serves others.
MAX_BATCH_BYTES = 16 * 1024

CONTENT_TYPE = "text/event-stream; charset=utf-8"
CACHE_CONTROL = "no-cache"


def event(number: int) -> bytes:
    """One event as it goes over the wire."""
    return b"data: %d\n\n" % number


def schedule(n: int, ms: int) -> Iterator[tuple[float, bytes]]:
    """What to send, and how many seconds after the first event. Events that are due together are gathered up to
    [`MAX_BATCH_BYTES`]."""
    if ms > 0:
        for number in range(1, n + 1):
            yield (number - 1) * ms / 1000, event(number)
        return
    batch = bytearray()
    for number in range(1, n + 1):
        batch += event(number)
        if len(batch) >= MAX_BATCH_BYTES:
            yield 0.0, bytes(batch)
            batch.clear()
    if batch:
        yield 0.0, bytes(batch)


def length(n: int) -> int:
    """Bytes of all events together."""
    return sum(len(event(number)) for number in range(1, n + 1))
