"""What a request costs in user space: instructions, allocations, atomic operations, and bytes copied. Counted by valgrind.

One server runs under callgrind through all exercises; its counters are dumped between them. An allocation is a call of malloc, calloc,
realloc or aligned_alloc; an atomic operation is an executed instruction that locks the bus, as the disassembly has it.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from builds import tool
from conversation import Failed
from exercises import Exercise
from fleet import Client, serving

WARM_UP = 50
REQUESTS = 200
# So long after each answer of an exercise that is timed, the server waits again, even under valgrind on a busy machine: whether the next request
# comes before that decides how many turns of the loop there are.
REST_S = 0.003
ALLOCATORS = {"malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "memalign"}


@dataclass(frozen=True)
class Cost:
    """What one request costs, on average."""

    instructions: float
    allocations: float
    atomics: float | None


@dataclass
class Profile:
    """What a dump of callgrind says."""

    instructions: int = 0
    calls: Counter[str] = None  # type: ignore[assignment]
    executed: Counter[tuple[str, int]] = None  # type: ignore[assignment]


def parse(dump: Iterable[str]) -> Profile:
    """Reads a dump with uncompressed positions and strings.

    >>> profile = parse('''positions: instr line
    ... events: Ir
    ... ob=/bin/a
    ... fl=a.rs
    ... fn=main
    ... 0x10 3 5
    ... cob=/lib/libc.so.6
    ... cfn=malloc
    ... calls=2 0x40 0
    ... 0x14 4 90
    ... 0x18 4 2
    ...
    ... ob=/lib/libc.so.6
    ... fn=malloc
    ... 0x40 0 90
    ... totals: 97
    ... '''.splitlines())
    >>> profile.instructions, profile.calls["malloc"], profile.executed[("/bin/a", 0x18)]
    (97, 2, 2)
    """
    profile = Profile(0, Counter(), Counter())
    program, callee, is_call = "", "", False
    for line in dump:
        if line.startswith("0x"):
            if is_call:
                is_call = False
                continue
            address, *_, count = line.split()
            profile.instructions += int(count)
            profile.executed[(program, int(address, 16))] += int(count)
        elif line.startswith("calls="):
            profile.calls[callee] += int(line[6:].split()[0])
            is_call = True
        elif line.startswith("cfn="):
            callee = line[4:].strip()
        elif line.startswith("ob="):
            program = line[3:].strip()
    return profile


@cache
def atomics_of(program: str) -> frozenset[int]:
    """The addresses of a program's instructions that are atomic."""
    command = [tool("objdump", "install it (Debian: apt-get install binutils)"), "-d", "--no-show-raw-insn", program]
    disassembly = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert disassembly.stdout is not None, "stdout is a pipe"
    found = set(atomic_addresses(disassembly.stdout))
    if disassembly.wait() != 0:
        raise Failed(f"objdump can't read {program}")
    return frozenset(found)


def atomic_addresses(lines: Iterable[str]) -> Iterator[int]:
    """The addresses of atomic instructions in a disassembly: those with a prefix, and exchanges with memory, which need none.

    >>> list(map(hex, atomic_addresses('''
    ...   401000:\\tlock cmpxchg %edx,(%rdi)
    ...   401008:\\txchg   %eax,(%rdi)
    ...   40100a:\\txchg   %ax,%ax
    ...   40100c:\\tmov    %eax,(%rdi)
    ... '''.splitlines())))
    ['0x401000', '0x401008']
    """
    for line in lines:
        match = re.match(r"\s*([0-9a-f]+):\t(lock |xchg .*\()", line)
        if match:
            yield int(match[1], 16)


def of_requests(bench: Path, name: str, upstream: int, exercises: Iterable[Exercise], with_atomics: bool) -> dict[str, Cost]:
    """What one request of each exercise costs."""
    valgrind = tool("valgrind", "install it (Debian: apt-get install valgrind)")
    costs = {}
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out"
        under = [valgrind, "--quiet", "--tool=callgrind", "--dump-instr=yes", "--compress-pos=no", "--compress-strings=no"]
        with serving(bench, name, upstream, [*under, f"--callgrind-out-file={out}"]) as server:
            dumps = 0
            for exercise in exercises:
                with exercise.open(server.port) as client:
                    ask_at_rest(exercise, client, WARM_UP)
                    control("--zero", server.process.pid)
                    ask_at_rest(exercise, client, REQUESTS)
                    control(f"--dump={exercise.name}", server.process.pid)
                dumps += 1
                with open(f"{out}.{dumps}") as dump:
                    profile = parse(dump)
                costs[exercise.name] = cost_of(profile, with_atomics)
    return costs


def ask_at_rest(exercise: Exercise, client: Client, requests: int) -> None:
    """Asks so many times, each time of a server that does nothing."""
    for _ in range(requests):
        exercise.ask(client)
        if exercise.timed:
            time.sleep(REST_S)


def control(flag: str, pid: int) -> None:
    """Has callgrind do something."""
    command = [tool("callgrind_control", "it comes with valgrind"), flag, str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0 or "OK" not in done.stdout:
        raise Failed(f"callgrind_control {flag}: {done.stdout} {done.stderr}")


def cost_of(profile: Profile, with_atomics: bool) -> Cost:
    """The average of a profile's requests."""
    atomics = None
    if with_atomics:
        programs = {program for program, _ in profile.executed if Path(program).is_file()}
        known = {program: atomics_of(program) for program in programs}
        count = sum(count for (program, at), count in profile.executed.items() if at in known.get(program, ()))
        atomics = count / REQUESTS
    allocations = sum(count for function, count in profile.calls.items() if function.split("@")[0].split("'")[0] in ALLOCATORS)
    return Cost(profile.instructions / REQUESTS, allocations / REQUESTS, atomics)


COPIED_REQUESTS = (100, 300)


def copied_bytes(bench: Path, name: str, upstream: int, exercise: Exercise) -> float:
    """Bytes that memcpy, memmove and their like copy for a request: what more requests copy more, by dhat."""
    fewer, more = COPIED_REQUESTS
    copied = [dhat(bench, name, upstream, "copy", asked(exercise, count))["pps"] for count in COPIED_REQUESTS]
    total = [sum(point["tb"] for point in points) for points in copied]
    return (total[1] - total[0]) / (more - fewer)


def asked(exercise: Exercise, count: int):  # type: ignore[no-untyped-def]
    """Asks so many requests."""

    def ask(port: int) -> None:
        with exercise.open(port) as client:
            for _ in range(count):
                exercise.ask(client)

    return ask


def dhat(bench: Path, name: str, upstream: int, mode: str, use) -> dict:  # type: ignore[no-untyped-def, type-arg]
    """What dhat says of a server that was used so; connections that the use gives stay open to the server's end."""
    valgrind = tool("valgrind", "install it (Debian: apt-get install valgrind)")
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out.json"
        under = [valgrind, "--quiet", "--tool=dhat", f"--mode={mode}", f"--dhat-out-file={out}"]
        with serving(bench, name, upstream, under) as server:
            held = use(server.port) or []
            server.process.terminate()
            server.process.wait(60)
            for client in held:
                client.socket.close()
        return json.loads(out.read_text())


HELD = 200


@dataclass(frozen=True)
class Piece:
    """An allocation that each connection has, and the function of this workspace that asked for it."""

    bytes: int
    count: int
    whose: str


def pieces_of_a_connection(bench: Path, name: str, upstream: int, hold) -> list[Piece]:  # type: ignore[no-untyped-def]
    """What a connection consists of on the heap, largest first: what there was at the peak, of which there is one for each connection at least."""
    said = dhat(bench, name, upstream, "heap", lambda port: hold(port, HELD))
    pieces: Counter[Piece] = Counter()
    for point in said["pps"]:
        if (count := round(point["gbk"] / HELD)) >= 1:
            frames = [said["ftbl"][frame] for frame in point["fs"]]
            pieces[Piece(round(point["gb"] / HELD), count, whose(frames))] += 1
    return sorted(pieces, key=lambda piece: -piece.bytes)


OURS = re.compile(r"\b(callback|coroutine|http1|libuv|asyncio|reactor|websocket|spec|serving|tokio)::([\w:]+)")


def whose(frames: Iterable[str]) -> str:
    """The function that an allocation is for: the innermost of this workspace or of tokio.

    >>> whose(["0x1: malloc (in x)", "0x2: alloc::raw_vec::grow (raw_vec.rs:1)", "0x3: libuv::tcp::accept (tcp.rs:9)"])
    'libuv::tcp::accept'
    >>> whose(["0x1: malloc (in x)"])
    'others'
    """
    for frame in frames:
        if match := OURS.search(frame):
            return match[0]
    return "others"
