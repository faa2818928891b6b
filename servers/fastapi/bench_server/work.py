"""The computations of /cpu and /hash. They hold whichever thread runs them; which one is the caller's affair.

hashlib lets go of the interpreter's lock while it hashes, xorshift never does.
"""

import hashlib

# The start state that Marsaglia's paper uses (Xorshift RNGs, Journal of Statistical Software 8/14, 2003, p. 4).
_XORSHIFT_SEED = 2_463_534_242

# The bytes 0 to 255 in turn, fed over and over, so that hashing much needs little memory.
_PATTERN_KIB = 64
_PATTERN = memoryview(bytes(range(256)) * (_PATTERN_KIB * 4))


def xorshift(rounds: int) -> str:
    """Marsaglia's xorshift32 (13, 17, 5): the last state, in eight hexadecimal digits."""
    state = _XORSHIFT_SEED
    for _ in range(rounds):
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
    return f"{state:08x}"


def digest(body: bytes) -> str:
    """SHA-256 of a body."""
    return hashlib.sha256(body).hexdigest()


def sha256(kib: int) -> str:
    """SHA-256 over so many KiB, byte i being i mod 256."""
    digest = hashlib.sha256()
    for _ in range(kib // _PATTERN_KIB):
        digest.update(_PATTERN)
    digest.update(_PATTERN[: kib % _PATTERN_KIB * 1024])
    return digest.hexdigest()
