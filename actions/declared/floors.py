"""How risky a declared action is at least, by what it calls. Its author may rate it higher, never lower.

Low and medium may run alone; high asks a person. What cannot be told by a call counts as high. `check` and `undo`
together make medium of some, for then what comes of it is measured and can be taken back; never of what destroys, of
what lets somebody do more, and of what sets how a server works. docs/declared-actions.md has the table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from actions.models import Risk
from actions.risk import ORDER
from systems import profiles
from systems.manifest.acting import ActionSpec
from systems.manifest.declared import BLANK, Call

_TEXT_OR_NOTE = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/|\"(?P<name>(?:[^\"]|\"\")*)\"", re.S)
_WORD = re.compile(r"[a-z_][a-z0-9_]*")
# of statements: what destroys, or is beyond what the tables of one application hold
_ALWAYS_SQL = frozenset(
    {"drop", "truncate", "alter", "grant", "revoke", "create", "copy", "reassign", "security", "vacuum", "cluster",
     "reindex", "lock", "execute", "prepare", "load", "reset"}
)  # fmt: skip
_GONE_SQL = frozenset({"delete", "merge"})
_WIDENS_SQL = re.compile(
    r"\bgrant\b|\b(alter|create)\s+(role|user|group|default\s+privileges|policy)\b|\bsecurity\b"
)
_MEDIUM_REDIS = frozenset(
    {"set", "setnx", "setex", "psetex", "mset", "msetnx", "setrange", "append", "incr", "incrby", "incrbyfloat", "decr",
     "decrby", "hset", "hsetnx", "hmset", "hincrby", "hincrbyfloat", "lpush", "rpush", "lpushx", "rpushx", "linsert",
     "lmove", "rpoplpush", "sadd", "smove", "zadd", "zincrby", "xadd", "publish", "spublish", "persist", "expire",
     "pexpire", "expireat", "pexpireat", "get", "exists", "ping"}
)  # fmt: skip
_ALWAYS_REDIS = frozenset(
    {"flushall", "flushdb", "config", "shutdown", "eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro",
     "script", "function", "debug", "acl", "replicaof", "slaveof", "cluster", "failover", "migrate", "restore",
     "swapdb", "module", "client", "save", "bgsave", "bgrewriteaof", "reset", "auth", "select", "multi", "exec"}
)  # fmt: skip


def rated(spec: ActionSpec) -> Risk:
    """What its author says, or what its calls allow at least."""
    kept = bool(spec.undo) and spec.check is not None
    found = [Risk(spec.risk), *(_of(call, kept) for call in spec.do)]
    found += [_of(call, kept) if not _takes_back(call) else Risk.MEDIUM for call in spec.undo]
    return max(found, key=ORDER.__getitem__)


def widens(calls: Sequence[Call]) -> bool:
    """Whether they let somebody do more than now, as far as calls tell."""
    statements = (_bare(call.sql).lower() for call in calls if call.sql is not None)
    return any(_WIDENS_SQL.search(s) for s in statements) or any(
        call.redis is not None and call.redis[0].lower() == "acl" for call in calls
    )


def _takes_back(call: Call) -> bool:
    """Of an undo: the removal of one thing, which is what `do` has made."""
    if call.http is not None:
        return call.http.method == "delete"
    return call.redis is not None and call.redis[0].lower() in ("del", "unlink", "hdel", "srem", "zrem")


def _of(call: Call, kept: bool) -> Risk:
    """`kept`: what comes of it is read back, and it can be undone. A call of a known product is what that says."""
    if known := profiles.rating(call.exec, call.redis):
        return Risk(known)
    if call.http is not None:
        if call.http.method == "get":
            return Risk.LOW
        return _unless(kept) if call.http.method == "delete" else Risk.MEDIUM
    if call.sql is not None:
        return _of_sql(call.sql, kept)
    if call.redis is not None:
        name = call.redis[0].lower()
        if name in _ALWAYS_REDIS:
            return Risk.HIGH
        return Risk.MEDIUM if name in _MEDIUM_REDIS else _unless(kept)
    return _unless(kept)


def _unless(kept: bool) -> Risk:
    return Risk.MEDIUM if kept else Risk.HIGH


def _of_sql(statement: str, kept: bool) -> Risk:
    bare = _bare(statement).lower()
    words = _WORD.findall(bare)
    if "\\" in statement:  # within texts it may move where they end
        return Risk.HIGH
    if _ALWAYS_SQL & set(words) or re.search(r"\b(pg|lo|dblink)_\w+\s*\(", bare):
        return Risk.HIGH
    everything = "where" not in words
    if _GONE_SQL & set(words):
        return Risk.HIGH if everything else _unless(kept)
    if "update" in words and not {"insert", "where"} & set(words):
        return Risk.HIGH  # of all rows
    # a function that is selected, or called, may do anything
    first = words[0] if words else ""
    changes = first in ("insert", "update") or (first == "with" and {"insert", "update"} & set(words))
    return Risk.MEDIUM if changes or first in ("analyze", "refresh", "notify") else _unless(kept)


def _bare(statement: str) -> str:
    """Without texts, notes and blanks: what is left are the statement's own words and names."""
    return BLANK.sub(" ", _TEXT_OR_NOTE.sub(lambda found: found["name"] or " ", statement))
