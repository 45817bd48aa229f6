"""Syslog (RFC 3164 and 5424), journald's short forms, the kernel, and what systemd puts before a line."""

from __future__ import annotations

import re

from systems.logs.levels import SYSLOG, Level, of_word
from systems.logs.lines import Dialect, Line

_PRI = re.compile(r"^<(\d{1,3})>")
_5424 = re.compile(
    r"^<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) (?:-|((?:\[(?:[^\]\\\"]|\"(?:[^\"\\]|\\.)*\"|\\.)*\])+)) ?(.*)$",
    re.S,
)
_STAMP = re.compile(r"^(?:<(\d{1,3})>)?([A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d(?:\.\d+)?) (?=\S)")
_ISO = re.compile(
    r"^(?:<(\d{1,3})>)?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z"
    r"|[+-]\d\d:?\d\d)) (?=(?:[\w.-]+ )?[\w./@-]+(?:\[[\w.]+\])?:)"
)
_FULL = re.compile(
    r"^(?:[A-Z][a-z]{2} (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [A-Z]{3,5})|(1\d{9}\.\d{6})) "
    r"([\w.-]+ [^\s:\[]+(?:\[\d+\])?):(.*)$",
    re.S,
)
_TAG = re.compile(r"^([A-Za-z_/][^\s:\[]*)(?:\[([\w.:-]*)\])?(?: \([^)]*\))?$")
_WORDY_TAG = re.compile(r"^(\S+(?: [^\s:\[]+){1,2})\[(\d+)\](?: \([^)]*\))?$|^([a-z]\S*) \d[\w.]*$")
_HOST = re.compile(r"^[\w.:%/-]+$")
_AUDIT = re.compile(r"^(?:node=\S+ )?type=(\S+) msg=audit\((\d{10}\.\d{3}):\d+\): ?(.*)$", re.S)
_KERNEL = re.compile(r"^(?:<(\d)>)?\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? (.*)$", re.S)


def _of_pri(number: str | None) -> Level | None:
    return SYSLOG[int(number) & 7] if number and int(number) < 192 else None


def _unescaped(said: str) -> str:
    """Without the space after the tag; a tab as the daemon wrote it is one again."""
    return said.removeprefix(" ").replace("#011", "\t")


def rfc5424(text: str) -> Line | None:
    found = _5424.match(text)
    if found is None:
        return None
    pri, stamp, host, app, pid, _, data, said = found.groups()
    said = said.removeprefix("\ufeff")
    return Line("syslog", said, stamp, _of_pri(pri), f"{host} {app} {pid}", inner=True, rest=data or "")


def rfc3164(text: str) -> Line | None:
    """Stamp, host, tag; also without a host, or without a tag."""
    found = _STAMP.match(text)
    if found is None:
        return _iso(text)
    rest = text[found.end() :]
    head, colon, said = rest.partition(":")
    host, space, tag = head.partition(" ")
    level = _of_pri(found[1])
    if colon and len(head) < 160 and _HOST.match(host):
        if not space and _TAG.match(host) and of_word(host) is None:
            return Line("syslog", _unescaped(said), found[2], level, host, inner=True)
        if of_word(host) is None and (_TAG.match(tag) or _WORDY_TAG.match(tag)):
            return Line("syslog", _unescaped(said), found[2], level, head, inner=True)
    host, _, said = rest.partition(" ")
    if said and _HOST.match(host) and of_word(host) is None and not host.endswith(":"):
        return Line("syslog", said, found[2], level, host, inner=True)
    return Line("syslog", rest, found[2], level, inner=True) if level is not None else None


def full(text: str) -> Line | None:
    """journald's short-full and short-unix."""
    found = _FULL.match(text)
    if found is None:
        return None
    return Line("syslog", _unescaped(found[4]), found[1] or found[2], None, found[3], inner=True)


def _iso(text: str) -> Line | None:
    """journald's short-iso, and syslog daemons that write whole stamps: only with a process's number."""
    found = _ISO.match(text)
    if found is None:
        return None
    head, _, said = text[found.end() :].partition(":")
    host, space, tag = head.partition(" ")
    tag = tag if space else host  # some platforms name no host
    known = tag.endswith("]") or (space and tag == "kernel") or found[1]
    if of_word(host.partition("[")[0]) is not None or not known:
        return None
    return Line("syslog", _unescaped(said), found[2], _of_pri(found[1]), head, inner=True)


def prefixed(text: str) -> Line | None:
    """`<3>text`, as a unit of systemd says how bad it is; also before a line of some other dialect."""
    found = _PRI.match(text)
    if found is None:
        return None
    return Line("syslog", text[found.end() :], None, _of_pri(found[1]), inner=True)


def kernel(text: str) -> Line | None:
    found = _KERNEL.match(text)
    return Line("kernel", found[2], None, _of_pri(found[1])) if found else None


def audit(text: str) -> Line | None:
    """What the kernel's audit daemon writes."""
    found = _AUDIT.match(text) if text[4:5] == "=" else None
    return Line("audit", f"{found[1]} {found[3]}", found[2]) if found else None


AUDIT = (Dialect("audit", "a", audit),)  # before logfmt, which it looks like
DIALECTS = (
    Dialect("syslog 5424", "<", rfc5424),
    Dialect("syslog", "a0<", rfc3164),
    Dialect("syslog full", "a0", full),
    Dialect("kernel", "<[", kernel),
    Dialect("syslog prefix", "<", prefixed),
)
