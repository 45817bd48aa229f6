"""A container's output from where one last looked, in the order in which the engine wrote it down.

The engine can give the last N entries with their time stamps. The entry last seen is looked for in few of them, then in
more; what follows it is new. Their order in the log counts and not their times, which two streams do not keep, nor a
clock that is set back. An entry is a line, or 16 KB of a longer one.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field

from systems.logs.tails import BACKLOG_LIMIT, LINE_LIMIT, READ_LIMIT, Chunk

from ..base import RuntimeFailed, Said
from .engine import Engine
from .view import epoch

STEPS = (32, 256, 2048, 16_384, 65_536)  # so many last entries are asked for
STREAMS = {1: "stdout", 2: "stderr"}
KNOWN_BY = 4096  # bytes of an entry that tell it from others of its time
Entry = tuple[int, bytes]  # stream, `time stamp, a space, text`
Ask = Callable[[int], AbstractContextManager[Iterable[Entry]]]  # the last so many entries, oldest first


@dataclass(slots=True, frozen=True)
class Mark:
    """The last entry given out. cut: the streams on which the rest of a long line is passed over."""

    container: str
    stamp: str = ""
    check: int = 0
    cut: str = ""

    def text(self) -> str:
        return f"{self.container} {self.stamp or '-'} {self.check:x} {self.cut or '-'}"

    @classmethod
    def of(cls, text: str) -> Mark:
        """RuntimeFailed: it is none of ours."""
        try:
            container, stamp, check, cut = text.split()
            return cls(container, stamp.strip("-"), int(check, 16), cut.strip("-"))
        except ValueError:
            raise RuntimeFailed(f"this is no place in a container's output: {text[:80]}") from None

    def at(self, entry: Entry, cut: str) -> Mark:
        return Mark(self.container, _stamp(entry), _check(entry), cut)

    def is_at(self, entry: Entry) -> bool:
        return self.stamp == _stamp(entry) and self.check == _check(entry)


def _stamp(entry: Entry) -> str:
    return entry[1].partition(b" ")[0].decode(errors="replace")


def _size(entry: Entry) -> int:
    """Bytes of the text alone."""
    return len(entry[1]) - entry[1].find(b" ") - 1


def _check(entry: Entry) -> int:
    return zlib.crc32(entry[1][:KNOWN_BY], entry[0])


def frames(pieces: Iterable[bytes]) -> Iterator[Entry]:
    """The engine's multiplexed answer: each entry behind 8 bytes that tell its stream and length."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        at = 0
        while len(buffer) - at >= 8:
            end = at + 8 + int.from_bytes(buffer[at + 4 : at + 8], "big")
            if len(buffer) < end:
                break
            yield buffer[at], bytes(buffer[at + 8 : end])
            at = end
        del buffer[:at]


def terminal(pieces: Iterable[bytes]) -> Iterator[Entry]:
    """The answer for a container with a terminal: plain lines. Long ones are cut into entries here."""
    rest, stamp = b"", b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield 1, stamp + line + b"\n"
            stamp = b""
        while len(rest) > LINE_LIMIT:
            yield 1, stamp + rest[:LINE_LIMIT]
            stamp = stamp or rest[: rest.find(b" ") + 1]
            rest = rest[LINE_LIMIT:]


@dataclass(slots=True)
class _Window:
    """The last entries of the log, read once. Holds at most READ_LIMIT bytes: of what follows the mark the oldest, as
    long as the mark is not there the newest."""

    mark: Mark
    count: int = 0
    bytes: int = 0
    first: str = ""
    found: bool = False
    held: deque[Entry] = field(default_factory=deque)
    size: int = 0
    dropped: int = 0

    def read(self, entries: Iterable[Entry]) -> bool:
        """False: there is more than we would read, and the mark was not among it."""
        for entry in entries:
            self.count += 1
            self.bytes += _size(entry)
            self.first = self.first or _stamp(entry)
            if not self.held and self.found and self.mark.is_at(entry):
                continue
            if not self.found and self.mark.is_at(entry):
                self.found, self.size = True, 0
                self.held.clear()
                continue
            if self.found and self.size + _size(entry) > READ_LIMIT:
                return True
            self._hold(entry)
            if not self.found and self.bytes > BACKLOG_LIMIT:
                return False
        return True

    def _hold(self, entry: Entry) -> None:
        self.held.append(entry)
        self.size += _size(entry)
        while self.size > READ_LIMIT:
            gone = _size(self.held.popleft())
            self.size -= gone
            self.dropped += gone

    def left_out(self, whole: bool) -> int:
        """Bytes between the mark and what is held: counted, and reckoned by the pace where nobody counted. whole: the
        window begins where the log does."""
        missed = float(self.dropped)
        if self.held and self.mark.stamp and not whole:
            with suppress(ValueError, TypeError):
                began, ended = epoch(self.first), epoch(_stamp(self.held[-1]))
                last = epoch(self.mark.stamp)
                if began and ended and last and ended > began > last:
                    missed += self.bytes / (ended - began) * (began - last)
        return int(missed)


def end_of(ask: Ask, container: str) -> Mark:
    """Where its output ends now."""
    mark = Mark(container)
    with ask(1) as entries:
        for entry in entries:
            mark = mark.at(entry, "" if entry[1].endswith(b"\n") else str(entry[0]))
    return mark


def read_since(ask: Ask, mark: Mark, guess: int = 0) -> tuple[Said, Mark, int]:
    """What was said since `mark`, the next mark, and how many entries that were: a good `guess` for the next time."""
    window, whole = _Window(mark), False
    for tail in (*(s for s in STEPS[:-1] if s > guess), STEPS[-1]):
        wider = _Window(mark)
        with ask(tail) as entries:
            if not wider.read(entries):
                break
        window, whole = wider, wider.count < tail
        if window.found or whole:
            break
    new = list(window.held)
    if whole and not window.found:  # the log was emptied, or turned over so often that the mark is gone
        new = [entry for entry in new if _stamp(entry) > mark.stamp]
    said: Said = {name: Chunk() for name in STREAMS.values()}
    if not window.found and new and (missed := window.left_out(whole)):
        said["stdout"].bytes = said["stdout"].skipped = missed
    cut = _give_out(new, said, set(mark.cut if window.found else ""))
    return said, mark.at(new[-1], cut) if new else mark, len(new)


def _give_out(entries: Iterable[Entry], said: Said, cut: set[str]) -> str:
    """The entries as lines, each in its stream; `cut` as it is afterwards."""
    for stream, entry in entries:
        text = entry.partition(b" ")[2]
        chunk = said[STREAMS.get(stream, "stdout")]
        chunk.bytes += len(text)
        if str(stream) not in cut:
            chunk.lines.append(text[:LINE_LIMIT].rstrip(b"\r\n"))
        (cut.discard if text.endswith(b"\n") else cut.add)(str(stream))
    return "".join(sorted(cut))


class Output:
    """The output of all units of an engine. Remembers only how much each of them said last, to ask for as much."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._guesses: dict[str, int] = {}

    def since(self, unit: str, cursor: str | None) -> tuple[Said, str]:
        """As base.Runtime.logs_since. A container that was replaced is read from its beginning."""
        container = self._engine.container(unit, fresh=False)
        split = terminal if self._engine.has_terminal(container) else frames

        @contextmanager
        def ask(tail: int) -> Iterator[Iterator[Entry]]:
            how = {"stdout": 1, "stderr": 1, "timestamps": 1, "tail": tail}
            with self._engine.reading(f"logs {unit}", f"/containers/{container}/logs", **how) as pieces:
                yield split(pieces)

        if cursor is None:
            return {}, end_of(ask, container).text()
        mark = Mark.of(cursor) if cursor else Mark(container)
        if mark.container != container:
            mark = Mark(container)
        said, mark, self._guesses[unit] = read_since(ask, mark, self._guesses.get(unit, 0))
        return said, mark.text()
