"""Whether a line belongs to the record before it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from systems.logs.carriers import ENGINES
from systems.logs.lines import Line
from systems.logs.traces import shapes

JOIN_LIMIT = 400  # lines of one record that are kept
TEXT_LIMIT = 60_000  # characters of it
# The first line is only a head.
WORDS_FOLLOW = frozenset({"java.util.logging", "dotnet", "erlang", "stamp", "mysql slow"})
MOST_OF_A_STAMP = 12  # lines that follow a stamp which stands alone
# `[request] ` before each line that Rails writes at once.
_TAGS = re.compile(r" -- [^:]*: ((?:\[[^\[\]\s]{1,80}\] ?)+)")
STAMPED = frozenset(
    {"stamped", "nginx", "apache", "klog", "mysql", "php-fpm", "postgres", "mongodb", "sqlserver"}
)


@dataclass(slots=True)
class Open:
    """A record that may go on. `mode`: the language of its trace; `waits`: lines must follow before it is whole."""

    line: Line
    part: str
    lines: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    mode: str = ""
    waits: bool = False
    blank: bool = False
    others: int = 0
    unfinished: bool = False  # its message goes over several lines
    size: int = 0
    heads: int = 1  # lines before which no exception can be
    partial: bool = False

    def add(self, text: str, body: str | None = None) -> None:
        """Take in a line; without a body it is only shown, and nothing is read out of it."""
        self.size += len(text)
        if len(self.lines) < JOIN_LIMIT and self.size < TEXT_LIMIT:
            self.lines.append(text)
            if body is not None:
                self.bodies.append(body)


def enter(held: Open, line: Line) -> None:
    """What kind of trace the first line begins."""
    if line.dialect == "ruby" and (tags := _TAGS.search(held.lines[0])):
        line.body = held.bodies[0] = line.body[len(tags[1]) :]
    body = line.body
    if shapes.PYTHON in body:
        held.mode, held.waits = "python", True
    elif body.startswith(("panic: ", "fatal error: ", "goroutine ")) or "panic serving" in body:
        held.mode, held.waits = "go", True
    elif body.startswith("Execution error (") or (body.startswith("thread '") and shapes.RUST.match(body)):
        held.mode, held.waits = "rust", True
    elif body.startswith('  File "'):  # a syntax error has no more of a head
        held.mode, held.waits = "python", True
    elif shapes.NODE_SOURCE.match(body) or body == "Unhandled exception:":
        held.mode, held.waits = "node", True
    elif line.dialect == "logcat" and body.startswith("FATAL EXCEPTION"):
        held.mode = "android"
    elif body.endswith("):") and shapes.CALLS.search(body):
        held.mode = "frames"
    elif line.dialect in WORDS_FOLLOW:
        held.mode, held.waits = line.dialect, True


def follows(line: Line) -> bool:
    """Whether a line without words is the head of what follows it. A stamp alone is one, too."""
    if line.dialect == "stamped" and line.level is None and line.stamp is not None:
        line.dialect, line.inner = "stamp", False
    failed = line.level is not None and line.level.rank > 1 and line.stamp is not None
    return line.dialect in WORDS_FOLLOW or (failed and line.dialect in STAMPED)


def tagged(held: Open, text: str) -> str | None:
    """A further line of what was written at once, without the tags that stand before each."""
    if held.line.dialect != "ruby" or (tags := _TAGS.search(held.lines[0])) is None:
        return None
    tag = tags[1].rstrip()
    return text[len(tag) :].removeprefix(" ") if text.startswith(tag) else None


def goes_on(held: Open, line: Line, unknown: bool) -> bool:
    body = line.body
    if not unknown:
        return _headed(held, line)
    if body.startswith(shapes.PYTHON) and held.mode == "python" and not held.waits:
        return shapes.BECAUSE.match(held.bodies[-1].strip(" |")) is not None  # else it is another one
    if line.inner and line.dialect not in ENGINES:  # each line has a head of its own
        return (shapes.of_trace(body) and is_trace(held)) or _mode_goes_on(held, body)
    if shapes.goes_on(body):
        return not held.blank or shapes.CHAINED.match(body) is not None or is_trace(held)
    if shapes.closes(body):
        return not held.blank and len(held.lines) > 1
    return _mode_goes_on(held, body) or (is_trace(held) and shapes.of_trace(body)) or _faults(held, body)


def hangs_on(held: Open, line: Line) -> bool:
    """Whatever follows an error that began with a stamp, in a log whose records begin so."""
    if held.mode == "mysql slow":
        return True
    own = held.line.stamp is not None and held.line.dialect in STAMPED and not line.inner
    return own and held.line.level is not None and held.line.level.rank > 1 and not held.waits and not (
        (held.blank and held.bodies[0]) or shapes.heads(line.body) or goes_on(held, line, unknown=True)
    )  # fmt: skip


def _headed(held: Open, line: Line) -> bool:
    """A line with level and all, as every line of a trace has where a logger puts them before it."""
    if held.mode == "java.util.logging" and line.dialect == "leveled" and len(held.lines) == 1:
        return True
    if held.mode == "android":
        return line.who == held.line.who and line.level == held.line.level
    if held.mode == "mysql slow":
        return line.dialect == held.mode and line.stamp is None and len(held.lines) == 1
    if held.line.dialect == line.dialect == "sqlserver" and held.line.level is not None:
        return line.level is None and line.who == held.line.who and len(held.lines) == 1
    same = line.level == held.line.level and line.who == held.line.who and line.dialect == held.line.dialect
    if (
        same
        and line.dialect == "stamped"
        and line.who
        and (line.body[:2] == "  " or (len(held.lines) == 1 and held.bodies[0].endswith(":")))
        and line.stamp == held.line.stamp
    ):
        return True  # a report, of which each line has a head
    return same and shapes.of_trace(line.body) and (is_trace(held) or shapes.frame(line.body))


def _mode_goes_on(held: Open, body: str) -> bool:
    """What the language of the trace lets follow."""
    mode = held.mode
    if mode == "python" and (held.waits or (held.unfinished and not held.blank)):
        named = body[:1].isspace() or not shapes.EXCEPTION.match(
            held.bodies[0]
        )  # else its last line came first
        return named or shapes.PYTHON_LAST.match(body) is not None
    if mode == "go":
        return shapes.GO_FRAME.match(body) is not None or body.startswith("panic: ")
    if (mode == "rust" and len(held.lines) == 1) or (mode in ("dotnet", "erlang") and not held.blank):
        return True
    if mode == "stamp":
        return not held.blank and len(held.lines) < MOST_OF_A_STAMP
    return mode == "node" and held.waits and shapes.begins(body)


def _faults(held: Open, body: str) -> bool:
    """An error that was logged, and its exception right below."""
    level = held.line.level
    if level is None or not level.rank or held.line.closed or len(held.lines) > held.heads:
        return False
    return shapes.DOTTED.match(body) is not None if held.blank else shapes.begins(body)


def is_trace(held: Open) -> bool:
    return held.mode != "" or any(shapes.begins(body.lstrip()) for body in held.bodies[:3])


def advance(held: Open, line: Line) -> None:
    """What the line changes in what is awaited."""
    body = line.body
    held.others = 0
    if shapes.PYTHON in body:
        held.mode, held.waits = "python", True
    elif held.mode == "python" and held.waits:
        bare = body.lstrip(" |+-")
        indented = len(body) - len(bare) > (4 if body[:3] == "  |" or body[:3] == "  +" else 0)
        if not indented and bare and not bare.startswith("File "):
            held.waits = False
            held.unfinished = shapes.UNFINISHED.search(bare) is not None
    elif held.mode in ("rust", "node") and not body[:1].isspace():
        held.waits = held.mode == "rust"
    elif held.mode == "java.util.logging":
        held.line.level, held.line.body, held.mode, held.waits = line.level, body, "", False
        held.bodies[0], held.heads = "", 2
    elif not held.mode and shapes.goes_on(body) and body.lstrip().startswith(("at ", "Caused by", "... ")):
        held.mode, held.waits = "frames", True
    elif body.startswith("goroutine "):
        held.mode, held.waits = "go", True
