"""Access logs: nginx, Apache, HAProxy, Envoy, uvicorn, uWSGI, Squid, IIS and other W3C files. They tell of requests in
the words of who sent them, so nothing but method, route and status is taken from them."""

from __future__ import annotations

import re

from systems.logs.levels import BY_WORD, Level, listed
from systems.logs.lines import Access, Dialect, Line, Stream

METHODS = "GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS|CONNECT|TRACE|PROPFIND|PURGE"
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_CLF = re.compile(
    rf"^(?:\S+:\d+ )?(\S+) \S+ (?:\S+|[^\[\"]{{0,80}}) \[([^\]]{{10,40}})\] (?:\S+ )?{_QUOTED} (\d{{3}}) (?:\d+|-)",
    re.S,
)
_CLF_WITH = re.compile(rf"^.{{0,120}}?\[(\d\d?/[A-Z][a-z]{{2}}/\d{{4}}:[^\]]+)\] {_QUOTED} (\d{{3}}) ", re.S)
_ENVOY = re.compile(rf"^\[(\d{{4}}-\d\d-\d\dT[\d:.]+Z)\] {_QUOTED} (\d{{1,3}}) (\S+)", re.S)
_HAPROXY = re.compile(
    r"^(\S+:\d+|unix:\d+"
    r"|-:-) \[(\d\d/[A-Z][a-z]{2}/\d{4}:[\d:.]+)\] (\S+) (\S+)/(\S+) [\d/+-]+ (-?\d{1,3}) \+?(\d+) .*?"
    r'(?:"([^"]*)"?)?$',
    re.S,
)
_HAPROXY_TCP = re.compile(
    r"^(\S+:\d+) \[(\d\d/[A-Z][a-z]{2}/\d{4}:[\d:.]+)\] (\S+) (\S+)/(\S+) -?\d+/-?\d+/\+?-?\d+ \+?\d+ ([A-Za-z-]{2}) ",
    re.S,
)
_SQUID = re.compile(r"^(\d{10}\.\d{3}) +-?\d+ \S+ [A-Z_]+/(\d{3}) \d+ ([A-Z]+ \S+) ")
_SCHEMES = frozenset({"ht", "h2", "ws", "gr"})
_BALANCER = re.compile(
    r"^(?:https?|h2|wss?|grpcs?) (\d{4}-\d\d-\d\dT[\d:.]+Z) \S+ \S+ \S+ (?:[\d.-]+ ){3}(\d{3}) \S+ \d+ \d+ "
    r"\"([A-Z]+ \S+)"
)
_UWSGI = re.compile(
    r"^(?:\{[^}]*\} )?\[pid: \d+\|app: [\d-]+\|req: [\d/-]+\] \S+ \([^)]*\) \{[^}]*\} \[([^\]]{24})\] "
    r"([A-Z]+ .*?) => generated \d+ bytes in \d+ \w+ \(HTTP/[\d.]+ (\d{3})\)",
    re.S,
)
_SHORT = re.compile(
    rf"^(?:([A-Z]{{4,8}}):?\s+)?(?:(?!\d\d:\d\d:\d\d[.,\s])[0-9a-fA-F:.]{{3,45}}(?:\s+\S+){{0,2}}\s+(?:\[[^\]]{{0,40}}\]\s+)?)?[\"'-]?"
    rf"(({METHODS})\s+(?:/|https?:)(.*))$",
    re.S,
)
_STATUS = re.compile(
    r"(?:HTTP/\d(?:\.\d)?[\"']?|[\"']|\s(?:->|=>|status[=:]?)|/\S*)\s+[\"(]?([1-5]\d\d)\b(?!\S*/)"
)
_REQUEST = re.compile(rf"^({METHODS})\s+(\S+)")
_VARIES = re.compile(r"^(?:\d+|[0-9a-fA-F-]{12,}|(?=.*\d)[\w.~-]{16,})$")
MOST_PARTS = 4
FROM_5XX = Level("error", 2)
UNFINISHED = listed("SC SH sC sH SD sD PC PH")  # how a session ended that a server broke


def route(path: str) -> str:
    """A path without what varies: `/item/17?x=1` -> `/item/*`. Bounded, since callers make paths up."""
    path = path.split("?", 1)[0].split("#", 1)[0]
    if "://" in path:
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    parts = [("*" if _VARIES.match(p) else p[:40]) for p in path.strip("/").split("/")]
    return "/" + "/".join(parts[:MOST_PARTS]) + ("/*" if len(parts) > MOST_PARTS else "")


def _told(
    dialect: str, text: str, stamp: str | None, request: str, status: str, level: Level | None = None
) -> Line:
    number = int(status)
    found = _REQUEST.match(request)
    access = Access(route(found[2]), number, found[1]) if found else Access("", number)
    if level is None and (number >= 500 or number < 100):
        level = FROM_5XX
    return Line(dialect, text, stamp, level, closed=True, access=access)


def combined(text: str) -> Line | None:
    """Common and combined log format, of any server that keeps to it."""
    if '" ' not in text or "[" not in text:
        return None
    found = _CLF.match(text)
    if found is not None:
        return _told("access", text, found[2], found[3], found[4])
    found = _CLF_WITH.match(text)
    return _told("access", text, found[1], found[2], found[3]) if found else None


def envoy(text: str) -> Line | None:
    found = _ENVOY.match(text)
    if found is None:
        return None
    broken = found[3] == "0" and found[4] not in ("-", "DC")
    return _told(
        "envoy", text, found[1], found[2], "503" if broken else "200" if found[3] == "0" else found[3]
    )


def haproxy(text: str) -> Line | None:
    if "] " not in text[:100]:
        return None
    if found := _HAPROXY.match(text):
        return _told("haproxy", text, found[2], found[8] or "", found[6] if found[6] != "-1" else "499")
    if found := _HAPROXY_TCP.match(text):
        status = "503" if found[5] == "<NOSRV>" or found[6] in UNFINISHED else "200"
        return _told("haproxy", text, found[2], "", status)
    return None


def squid(text: str) -> Line | None:
    found = _SQUID.match(text) if text[10:11] == "." else None
    return _told("squid", text, found[1], found[3], found[2]) if found else None


def balancer(text: str) -> Line | None:
    """Load balancers of AWS."""
    found = _BALANCER.match(text) if text[:2] in _SCHEMES else None
    return _told("balancer", text, found[1], found[3], found[2]) if found else None


def uwsgi(text: str) -> Line | None:
    found = _UWSGI.match(text)
    return _told("uwsgi", text, found[1], found[2], found[3]) if found else None


def short(text: str) -> Line | None:
    """`INFO: 127.0.0.1:5 - "POST /x HTTP/1.1" 200 OK`, `GET /x 404`: only below warning, where a level stands."""
    found = _SHORT.match(text)
    if found is None:
        return None
    level = BY_WORD.get((found[1] or "info").lower())
    if level is None or level.rank > 0:
        return None
    status = _STATUS.search(found[2])
    if status is None:
        return Line(
            "access",
            text,
            None,
            level,
            closed=True,
            access=Access(route(found[4].split(" ")[0]), 0, found[3]),
        )
    line = _told("access", text, None, found[2], status[1])
    line.level = line.level or level
    return line


def w3c(text: str, stream: Stream) -> Line | None:
    """IIS and others: the head of the file names the columns. An empty body: a line of the head itself."""
    if text.startswith("#"):
        if text.startswith("#Fields:"):
            stream.columns = text[8:].split()
            return Line("w3c", "")
        return (
            Line("w3c", "")
            if text.startswith(("#Software:", "#Version:", "#Date:", "#Start-Date:", "#Remark:"))
            else None
        )
    if not stream.columns:
        return None
    values = text.split("\t" if "\t" in text else " ")
    if len(values) != len(stream.columns):
        return None
    row = dict(zip(stream.columns, values, strict=True))
    status = row.get("sc-status", row.get("s-status", ""))
    request = f"{row.get('cs-method', '-')} {row.get('cs-uri-stem', row.get('cs-uri', '/'))}"
    stamp = (
        f"{row['date']}T{row['time']}Z" if "date" in row and "time" in row else None
    )  # always UTC, by its standard
    if not status.isdigit():
        return Line("w3c", text, stamp, closed=True)
    return _told("w3c", text, stamp, request, status)


DIALECTS = (
    Dialect("access", "", combined),
    Dialect("envoy", "[", envoy),
    Dialect("haproxy", "", haproxy),
    Dialect("squid", "0", squid),
    Dialect("balancer", "a", balancer),
    Dialect("uwsgi", "[{", uwsgi),
    Dialect("request", "", short),
)
