"""Lines into records: what belongs together is one, also where other lines come in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from systems.logs.dialects.structured import of_record
from systems.logs.dialects.structured import read as read_json
from systems.logs.levels import ERROR, Level
from systems.logs.lines import Line, Stream
from systems.logs.reading import LINE_LIMIT, plain, read
from systems.logs.records import Record
from systems.logs.traces import shapes
from systems.logs.traces.belonging import (
    WORDS_FOLLOW,
    Open,
    advance,
    enter,
    follows,
    goes_on,
    hangs_on,
    tagged,
)

MOST_OPEN = 64  # writers whose last record is still open
EXPORTED = "__CURSOR="  # journald's export: fields up to an empty line
CUT = frozenset({"cri", "docker"})  # engines that write a long line in pieces
STRUCTURED = frozenset({"json", "journal", "postgres csv"})
PATIENCE = 30  # records of others between two lines of one traceback


def records(lines: Iterable[bytes]) -> Iterator[Record]:
    """All records of lines that end."""
    assembler = Assembler()
    for raw in lines:
        yield from assembler.line(plain(raw))
    yield from assembler.flush()


class Assembler:
    """Joins the lines of one file or stream into records. An unfinished trace is held back until it ends or nothing
    follows."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Open] = {}
        self._last: dict[str, tuple[str, str]] = {}  # carrier -> whose record came last
        self._stream = Stream()

    def feed(self, lines: Iterable[bytes]) -> Iterator[Record]:
        """Records of the given lines. A trace that has not ended is held back until the next call."""
        any_line = False
        for raw in lines:
            any_line = True
            yield from self.line(plain(raw))
        if not any_line:  # nothing followed since the last call: it was the end
            yield from self.flush()
        for key, held in list(self._open.items()):
            if not (held.waits or held.partial):
                del self._open[key]
                yield from _record(held)

    def flush(self) -> Iterator[Record]:
        """Give out what is held back."""
        yield from self._blank()
        if entry := self._stream.entry:  # it breaks off
            line = Line("postgres csv", entry[0])
            self._stream.entry = []
            yield from _record(Open(line, "", lines=entry, bodies=entry))
        for held in self._open.values():
            if held.line.dialect != "stamp" or len(held.lines) > 1:
                yield from _record(held)
        self._open.clear()

    def line(self, text: str) -> Iterator[Record]:
        """Take one line of clean text."""
        if not text or text.isspace():
            yield from self._blank()
            return
        if self._stream.fields or text.startswith(EXPORTED):
            if text.startswith(EXPORTED):
                yield from self._blank()
            name, _, value = text.partition("=")
            self._stream.fields[name] = value
            return
        said = read(text, self._stream)
        line, carrier, text = said.line, said.carrier, said.shown
        if not line.body and line.dialect in ("w3c", "postgres csv"):
            return
        if not line.body.strip() and not line.more and not follows(line):
            yield from self._blank()
            return
        key = (carrier, line.who if not line.inner else "")
        held = self._holder(line, carrier, key)
        if held is not None and self._joins(held, line, text):
            return
        yield from self._begin(key, line, carrier, text, said.part)

    # -- going on ----------------------------------------------------------------------------------------------

    def _holder(self, line: Line, carrier: str, key: tuple[str, str]) -> Open | None:
        """The open record that this line could belong to."""
        if key in self._open:
            return self._open[key]
        if line.dialect == "" or line.inner or line.more:
            return self._open.get(self._last.get(carrier, ("", "")))
        return None

    def _blank(self) -> Iterator[Record]:
        """An empty line: what it ends, and what it only divides."""
        if fields := self._stream.fields:
            self._stream.fields = {}
            if (line := of_record(fields)) is not None:
                line.dialect = "journal"
                new = Open(line, "")
                new.add(line.body, line.body)
                yield from _record(new)
        for held in self._open.values():
            held.blank = True

    def _joins(self, held: Open, line: Line, text: str) -> bool:
        """Whether the line went to the record that is open."""
        unknown = line.dialect == "" or line.inner  # no dialect knows it: it has no level of its own
        if held.partial:
            held.partial = line.more and line.dialect in CUT
            if len(held.lines[-1]) < LINE_LIMIT:
                held.lines[-1] += text
                held.bodies[-1] += line.body
            if not held.partial:
                whole = read(held.lines[-1], self._stream)
                whole.line.stamp = whole.line.stamp or held.line.stamp
                held.line, held.bodies[-1] = whole.line, whole.line.body
            return True
        if line.more and line.dialect not in CUT:
            held.add(text, line.body)
            return True
        if unknown and (bare := tagged(held, text)) is not None:
            held.add(text, bare)
            return True
        if unknown and hangs_on(held, line):
            held.add(text, None if held.mode or held.bodies[0].strip() else line.body)
            return True
        if goes_on(held, line, unknown):
            advance(held, line)
            held.add(text, line.body)
            held.blank = False
            return True
        if held.waits and held.mode == "python" and not unknown and held.others < PATIENCE:
            held.others += 1  # another's line in between
        return False

    # -- beginning ---------------------------------------------------------------------------------------------

    def _begin(
        self, key: tuple[str, str], line: Line, carrier: str, text: str, part: str
    ) -> Iterator[Record]:
        held = self._open.get(key)
        if held is not None and held.mode == "python" and held.waits and 0 < held.others < PATIENCE:
            new = Open(line, part)
            new.add(text, line.body)
            yield from _record(new)
            return
        if held is not None:
            del self._open[key]
            if held.line.dialect == "stamp" and len(held.lines) == 1:  # it was the stamp of this line
                line.stamp = line.stamp or held.line.stamp
            else:
                yield from _record(held)
        for other in [k for k, o in self._open.items() if not (o.waits or o.partial)]:
            yield from _record(self._open.pop(other))
        if len(self._open) >= MOST_OPEN:
            yield from _record(self._open.pop(next(iter(self._open))))
        new = Open(line, part, partial=line.more and line.dialect in CUT)
        new.add(text, line.body)
        enter(new, line)
        if line.closed and not new.partial:
            yield from _record(new)
            return
        self._open[key] = new
        self._last[carrier] = key


def _record(held: Open) -> Iterator[Record]:
    line = held.line
    if (
        len(held.lines) > 1
        and held.lines[0][:1] == "{"
        and (spread := read_json("\n".join(held.lines))) is not None
    ):
        spread.stamp = spread.stamp or line.stamp
        held = Open(spread, held.part, [spread.body], [spread.body])
        line = spread
    body = held.bodies[0] or line.body
    trace = [part for each in held.bodies for part in each.split("\n")]
    if not body and len(trace) > 1:  # the head of a record whose words follow
        body = next(
            (words for part in trace[1:] if shapes.WORD.search(words := part.strip())), trace[1].strip()
        )
    extra = line.trace.split("\n") if line.trace else []
    several = len(trace) > 1 or bool(extra)
    structured = line.dialect in STRUCTURED or bool(extra)
    text = "\n".join(held.lines)
    if structured:
        rest = [line.rest] if line.rest and line.rest != line.body else []
        text = "\n".join([line.body, *extra, *rest, *held.lines[1:]])
    level = _level(line.level, trace + extra)
    # Whether the first line, as it was written, says the level: not where it stood in what was taken off, or below.
    alone = len(held.lines) == 1 or (level == line.level and line.dialect not in WORDS_FOLLOW)
    yield Record(
        text,
        level,
        body,
        line.stamp,
        line.dialect,
        trace + extra if several or shapes.begins(body) or "[object] (" in body else [],
        line.rest,
        line.access,
        held.part,
        plain=not structured and alone and not (line.inner and line.level is not None),
    )


def _level(level: Level | None, bodies: list[str]) -> Level | None:
    """The level that was said; of a crash that nobody logged, error."""
    if level is not None:
        return level
    if any(shapes.begins(body.lstrip(" |")) or shapes.TRACEBACK.match(body) for body in bodies[:12]):
        return ERROR
    return (
        ERROR
        if len(bodies) > 1 and shapes.FRAME.match(bodies[1]) and shapes.NAMES.search(bodies[0])
        else None
    )
