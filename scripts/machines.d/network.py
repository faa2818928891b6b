"""Machines on one machine: network namespaces joined by a bridge, with a NATS server in one of them, and agents in others."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "peers.d")]

from conversation import Failed  # noqa: E402

ARRIVALS = Path(__file__).resolve().parent / "arrivals.py"
WIRE = Path(__file__).resolve().parent / "wire.py"
# linux/sockios.h and linux/ethtool.h.
SIOCETHTOOL = 0x8946
CHECKSUMS_AND_SEGMENTS = {"ETHTOOL_STXCSUM": 0x17, "ETHTOOL_STSO": 0x1F, "ETHTOOL_SGSO": 0x24}
PATIENCE_S = 30.0
LOOK_EVERY_S = 0.02


@dataclass
class Machine:
    """A network namespace with one address."""

    namespace: str
    address: str

    def command(self, words: Sequence[str], clock_ahead_s: int | None = None) -> list[str]:
        """These words as they are run there, with a monotonic clock that is so far ahead."""
        time_of_its_own = [] if clock_ahead_s is None else ["unshare", "--time", "--fork", "--kill-child", "--monotonic", str(clock_ahead_s)]
        return ["ip", "netns", "exec", self.namespace, *time_of_its_own, *words]

    def programs(self) -> list[str]:
        """The command lines of all that runs there."""
        pids = subprocess.run(["ip", "netns", "pids", self.namespace], capture_output=True, text=True, check=True).stdout.split()
        lines = []
        for pid in pids:
            try:
                lines.append(Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
            except OSError:
                # It has just ended.
                continue
        return lines

    def cut(self, is_cut: bool) -> None:
        """Cuts it off from all others, or joins it again."""
        ip("-n", self.namespace, "link", "set", "eth0", "down" if is_cut else "up")


def ip(*words: str) -> None:
    """Runs `ip`."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"`ip {' '.join(words)}`: {done.stderr.strip()}; it needs root and iproute2")


def whole_frames(interface: str) -> None:
    """Has the kernel fill in checksums and cut segments before frames leave an interface, as they are on a wire."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for command in CHECKSUMS_AND_SEGMENTS.values():
            off = array("I", [command, 0])
            address, _ = off.buffer_info()
            try:
                fcntl.ioctl(any_socket, SIOCETHTOOL, struct.pack("16sP", interface.encode(), address))
            except OSError:
                # An interface that can't do it anyway.
                continue


@contextmanager
def network(names: Sequence[str]) -> Iterator[list[Machine]]:
    """So many machines, the first of which has the bridge; all are gone behind it."""
    made: list[Machine] = []
    mark = f"bench{os.getpid()}"
    try:
        for number, name in enumerate(names, start=1):
            machine = Machine(f"{mark}-{name}", f"10.77.0.{number}")
            ip("netns", "add", machine.namespace)
            made.append(machine)
            ip("-n", machine.namespace, "link", "set", "lo", "up")
            hub = made[0].namespace
            if machine is made[0]:
                ip("-n", hub, "link", "add", "eth0", "type", "bridge")
            else:
                ip("-n", hub, "link", "add", f"to{number}", "type", "veth", "peer", "name", "eth0", "netns", machine.namespace)
                ip("-n", hub, "link", "set", f"to{number}", "master", "eth0", "up")
            ip("-n", machine.namespace, "addr", "add", f"{machine.address}/24", "dev", "eth0")
            ip("-n", machine.namespace, "link", "set", "eth0", "up")
        yield made
    finally:
        for machine in made:
            subprocess.run(["ip", "netns", "del", machine.namespace], check=False)


@contextmanager
def slow_wire(hub: Machine, number: int, machines: Sequence[Machine], delay_ms: float, loss_percent: float) -> Iterator[None]:
    """Puts a wire between the hub and machine `number`, along which frames take time and get lost."""
    for machine in machines:
        subprocess.run(machine.command([sys.executable, __file__, "eth0"]), check=True)
    ip("-n", hub.namespace, "link", "set", f"to{number}", "nomaster")
    ip("-n", hub.namespace, "link", "add", "near", "type", "veth", "peer", "name", "far")
    ip("-n", hub.namespace, "link", "set", "far", "master", "eth0", "up")
    ip("-n", hub.namespace, "link", "set", "near", "up")
    with Process(hub.command([sys.executable, str(WIRE), f"to{number}", "near", str(delay_ms), str(loss_percent)])) as wire:
        wire.says("the wire is up")
        yield


class Process:
    """A program that runs until the block ends, with what it prints in a file."""

    def __init__(self, words: Sequence[str], **how: object) -> None:
        self.words = words
        self.printed = tempfile.NamedTemporaryFile("w+", suffix=".txt")  # noqa: SIM115
        # A group of its own: what `unshare` and `ip netns exec` started is ended with it.
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self.printed, stderr=self.printed, start_new_session=True, **how)  # type: ignore[call-overload]

    def text(self) -> str:
        """What it printed so far."""
        return Path(self.printed.name).read_text(errors="replace")

    def says(self, pattern: str) -> re.Match[str]:
        """Waits until it says this."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.text()):
                return found
            if self.process.poll() is not None:
                break
            time.sleep(LOOK_EVERY_S)
        raise Failed(f"`{' '.join(self.words)}` did not say /{pattern}/: {self.text()[-500:]}")

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to all of its group."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def end(self) -> None:
        """Kills it where it lives."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGKILL)
        self.process.wait()
        self.printed.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def nats_words(place: Path, address: str, port: int, tls: tuple[Path, Path] | None) -> list[str]:
    """The command of a NATS server."""
    protected = ["--tls", "--tlscert", str(tls[0]), "--tlskey", str(tls[1])] if tls else []
    kept = ["--jetstream", "--store_dir", str(place), "--http_port", str(port + 1)]
    return [os.environ.get("NATS_SERVER", "nats-server"), "--addr", address, "--port", str(port), *kept, *protected]


def certificate(place: Path, address: str) -> tuple[Path, Path]:
    """A certificate of its own for an address, and its key."""
    cert, key = place / "cert.pem", place / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={address}"]
    named = ["-addext", f"subjectAltName=IP:{address}", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run([*words, *named, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


if __name__ == "__main__":
    whole_frames(sys.argv[1])
