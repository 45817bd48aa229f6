"""What a trace tells: which exception, where it was raised, and the cause that lies deepest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from systems.logs.traces.shapes import EXCEPTION, FRAME, PYTHON, UNFINISHED

_PLACE = re.compile(r'^[\s|+]*File "([^"]+)", line (\d+), in (\S+)')
_NAME = re.compile(r"^([\w$.:\\]*[\w$])(?:\[\w+\])?(?:: ?|$| \()(.*)$", re.S)
_JAVA = re.compile(r"^\s*Caused by: (.+)$")
_SUPPRESSED = re.compile(r"^(\s*)Suppressed: ")
_DOTNET = re.compile(
    r"-+> (?:\(Inner Exception #\d+\) )?([\w.`+]+(?:Exception|Error)\w*(?: \(\w+\))?: .*?)(?:<-+)?$"
)
_NUMBERED = re.compile(r"^\s+(?:\d+: )?(\S.*)$")
_CPP = re.compile(r"^terminate called after throwing an instance of '([^']+)'")
_WHAT = re.compile(r"^\s+what\(\):\s+(.*)$")
_NODE = re.compile(r"^\s*\[?cause\]?: (\w*Error.*)$")
_UNHANDLED = re.compile(
    r"^(?:Unhandled [Ee]xception(?: at \S+)?[.:]? ?|Uncaught (?:exception )?'?"
    r"|Exception in thread \"[^\"]*\" |\(node:\d+\) \w+: "
    r"|PHP \w+ error: +Uncaught |(?:PHP )?Fatal error: +Uncaught |\[error\] )+"
)
_PHP_NEXT = re.compile(r"^Next ([\w\\]+(?:: .*)?)$")
_PHP_PLACE = re.compile(r" in (\S+\.php):(\d+)$| in (\S+\.php) on line (\d+)$")
_ELIXIR = re.compile(r"\*\* \(([\w.]+)\) (.*)")
_LEAVES = frozenset({"EXIT", "exit", "stop", "throw"})  # what went wrong is told after them
_OBJECT = re.compile(r"\[object\] \(([\w\\]+)\(code: [^)]*\): (.*?) at \S+:\d+\)")
_RUBY = re.compile(r"^(?:\S+\.rb:\d+:in [`'][^']*': )(.*?) \(([A-Z][\w:]*)\)$")
_RAILS = re.compile(r"^([A-Z][\w:]*(?:Error|Exception|NotFound|Invalid|Timeout)) \((.*)\):?$")
_GO = re.compile(r"^\s*(?:panic|fatal error): (.*?)(?: \[recovered\])?$")
_GO_SERVING = re.compile(r"panic serving \S+: (.*)$")
_RUST = re.compile(r"^thread '[^']*'(?: \(\d+\))? panicked at (?:'(.*)', )?(\S+:\d+:\d+):?$")
_PYTHON_LAST = re.compile(r"^[\s|]*((?:\w+\.)*[A-Za-z_]\w*(?:: .*|:?))$")
_AMID = re.compile(r"\b((?:[\w$]+\.)*[A-Z]\w*(?:Error|Exception): .*)$")
_BARS = re.compile(r"^[\s|+-]*")
DISPLAYED = 400


@dataclass(frozen=True, slots=True)
class Told:
    """`exception`: its name; `said`: its name and what it says; `cause`: the same of the deepest cause, "" when it has
    none but itself; `place`: where it was raised."""

    exception: str = ""
    said: str = ""
    cause: str = ""
    place: str = ""


def told(lines: list[str]) -> Told:
    """What the lines of one record tell of an exception."""
    for language in (_python, _rust, _go, _elixir, _ruby, _php, _cpp, _others):
        if (found := language(lines)) is not None:
            return found
    return Told()


def _named(said: str, cause: str = "", place: str = "") -> Told:
    said, cause = said.strip(), cause.strip()
    name = _NAME.match(said)
    return Told(
        name[1].rstrip(":") if name else said.split(" ")[0],
        said[:DISPLAYED],
        cause[:DISPLAYED] if cause != said else "",
        place,
    )


def _python(lines: list[str]) -> Told | None:
    """The last line of each traceback; the first of a chain is where it began. A group: what it holds."""
    starts = [i for i, line in enumerate(lines) if PYTHON in line]
    if not starts:
        return None
    ends: list[tuple[str, str, bool]] = []
    for number, start in enumerate(starts):
        upto = starts[number + 1] if number + 1 < len(starts) else len(lines)
        ends += _python_end(lines[start + 1 : upto])
    if not ends:
        above = next((line for line in lines[: starts[0]] if EXCEPTION.match(line)), "Traceback")
        return _named(above)
    grouped = [e for e in ends if e[2]]
    alone = [e for e in ends if not e[2]]
    outer = alone[-1] if alone else ends[0]
    group = next((e for e in ends if "Group" in e[0].split(":")[0]), None)
    if group is not None:
        inner = [e for e in grouped if e is not group]
        return _named(group[0], inner[0][0] if inner else "", (inner or [group])[0][1])
    return _named(outer[0], ends[0][0], outer[1])


def _python_end(block: list[str]) -> list[tuple[str, str, bool]]:
    """(last line, place, inside a group) of one traceback."""
    place, barred = "", False
    ends: list[tuple[str, str, bool]] = []
    for number, line in enumerate(block):
        bars = _BARS.match(line)
        depth = bars[0] if bars else ""
        if frame := _PLACE.match(line):
            place = f"{'/'.join(frame[1].split('/')[-2:])}:{frame[2]} in {frame[3]}"
            barred = "|" in depth
            continue
        inside = "|" in depth
        if (inside and len(depth.rsplit("|", 1)[1]) > 1) or (
            not inside and depth.strip(" |+-") == "" and line[:1] in " \t"
        ):
            continue
        if (last := _PYTHON_LAST.match(line)) and line.strip(" |+-"):
            more = block[number + 1 : number + 4] if UNFINISHED.search(line) else []
            ends.append((" ".join([last[1], *(m.strip() for m in more)]), place, inside or barred))
            if not inside:
                break
    return ends


def _rust(lines: list[str]) -> Told | None:
    for number, line in enumerate(lines):
        if found := _RUST.match(line):
            said = found[1] or (lines[number + 1] if number + 1 < len(lines) else "")
            return Told("panic", f"panic: {said}"[:DISPLAYED], "", found[2])
    return None


def _go(lines: list[str]) -> Told | None:
    panics = [found[1] for line in lines if (found := _GO.match(line))]
    if not panics and any(line.startswith("goroutine ") for line in lines):
        panics = [found[1] for line in lines if (found := _GO_SERVING.search(line))]
    if not panics:
        return None
    name = "fatal error" if any(line.startswith("fatal error: ") for line in lines) else "panic"
    frame = next(
        (line.strip().split(" ")[0] for line in lines if line.startswith("\t") and ".go:" in line), ""
    )
    first = f"{name}: {panics[0]}"
    return Told(
        name,
        f"{name}: {panics[-1]}"[:DISPLAYED],
        first if len(panics) > 1 else "",
        "/".join(frame.split("/")[-2:]),
    )


def _elixir(lines: list[str]) -> Told | None:
    found = [m for line in lines if (m := _ELIXIR.search(line)) and m[1] not in _LEAVES]
    if not found:
        return None
    return _named(f"{found[0][1]}: {found[0][2]}", f"{found[-1][1]}: {found[-1][2]}")


def _ruby(lines: list[str]) -> Told | None:
    found = [f"{m[2]}: {m[1]}" for line in lines if (m := _RUBY.match(line))]
    found = found or [f"{m[1]}: {m[2]}" for line in lines if (m := _RAILS.match(line))]
    if not found:
        return None
    place = next(
        (line.split(":in ")[0].strip().removeprefix("from ") for line in lines if ".rb:" in line), ""
    )
    return _named(found[0], found[-1], "/".join(place.split("/")[-2:]))


def _php(lines: list[str]) -> Told | None:
    """PHP tells the innermost first, and `Next` of what was thrown because of it; Monolog the outermost."""
    if objects := [f"{name}: {said}" for line in lines for name, said in _OBJECT.findall(line)]:
        return _named(objects[0], objects[-1])
    if not any(
        line.lstrip().startswith(("Stack trace:", "PHP Stack trace:", "#0 ")) for line in lines
    ) or not any(".php" in line for line in lines):
        return None
    heads = []
    for line in lines:
        bare = _UNHANDLED.sub("", line)
        if (nxt := _PHP_NEXT.match(line)) or EXCEPTION.match(bare) or bare != line:
            heads.append(_PHP_PLACE.sub("", nxt[1] if nxt else bare))
    if not heads:
        return None
    where = next((m for line in lines if (m := _PHP_PLACE.search(line))), None)
    place = f"{(where[1] or where[3]).split('/')[-1]}:{where[2] or where[4]}" if where else ""
    return _named(heads[-1], heads[0], place)


def _cpp(lines: list[str]) -> Told | None:
    for number, line in enumerate(lines):
        if found := _CPP.match(line):
            what = next((w[1] for rest in lines[number:] if (w := _WHAT.match(rest))), "")
            return Told(found[1], f"{found[1]}: {what}".rstrip(": "))
    return None


def _others(lines: list[str]) -> Told | None:
    """Java, .NET, Node, and whoever writes `Name: what` and frames below."""
    own = list(_unsuppressed(lines))
    said, place = _head(own)
    cause = _deepest(own)
    if not said and not cause:
        return None
    return _named(said or cause, cause.split(" ---> ")[-1], place)


def _unsuppressed(lines: list[str]) -> Iterator[str]:
    """Without what went wrong while things were closed."""
    skip = -1
    for line in lines:
        if suppressed := _SUPPRESSED.match(line):
            skip = len(suppressed[1])
        elif skip < 0 or len(line) - len(line.lstrip()) <= skip:
            skip = -1
            yield line


def _head(lines: list[str]) -> tuple[str, str]:
    """The exception that is told first, and the place of its first frame."""
    said = place = ""
    framed = any(FRAME.match(line) for line in lines)
    for line in lines:
        if not said:
            bare = _UNHANDLED.sub("", line).rstrip("'")
            if EXCEPTION.match(bare.lstrip()) or (bare != line and _NAME.match(bare)):
                said = bare.split(" ---> ")[0]
            elif framed and (found := _AMID.search(bare)):
                said = found[1]
        elif line.lstrip().startswith("at "):
            place = line.strip()[3:].split("(")[-1].rstrip(")").rsplit("/", 1)[-1][:80]
            break
    return said, place


def _deepest(lines: list[str]) -> str:
    """The last cause that is told."""
    cause, numbered = "", False
    for line in lines:
        if numbered and (found := _NUMBERED.match(line)):
            cause = found[1]
        elif line == "Caused by:":
            numbered = True
        elif (found := _JAVA.match(line)) or (found := _NODE.match(line)) or (found := _DOTNET.search(line)):
            cause = found[1]
    return cause
