"""Windows' component servicing, Android's logcat, routers and switches, and the event logs of large machines."""

from __future__ import annotations

import re

from systems.logs.levels import BY_LETTER, SYSLOG, of_word
from systems.logs.lines import Dialect, Line

_CBS = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d), (\w+) +(?:(\w+)(?: {2,}|\t))?(.*)$", re.S)
_CAT = re.compile(
    r"^((?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,6}(?: [+-]\d{4})?) +(?:\w+ +)?(\d+) +(\d+)"
    r" ([VDIWEFAS]) ([^:]{0,60}?) *: (.*)$",
    re.S,
)
_CAT_TIME = re.compile(
    r"^((?:\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,6}) +([VDIWEFAS])/([^(]{1,60})\( *(\d+)\): (.*)$", re.S
)
_CAT_BRIEF = re.compile(r"^([VDIWEFA])/([\w.$ -]{1,60})\( *(\d+)\): (.*)$", re.S)
# Alert flag, seconds, date, node; then either the node's own stamp and its event classes, or a line of its syslog.
_RAS = re.compile(
    r"^(?:-|[A-Z_0-9]+) (\d{10}) (\d{4}\.\d\d\.\d\d) (\S+) (?:(\d{4}-\d\d-\d\d-[\d.]+) (\S+) (\w+) (\w+) (\w+) (.*)"
    r"|([A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d) (\S+) (.*))$",
    re.S,
)
_TAG = re.compile(r"^([A-Za-z_][\w./+@() -]{0,60}?(?:\[[\w.:-]*\])?(?:\([^)]*\))?): ?(.*)$", re.S)
_NODE_EVENT = re.compile(r"^\d+ (\S+) ([\w.-]+) ([\w.-]+) (\d{10}) \d+ (.*)$", re.S)
_PIPES = re.compile(r"^(\d{8}-\d\d?:\d\d?:\d\d?:\d+)\|([^|]{1,60})\|(\d+)\|(.*)$", re.S)
# `[number: ][*stamp: ]%FACILITY-severity-NAME: words`, as routers and switches write, mostly through a syslog.
_ROUTER = re.compile(
    r"^(?:\d+: )?(?:[*.]?([A-Z][a-z]{2} [ \d]?\d [\d:.]+)(?: [A-Z]{3,4})?: )?"
    r"(%[A-Z][A-Z0-9_]*-([0-7])-[A-Z][A-Z0-9_]*: .*)$",
    re.S,
)
_PROGRAM = re.compile(r"^\[(\d\d\.\d\d \d\d:\d\d:\d\d)\] (.{1,60}?) - (.*)$", re.S)


def cbs(text: str) -> Line | None:
    found = _CBS.match(text)
    level = of_word(found[2]) if found else None
    if found is None or level is None:
        return None
    return Line("windows", found[4], found[1], level)


def logcat(text: str) -> Line | None:
    if found := _CAT.match(text):
        return Line("logcat", found[6], found[1], BY_LETTER[found[4]], f"{found[5]} {found[3]}")
    if found := _CAT_TIME.match(text):
        return Line("logcat", found[5], found[1], BY_LETTER[found[2]], f"{found[3]} {found[4]}")
    if found := _CAT_BRIEF.match(text):
        return Line("logcat", found[4], None, BY_LETTER[found[1]], f"{found[2]} {found[3]}")
    return None


def machine(text: str) -> Line | None:
    """What the services of a large machine collect of its nodes."""
    found = _RAS.match(text)
    if found is None:
        return None
    if found[12] is not None:
        tag = _TAG.match(found[12])
        return Line("machine", tag[2] if tag else found[12], found[1], None, found[11])
    level = of_word(found[8])
    said = found[9] if level is not None else f"{found[8]} {found[9]}"
    return Line("machine", said, found[1], level, found[3])


def node_event(text: str) -> Line | None:
    found = _NODE_EVENT.match(text)
    return Line("machine", found[5], found[4], None, found[1]) if found else None


def piped(text: str) -> Line | None:
    """`20171223-22:15:29:606|Step_LSC|30002312|...`."""
    found = _PIPES.match(text)
    return Line("piped", found[4], found[1], None, found[2]) if found else None


def program(text: str) -> Line | None:
    """`[10.30 16:49:06] chrome.exe - ...`."""
    found = _PROGRAM.match(text)
    return Line("program", found[3], found[1], None, found[2]) if found else None


def router(text: str) -> Line | None:
    found = _ROUTER.match(text) if "%" in text[:60] else None
    return Line("router", found[2], found[1], SYSLOG[int(found[3])]) if found else None


DIALECTS = (
    Dialect("router", "0*.%", router),
    Dialect("windows", "0", cbs),
    Dialect("logcat", "0a", logcat),
    Dialect("machine", "-a0", machine),
    Dialect("node event", "0", node_event),
    Dialect("piped", "0", piped),
    Dialect("program", "[", program),
)
