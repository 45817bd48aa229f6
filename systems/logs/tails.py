"""Follows log files: rotation by rename or in place, huge lines, lines that are not text. Bounded.

A place in a file is known by what stands right before it, not by its number alone: a file that was emptied in place may
have outgrown the old place by the next look. What was written between the last look and the rotation is read from the
copy that was made of it.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

LINE_LIMIT = 16_384  # of a longer line only the start is kept
READ_LIMIT = 1_000_000  # bytes looked at per poll
BACKLOG_LIMIT = 8_000_000  # further behind than this, the middle is skipped
KNOWN_BY = 256  # bytes before a place that tell it from the same place in another file
LINGER = 10  # polls for which a file that was renamed is still read: its writer may not know yet
MOST_COPIES = 12  # files beside it that are looked at for what was rotated away
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")


@dataclass(slots=True)
class Chunk:
    """What was appended since the last poll. `bytes` counts everything, also what was skipped."""

    lines: list[bytes] = field(default_factory=list)
    bytes: int = 0
    skipped: int = 0


@dataclass(slots=True, frozen=True)
class Place:
    """Where reading of a file goes on. inode 0: there was no file yet. inside: within a line whose start was given
    out, so its rest is passed over. mark: of the bytes before it."""

    inode: int = 0
    position: int = 0
    inside: bool = False
    mark: int = 0

    def text(self) -> str:
        return f"{self.inode} {self.position} {self.inside:d} {self.mark}"

    @classmethod
    def of(cls, text: str) -> Place:
        """ValueError: it is none."""
        inode, position, inside, *mark = map(int, (text or "0 0 0").split())
        return cls(inode, position, bool(inside), *mark)


class Tail:
    """One followed file. What is there at the first poll is not read again (unless `place` says from where);
    a file that comes later is read from its start."""

    def __init__(self, path: Path, place: Place | None = None) -> None:
        self.path = path
        self._file: BinaryIO | None = None
        self._place = Place()
        self._leaving: list[_Leaving] = []
        self._begin = place
        self._polled = place is not None

    @property
    def place(self) -> Place:
        return self._place

    def poll(self) -> Chunk:
        """New complete lines. OSError when the file cannot be opened (a missing file is just no lines)."""
        chunk = Chunk()
        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError:
            inode = 0
        if self._file is not None and inode != self._place.inode:
            self._leaving.append(_Leaving(self._file, self._place))
            self._file, self._place = None, Place()
        self._leaving = [old for old in self._leaving if old.drained(chunk)]
        if inode:
            if self._file is None:
                self._open()
            self._drain(chunk)
        self._polled = True
        return chunk

    def close(self) -> None:
        for file in (self._file, *(old.file for old in self._leaving)):
            if file is not None:
                file.close()
        self._file, self._place, self._leaving = None, Place(), []

    def _open(self) -> None:
        self._file = self.path.open("rb", buffering=0)
        file = self._file.fileno()
        found = os.fstat(file)
        if self._begin is not None:
            self._place, self._begin = Place(found.st_ino, *_rest_of(self._begin)), None
        elif self._polled:
            self._place = Place(found.st_ino)
        else:
            self._place = Place(found.st_ino, found.st_size, mark=mark_of(file, found.st_size))

    def _drain(self, chunk: Chunk) -> None:
        if self._file is not None:
            self._place = _go_on(self.path, self._file.fileno(), self._place, chunk)


@dataclass(slots=True)
class _Leaving:
    """A file that goes by another name now, or by none."""

    file: BinaryIO
    place: Place
    left: int = LINGER

    def drained(self, chunk: Chunk) -> bool:
        """Read what is new in it; False when that was the last time."""
        self.place, self.left = _all_of(self.file.fileno(), self.place, chunk), self.left - 1
        if self.left > 0:
            return True
        rest = os.pread(self.file.fileno(), LINE_LIMIT, self.place.position)
        if rest and not self.place.inside:  # its last line has no end
            chunk.lines.append(rest)
        self.file.close()
        return False


def _rest_of(place: Place) -> tuple[int, bool, int]:
    return place.position, place.inside, place.mark


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
            return chunk, Place(
                found.st_ino, found.st_size, mark=mark_of(file, found.st_size)
            ) if found and file else Place()
        if place.inode and (found is None or found.st_ino != place.inode):
            for old in _renamed(path, place.inode):
                before = opened.enter_context(old.open("rb", buffering=0)).fileno()
                place = _read_on(before, place, chunk)
                if chunk.lines and os.fstat(before).st_size - place.position > LINE_LIMIT:
                    return chunk, place  # more than one look can take
        if file is None or found is None:
            return chunk, place
        return chunk, _go_on(path, file, place if place.inode == found.st_ino else Place(found.st_ino), chunk)


def _renamed(path: Path, inode: int) -> Iterator[Path]:
    """What was `path` and is now called PATH.1 or the like."""
    for file in path.parent.iterdir() if path.parent.is_dir() else ():
        with suppress(OSError):
            if file.name.startswith(path.name) and file.stat().st_ino == inode:
                yield file
                return


def _go_on(path: Path, file: int, place: Place, chunk: Chunk) -> Place:
    """Read on; when the file was emptied in place, first the rest of the copy that was made of it."""
    if place.position and not is_at(file, place):
        for copy in _copies(path, place.inode):
            with suppress(OSError), copy.open("rb", buffering=0) as opened:
                if is_at(opened.fileno(), place):
                    _all_of(opened.fileno(), place, chunk)
                    break
        place = Place(place.inode)
    return _read_on(file, place, chunk)


def _all_of(file: int, place: Place, chunk: Chunk) -> Place:
    """Everything that is left of a file that will be read no more."""
    while (later := _read_on(file, place, chunk)) != place:
        place = later
    return place


def _copies(path: Path, inode: int) -> list[Path]:
    """Files beside `path` that may be copies of what it was, the newest first."""
    stem = path.name.removesuffix(path.suffix)
    found: list[tuple[float, Path]] = []
    for file in path.parent.iterdir() if path.parent.is_dir() else ():
        if file.name.startswith((path.name, stem + "-", stem + ".")) and not file.name.endswith(PACKED):
            with suppress(OSError):
                state = file.stat()
                if state.st_ino != inode:
                    found.append((state.st_mtime, file))
    return [file for _, file in sorted(found, reverse=True)[:MOST_COPIES]]


def mark_of(file: int, position: int) -> int:
    """What tells this place: of the bytes before it."""
    start = max(0, position - KNOWN_BY)
    return zlib.crc32(os.pread(file, position - start, start)) if position else 0


def is_at(file: int, place: Place) -> bool:
    """Whether the file still holds, before the place, what was read there."""
    return os.fstat(file).st_size >= place.position and (
        not place.mark or mark_of(file, place.position) == place.mark
    )


def _read_on(file: int, place: Place, chunk: Chunk) -> Place:
    """Complete lines of the descriptor `file` into `chunk`; where to go on."""
    at, inside = place.position, place.inside
    size = os.fstat(file).st_size
    if size == at:
        return place
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
    mark = zlib.crc32(data[end - KNOWN_BY : end]) if end >= KNOWN_BY else mark_of(file, at + end)
    return Place(place.inode, at + end, inside, mark)
