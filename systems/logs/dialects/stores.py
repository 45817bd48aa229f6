"""Stores and queues that have a line of their own: MySQL and MariaDB, Redis and Valkey, MongoDB before 4.4, SQL
Server, RabbitMQ before 3.7. (What is newer writes JSON, or a stamp and a level.)"""

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
    r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d{4})) ([DIWEF])\d? +([A-Z_-]+) +\[([^\]]+)\] (.*)$",
    re.S,
)
_SQLSERVER = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d\d) (spid\d+s?|Logon|Server|Backup) +"
    r"((?:Error: \d+, Severity: (\d+))?.*)$",
    re.S,
)
_SLOW = re.compile(r"^# (?:Time: (\d\S+(?: +\d\S+)?)|User@Host: .*|(Query_time: .*))$")
SPEAKS_OF_ERRORS = 11  # the severity from which on SQL Server means one
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


def slow(text: str) -> Line | None:
    """MySQL's log of slow queries: a head of some lines, and the statement, which somebody sent."""
    found = _SLOW.match(text)
    if found is None:
        return None
    return Line("mysql slow", found[2] or "", found[1], NOTICE, more=found[2] is not None)


def sqlserver(text: str) -> Line | None:
    """Its errorlog: the number and severity of an error stand in one line, its words in the next."""
    found = _SQLSERVER.match(text) if text[19:20] == "." and text[22:23] == " " else None
    if found is None:
        return None
    level = ERROR if found[4] and int(found[4]) >= SPEAKS_OF_ERRORS else None
    return Line("sqlserver", found[3].replace("Error: ", "Error ", 1), found[1], level, found[2])


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
    Dialect("mysql slow", "#", slow),
    Dialect("sqlserver", "0", sqlserver),
    Dialect("erlang", "=", erlang),
)
