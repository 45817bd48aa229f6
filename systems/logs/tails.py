"""Follows log files: rotation by rename or in place, patterns of names, huge lines, lines that are not text. Bounded.

A place in a file is known by what stands right before it, not by its number alone: a file that was emptied in place may
have outgrown the old place by the next look. What was written between the last look and the rotation is read from the
copy that was made of it.
"""

from __future__ import annotations

import glob
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
MOST_FILES = 200  # of one pattern
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
            self._place = Place(found.st_ino, found.st_size, mark=_mark(file, found.st_size))

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


def matching(pattern: Path) -> list[Path]:
    """The files that a name, or a pattern of names (`log/*.log`), means now; a plain name also when it is not there."""
    if not glob.has_magic(str(pattern)):
        return [pattern]
    root = Path(pattern.anchor)
    found = sorted(f for f in root.glob(str(pattern.relative_to(root))) if not f.name.endswith(PACKED))
    return [f for f in found if f.is_file()][-MOST_FILES:]


class Tails:
    """All files that a pattern names, those that come later too. A file that is renamed to another such name, or copied
    to one, is not read again."""

    def __init__(self, pattern: Path) -> None:
        self.pattern = pattern
        self._tails: dict[str, Tail] = {}
        self._ended: dict[int, Place] = {}
        self._polled = False

    def poll(self) -> dict[str, Chunk]:
        """New complete lines of each file. OSError when one cannot be opened."""
        if not glob.has_magic(str(self.pattern)):
            tail = self._tails.setdefault(str(self.pattern), Tail(self.pattern))
            return {str(self.pattern): tail.poll()}
        names = [str(file) for file in matching(self.pattern)]
        places = {name: tail.place for name, tail in self._tails.items()}
        found = {}
        for name in list(self._tails):  # what is gone is read to its end first, by whatever name it goes now
            before = self._tails[name].place
            found[name] = self._tails[name].poll()
            if self._tails[name].place.inode != before.inode and before.inode:
                self._ended[before.inode] = before
            if name not in names:
                del self._tails[name]
        for name in names:
            if name not in self._tails:
                with suppress(FileNotFoundError):
                    self._tails[name] = Tail(Path(name), self._start(name, places))
                    found[name] = self._tails[name].poll()
        while len(self._ended) > MOST_FILES:
            del self._ended[next(iter(self._ended))]
        self._polled = True
        return found

    def close(self) -> None:
        for tail in self._tails.values():
            tail.close()

    def _start(self, name: str, places: dict[str, Place]) -> Place | None:
        """From where a file is read that was not there before: None from its end, at the first poll."""
        if not self._polled:
            return None
        with Path(name).open("rb", buffering=0) as opened:
            file = opened.fileno()
            inode = os.fstat(file).st_ino
            known = self._ended.pop(inode, None)
            for place in [known] if known else places.values():
                if place.position and _is_at(file, place):
                    end = os.fstat(
                        file
                    ).st_size  # the old file was drained already, by its descriptor or its copy
                    return Place(inode, end, mark=_mark(file, end))
        return Place(inode)


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
                found.st_ino, found.st_size, mark=_mark(file, found.st_size)
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
    if place.position and not _is_at(file, place):
        for copy in _copies(path, place.inode):
            with suppress(OSError), copy.open("rb", buffering=0) as opened:
                if _is_at(opened.fileno(), place):
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


def _mark(file: int, position: int) -> int:
    """What tells this place: of the bytes before it."""
    start = max(0, position - KNOWN_BY)
    return zlib.crc32(os.pread(file, position - start, start)) if position else 0


def _is_at(file: int, place: Place) -> bool:
    """Whether the file still holds, before the place, what was read there."""
    return os.fstat(file).st_size >= place.position and (
        not place.mark or _mark(file, place.position) == place.mark
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
    mark = zlib.crc32(data[end - KNOWN_BY : end]) if end >= KNOWN_BY else _mark(file, at + end)
    return Place(place.inode, at + end, inside, mark)
