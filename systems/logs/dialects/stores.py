"""Stores and queues that have a line of their own: MySQL and MariaDB, Redis and Valkey, MongoDB before 4.4, RabbitMQ
before 3.7. (What is newer writes JSON, or a stamp and a level.)"""

from __future__ import annotations

import re

from systems.logs.levels import BY_LETTER, DEBUG, ERROR, INFO, NOTICE, WARNING, of_word
from systems.logs.lines import Dialect, Line

_REDIS = re.compile(
    r"^(?:(\d+):([XCSM]) |\[\d+\] )(\d\d? [A-Z][a-z]{2}(?: \d{4})? \d\d:\d\d:\d\d(?:\.\d+)?) ([.\-*#]) (.*)$",
    re.S,
)
_REDIS_MARKS = {".": DEBUG, "-": INFO, "*": NOTICE}
# `#` is the highest mark that Redis has, for failures as for what it always says when it starts or stops.
_REDIS_CALM = re.compile(
    r"^(?:oO0|Redis version|Valkey version|Configuration loaded|Server (?:initialized|started)"
    r"|User requested|Redis is now ready"
    r"|Valkey is now ready|Received SIG|Cluster state changed: ok|\+|-sdown|-odown|Sentinel ID|DB saved"
    r"|Current state|Failover auth"
    r"|Start of election|Setting secondary|MASTER MODE|Bye|Warning: no config file|Diskless|systemd supervision)"
)
_REDIS_WARNS = re.compile(r"^(?:WARNING|Warning)\b")
_MYSQL = re.compile(
    r"^(\d{4}-\d\d-\d\d[T ] ?\d{1,2}:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?) +(\d+) \[(\w+)\] (.*)$", re.S
)
_MYSQL_OLD = re.compile(r"^(\d{6} +\d{1,2}:\d\d:\d\d) (?:\d+ )?\[(\w+)\] (.*)$", re.S)
_MYSQL_TAGS = re.compile(r"^(?:\[MY-\d+\] )?(?:\[\w+\] )?")
_MONGO = re.compile(
    r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d{4})) ([DIWEF])\d? ([A-Z_-]+) +\[([^\]]+)\] (.*)$",
    re.S,
)
_ERLANG = re.compile(r"^=(\w+) REPORT==== (\d\d?-[A-Z][a-z]{2}-\d{4})::(\d\d:\d\d:\d\d)(?:\.\d+)? ===$")
_ERLANG_LEVELS = {"CRASH": ERROR, "SUPERVISOR": ERROR, "PROGRESS": INFO}


def redis(text: str) -> Line | None:
    found = _REDIS.match(text)
    if found is None:
        return None
    said = found[5]
    level = _REDIS_MARKS.get(found[4], ERROR)
    if level is ERROR:
        level = WARNING if _REDIS_WARNS.match(said) else NOTICE if _REDIS_CALM.match(said) else ERROR
    return Line("redis", said, found[3], level, found[1] or "", closed=False)


def mysql(text: str) -> Line | None:
    if found := _MYSQL.match(text):
        level = of_word(found[3])
        if level is None:
            return _system(found) if found[3] == "System" else None
        return Line("mysql", _MYSQL_TAGS.sub("", found[4]), found[1], level)
    if found := _MYSQL_OLD.match(text):
        return Line("mysql", found[3], found[1], of_word(found[2]))
    return None


def _system(found: re.Match[str]) -> Line:
    """What MySQL 8 calls `System`: that it starts and stops."""
    return Line("mysql", _MYSQL_TAGS.sub("", found[4]), found[1], NOTICE)


def mongodb(text: str) -> Line | None:
    found = _MONGO.match(text)
    if found is None:
        return None
    return Line("mongodb", found[5], found[1], BY_LETTER[found[2]])


def erlang(text: str) -> Line | None:
    """`=ERROR REPORT==== 2-Mar-2026::10:00:01 ===`: what is said follows, up to an empty line."""
    found = _ERLANG.match(text)
    if found is None:
        return None
    level = _ERLANG_LEVELS.get(found[1]) or of_word(found[1])
    return Line("erlang", "", f"{found[2]} {found[3]}", level, inner=False)


DIALECTS = (
    Dialect("redis", "0[", redis),
    Dialect("mongodb", "0", mongodb),
    Dialect("mysql", "0", mysql),
    Dialect("erlang", "=", erlang),
)
