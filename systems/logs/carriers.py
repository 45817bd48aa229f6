"""What others put around a line: container engines, compose, kubectl, stern, PM2. (Syslog and docker's JSON are
dialects whose body is a line again.)"""

from __future__ import annotations

import re

from systems.logs.lines import Line

_STERN = re.compile(r"^([a-z0-9]+(?:-[a-z0-9]+)+) ([a-z][a-z0-9-]*) (?=\d{4}[-/]\d\d|\{|\[\d{4}-)")
_PM2 = re.compile(r"^(\d+)\|([\w.-]{1,40}?) *\|(?: (.*)|$)", re.S)
ENGINES = frozenset({"docker", "cri", "compose", "kubectl"})  # what they put before a line is no part of it
_CRI = re.compile(
    r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP])(?::\S*)? ?(.*)$",
    re.S,
)
_COMPOSE = re.compile(r"^([A-Za-z][\w.-]{1,60}?)(-\d+)? +\| ?(.*)$", re.S)
_KUBECTL = re.compile(r"^\[(?:pod/)?([\w.-]+)/([\w.-]+)\] (.*)$", re.S)


def peeled(text: str) -> Line | None:
    """The line inside; None when nothing is around it. `more` here: an engine cut it, and the rest follows."""
    if text[:1].isdigit():
        if found := _CRI.match(text):
            return Line("cri", found[4], found[1], None, found[2], inner=True, more=found[3] == "P")
        if "|" not in text[1:4] or (found := _PM2.match(text)) is None:
            return None
        return Line("compose", found[3] or "", None, None, f"{found[2]}-{found[1]}", inner=True)
    if text[:5] == "[pod/":
        if found := _KUBECTL.match(text):
            return Line("kubectl", found[3], None, None, f"{found[1]}/{found[2]}", inner=True)
    elif (" | " in text[:70] or text[:70].rstrip().endswith(" |")) and (found := _COMPOSE.match(text)):
        return Line("compose", found[3], None, None, f"{found[1]}{found[2] or ''}", inner=True)
    elif "-" in text[:40] and (found := _STERN.match(text)):
        return Line("kubectl", text[found.end() :], None, None, f"{found[1]}/{found[2]}", inner=True)
    return None
