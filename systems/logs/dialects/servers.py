"""The error logs of web servers and of PHP behind them, and klog, which Kubernetes and much in Go writes."""

from __future__ import annotations

import re

from systems.logs.levels import BY_LETTER, BY_WORD, ERROR, FATAL, NOTICE, WARNING, of_word
from systems.logs.lines import Dialect, Line

_NGINX = re.compile(r"^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(\w+)\] (\d+)#(\d+): (?:\*\d+ )?(.*)$", re.S)
_NGINX_CLIENT = re.compile(r", client: .*$", re.S)
_NGINX_KEPT = re.compile(r', upstream: "([^"]*)"')
_APACHE = re.compile(
    r"^\[([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4})\] \[(?:[\w-]*:)?(\w+)\]"
    r" (?:\[pid [^\]]*\] )?"
    r"(?:\[client ([^\]]*)\] )?(.*)$",
    re.S,
)
_KLOG = re.compile(
    r"^([IWEFD])(\d{4} \d\d:\d\d:\d\d(?:\.\d+)?|\d{8} \d\d:\d\d:\d\d(?:\.\d+)?)(?: +\d+)? ([\w./-]+:\d+)\] (.*)$",
    re.S,
)
_PHP = re.compile(r"^(?:\[([^\]]{10,40})\] )?PHP ([A-Z][\w ]{2,24}): +(.*)$", re.S)
_PHP_MORE = re.compile(r"^(?:\[([^\]]{10,40})\] )?(PHP (?:Stack trace:| +\d+\. .*))$", re.S)
_PHP_LEVELS = {"Fatal error": FATAL, "Parse error": ERROR, "Recoverable fatal error": ERROR, "Catchable "
"fatal error": ERROR,
               "Core error": ERROR, "Compile error": ERROR, "Warning": WARNING, "Core Warning": WARNING,
               "Notice": NOTICE,
               "Deprecated": NOTICE, "Strict Standards": NOTICE, "Error": ERROR}  # fmt: skip
_FPM = re.compile(r"^\[(\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?:\.\d+)?)\] ([A-Z]+): (.*)$", re.S)
_RUBY = re.compile(
    r"^([DIWEFA]), \[(\d{4}-\d\d-\d\dT[\d:.]+) #(\d+)\] +([A-Z]+) -- ([^:]*):(?: (.*))?$", re.S
)


def nginx(text: str) -> Line | None:
    """Its error log; who asked, and for what, is left out of what is said: that is in the words of a caller."""
    found = _NGINX.match(text)
    if found is None:
        return None
    said = found[5]
    upstream = _NGINX_KEPT.search(said)
    said = _NGINX_CLIENT.sub("", said) + (f", upstream: {upstream[1]}" if upstream else "")
    return Line("nginx", said, found[1], of_word(found[2]))


def apache(text: str) -> Line | None:
    found = _APACHE.match(text)
    if found is None:
        return None
    return Line("apache", found[4], found[1], of_word(found[2]))


def klog(text: str) -> Line | None:
    found = _KLOG.match(text)
    if found is None:
        return None
    return Line("klog", found[4], found[2], BY_LETTER[found[1]])


def php(text: str) -> Line | None:
    if found := _PHP.match(text):
        level = _PHP_LEVELS.get(found[2])
        return Line("php", found[3], found[1], level) if level else None
    if found := _PHP_MORE.match(text):
        return Line("php", found[2], found[1], None, inner=False, more=True)
    if found := _FPM.match(text):
        level = BY_WORD.get(found[2].lower())
        return Line("php-fpm", found[3], found[1], level) if level else None
    return None


def ruby(text: str) -> Line | None:
    """Ruby's logger: `E, [2026-03-02T10:00:01 #7] ERROR -- : ...`."""
    found = _RUBY.match(text)
    if found is None:
        return None
    return Line("ruby", found[6] or "", found[2], of_word(found[4]) or BY_LETTER[found[1]])


DIALECTS = (
    Dialect("nginx", "0", nginx),
    Dialect("apache", "[", apache),
    Dialect("klog", "a", klog),
    Dialect("php", "[a", php),
    Dialect("ruby", "a", ruby),
)
