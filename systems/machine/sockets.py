"""The machine's TCP sockets, and which process holds one; of Linux, from /proc/net."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from systems.machine.gauges import PROC

LISTENS = "0A"
MOST = 100_000  # lines of a table
HOLDERS = 8  # processes told of that share a socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket that takes connections. `uid`: whose it is."""

    address: Address
    port: int
    inode: int
    uid: int


@dataclass(slots=True)
class Table:
    """`listening`: of the ports that were asked for. `busiest`: the far end to which the most ports of `ephemeral` are
    taken, and how many: each may be taken once for each far end."""

    listening: list[Listening] = field(default_factory=list)
    busiest: tuple[str, int] = ("", 0)
    is_read: bool = False


def table(ports: Iterable[int], ephemeral: range, proc: Path = PROC) -> Table:
    """Both tables, of IPv4 and IPv6, in one go."""
    wanted = {f"{port:04X}" for port in ports}
    found, ends = Table(), Counter[str]()
    for name in ("tcp", "tcp6"):
        try:
            with (proc / "net" / name).open() as lines:
                next(lines, None)
                for _, line in zip(range(MOST), lines, strict=False):
                    _take(line.split(), wanted, ephemeral, found, ends)
            found.is_read = True
        except (OSError, ValueError, IndexError):
            continue
    if ends:
        end, count = ends.most_common(1)[0]
        found.busiest = (_words(end), count)
    return found


def _take(row: list[str], wanted: set[str], ephemeral: range, found: Table, ends: Counter[str]) -> None:
    address, _, port = row[1].rpartition(":")
    if row[3] == LISTENS:
        if port in wanted:
            found.listening.append(Listening(_address(address), int(port, 16), int(row[9]), int(row[7])))
    elif int(port, 16) in ephemeral:
        ends[row[2]] += 1


def _address(text: str) -> Address:
    """As the kernel prints it: words of 32 bits in the order of this machine."""
    words = [int(text[i : i + 8], 16) for i in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    found = ipaddress.ip_address(packed)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _words(end: str) -> str:
    address, _, port = end.rpartition(":")
    return f"{_address(address)}:{int(port, 16)}"


def serves(listening: Listening, host: str) -> bool:
    """Whether what connects to `host`, of this machine, reaches the socket."""
    if listening.address.is_unspecified:
        return True
    if host == "localhost":
        return listening.address.is_loopback
    try:
        return listening.address == ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return True  # a name of this machine


def is_ours(host: str) -> bool:
    """Whether an address, as a manifest has it, is of this machine. No name is asked for."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host in ("localhost", socket.gethostname())
    if address.is_loopback or address.is_unspecified:
        return True
    return any(str(address) == a.address for some in psutil.net_if_addrs().values() for a in some)


class Holders:
    """Which processes hold a socket: looked for among all of them once, then only whether it is still so."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._known: dict[int, list[tuple[int, str]]] = {}  # inode -> pid, descriptor

    def of(self, inodes: Iterable[int]) -> dict[int, list[int]]:
        """Inode -> pids, the lowest first; [] where they are not ours to see."""
        wanted = set(inodes)
        still = ((i, self._still(i, held)) for i, held in self._known.items() if i in wanted)
        self._known = {i: held for i, held in still if held is not None}
        if missing := {f"socket:[{i}]": i for i in wanted if i not in self._known}:
            self._known |= {i: [] for i in missing.values()}
            self._search(missing)
        return {i: [pid for pid, _ in self._known[i]] for i in wanted}

    def _still(self, inode: int, held: list[tuple[int, str]]) -> list[tuple[int, str]] | None:
        """Those of `held` that hold it yet; None: look for others."""
        return [h for h in held if self._target(*h) == f"socket:[{inode}]"] or (None if held else [])

    def _search(self, missing: dict[str, int]) -> None:
        for pid in sorted(int(name) for name in _names(self._proc) if name.isdigit()):
            for fd in _names(self._proc / str(pid) / "fd"):
                inode = missing.get(self._target(pid, fd))
                if inode is not None and len(self._known[inode]) < HOLDERS:
                    self._known[inode].append((pid, fd))

    def _target(self, pid: int, fd: str) -> str:
        try:
            return os.readlink(f"{self._proc}/{pid}/fd/{fd}")  # noqa: PTH115 - it need not be a path
        except OSError:
            return ""


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - plain names are quicker here
    except OSError:
        return []
