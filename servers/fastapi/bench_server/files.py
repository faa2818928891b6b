"""The files of /file: which there are, and how one is read."""

from pathlib import Path

from bench_server.bounds import FILE_SIZES_KIB
from bench_server.failures import NotFound, Unavailable


def path_of(data_dir: Path, kib: int) -> Path:
    """Where the file of this size is."""
    if kib not in FILE_SIZES_KIB:
        raise NotFound(f"there is no file of {kib} KiB; there are {', '.join(map(str, FILE_SIZES_KIB))}")
    return data_dir / f"{kib}.bin"


def read(path: Path) -> bytes:
    """Reads a file whole. Blocks: for a thread of the pool."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"{path.name} is not in the data directory") from None
    except OSError as error:
        raise Unavailable(f"{path.name} can't be read: {error.strerror}") from None
