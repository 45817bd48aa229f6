"""Follows log files: rotation, truncation, huge lines, and lines that are not text. Bounded in memory and time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

LINE_LIMIT = 16_384  # of a longer line only the start is kept
READ_LIMIT = 1_000_000  # bytes looked at per poll
BACKLOG_LIMIT = 8_000_000  # further behind than this, the middle is skipped


@dataclass(slots=True)
class Chunk:
    """What was appended since the last poll. `bytes` counts everything, also what was skipped."""

    lines: list[bytes] = field(default_factory=list)
    bytes: int = 0
    skipped: int = 0


@dataclass(slots=True, frozen=True)
class Place:
    """Where reading of a file goes on. inode 0: there was no file yet. inside: within a line whose start was given
    out, so its rest is passed over."""

    inode: int = 0
    position: int = 0
    inside: bool = False


class Tail:
    """One followed file. What is there at the first poll is not read again;
    a file that comes later is read from its start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._place = Place()
        self._polled = False

    def poll(self) -> Chunk:
        """New complete lines. OSError when the file cannot be opened (a missing file is just no lines)."""
        chunk = Chunk()
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._drain(chunk)
            self.close()
            self._polled = True
            return chunk
        if self._file is not None and found.st_ino != self._place.inode:
            self._drain(chunk)
            self.close()
        if self._file is None:
            self._file = self.path.open("rb", buffering=0)
            inode = os.fstat(self._file.fileno()).st_ino
            self._place = Place(inode, 0 if self._polled else found.st_size)
        self._polled = True
        self._drain(chunk)
        return chunk

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._place = None, Place()

    def _drain(self, chunk: Chunk) -> None:
        if self._file is not None:
            self._place = _read_on(self._file.fileno(), self._place, chunk)


def read_since(path: Path, place: Place | None) -> tuple[Chunk, Place]:
    """Complete lines since `place` (None: nothing, from its end on), and where to go on: of a file that was renamed
    to PATH* first, then of its successor. OSError when it cannot be opened (a missing file is just no lines)."""
    chunk = Chunk()
    with ExitStack() as opened:
        try:
            file = opened.enter_context(path.open("rb", buffering=0)).fileno()
        except FileNotFoundError:
            file = None
        found = os.fstat(file) if file is not None else None
        if place is None:
            return chunk, Place(found.st_ino, found.st_size) if found else Place()
        if place.inode and (found is None or found.st_ino != place.inode):
            for old in _renamed(path, place.inode):
                before = opened.enter_context(old.open("rb", buffering=0)).fileno()
                place = _read_on(before, place, chunk)
                if chunk.lines and os.fstat(before).st_size - place.position > LINE_LIMIT:
                    return chunk, place  # more than one look can take
        if file is None or found is None:
            return chunk, place
        return chunk, _read_on(file, place if place.inode == found.st_ino else Place(found.st_ino), chunk)


def _renamed(path: Path, inode: int) -> Iterator[Path]:
    """What was `path` and is now called PATH.1 or the like."""
    for file in path.parent.iterdir() if path.parent.is_dir() else ():
        with suppress(OSError):
            if file.name.startswith(path.name) and file.stat().st_ino == inode:
                yield file
                return


def _read_on(file: int, place: Place, chunk: Chunk) -> Place:
    """Complete lines of the descriptor `file` into `chunk`; where to go on."""
    at, inside = place.position, place.inside
    size = os.fstat(file).st_size
    if size < at:  # truncated in place
        at, inside = 0, False
    if size - at > BACKLOG_LIMIT:
        skip = size - at - READ_LIMIT
        at, inside = at + skip, True  # the line we land in is not whole
        chunk.bytes += skip
        chunk.skipped += skip
    data = os.pread(file, READ_LIMIT, at)
    end = data.rfind(b"\n") + 1
    whole = data[:end].split(b"\n")[:-1]
    if inside and whole:
        whole, inside = whole[1:], False
    chunk.lines += [line[:LINE_LIMIT].rstrip(b"\r") for line in whole]
    if inside or len(data) - end > LINE_LIMIT:
        if not inside:
            chunk.lines.append(data[end : end + LINE_LIMIT])
        end, inside = len(data), True
    chunk.bytes += end
    return Place(place.inode, at + end, inside)
