"""What would be gone with a process, counted when asked: keys and messages of a store that keeps nothing on disk,
sessions of a database. What cannot be counted is said so, and is high risk."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import psycopg
import redis
from pydantic import BaseModel

from actions import effects
from actions.base import ActionContext, ActionRefused, AnyAction
from incidents.plain import counted
from systems import queries
from systems.manifest.types import Service
from systems.runtimes.base import RuntimeFailed

DATA = ("rows", "messages", "data")  # what nobody makes again; keys of a cache, sessions and the like pass
ASK_S = 2.0  # a store that does not answer in this time counts as one that cannot be asked
SCANS = 50  # steps of 1,000 keys in search of lists and streams
KNOWN_KINDS = frozenset(
    {"http", "proxy", "worker", "jobs", "postgres", "redis", "link", "external", "frontend", "loadgen"}
)
# programs that hold data or messages, whatever kind the manifest calls them
PRODUCT = re.compile(
    r"(?i)(redis|valkey|keydb|dragonfly|memcache|postgres|mysql|mariadb|mongo|rabbitmq|kafka|redpanda|\bnats\b|mosquitto"
    r"|activemq|pulsar|\betcd\b|elastic|opensearch|cassandra|clickhouse|influx|minio|couchdb|neo4j)"
)
# words that say so of a kind of service nobody knows
STORE = re.compile(r"(?i)(broker|queue|database|\bdb\b|cache|storage|\bstore\b)")


@dataclass(slots=True)
class Loss:
    """`counts`: thing -> number, None = not countable. `high`: why the risk is high for it; empty = it is not."""

    counts: dict[str, int | None] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    high: str = ""

    def add(self, other: Loss) -> None:
        for key, number in other.counts.items():
            known = self.counts.get(key, 0)
            self.counts[key] = None if number is None or known is None else known + number
        self.words += other.words
        self.high = self.high or other.high


def restarted(action: AnyAction, ctx: ActionContext, params: BaseModel | None) -> list[str]:
    """The services that get a new process, with these parameters or with the usual ones."""
    wanted = [params] if params is not None else []
    if not any(f.is_required() for f in action.Params.model_fields.values()):
        wanted.append(action.Params())
    words = {word for item in wanted for word in action.effects(ctx, item)}
    return sorted(word.partition(":")[2] for word in words if word.startswith("restart:"))


def of_restart(ctx: ActionContext, names: list[str]) -> Loss:
    """What ends with the present processes of these services. Asks each store, for seconds at most."""
    found = Loss()
    for name in names:
        service = ctx.system.service(name)
        if service.unit is None or not _runs(ctx, service.unit):
            continue  # with no process there is nothing left to lose
        if service.redis is not None or service.kind == "redis":
            found.add(_of_redis(ctx, service))
        elif service.postgres is not None or service.kind == "postgres":
            found.add(of_sessions(service))
        elif _may_hold(service):
            why = f"{name} may hold data or messages, and what of them is only in memory could not be counted"
            found.add(Loss({"data": None}, [why], why))
    return found


def _runs(ctx: ActionContext, unit: str) -> bool:
    try:
        return ctx.runtime.state(unit).pid is not None
    except RuntimeFailed:
        return True


def _may_hold(service: Service) -> bool:
    said = " ".join((service.kind, service.name, service.unit or "", service.title))
    if service.kind in KNOWN_KINDS:
        return bool(PRODUCT.search(said))
    return bool(service.volumes or PRODUCT.search(said) or STORE.search(said))


def _of_redis(ctx: ActionContext, service: Service) -> Loss:
    name = service.name
    try:
        with effects.redis_client(service, ASK_S) as client:
            if (kept := _kept(client)) is not None:
                return Loss({}, [f"{name}: {kept}"])
            keys, lasting = _keys(client)
            messages = _messages(client)
    except (redis.RedisError, ActionRefused, OSError):
        why = f"{name} cannot be asked: what is lost with its process could not be counted"
        return Loss({"keys": None}, [why + _last_known(ctx, name)], why)
    words = f"{name} keeps nothing on disk: {keys} keys are lost, {lasting} of them without an expiry"
    counts: dict[str, int | None] = {"keys": keys}
    if messages:
        counts["messages"] = messages
        words += f"; {messages} messages in lists and streams among them"
    why = f"{name} keeps nothing on disk, and {keys} keys would be lost" if keys else ""
    return Loss(counts, [words], why)


def _kept(client: redis.Redis) -> str | None:
    """How what it holds survives a restart; None when it does not, or that cannot be read."""
    try:
        append = client.config_get("appendonly").get("appendonly")
        save = client.config_get("save").get("save")
    except redis.ResponseError:
        append = "yes" if client.info("persistence").get("aof_enabled") else None
        save = None
    if append == "yes":
        return "it writes each change to disk; at most the last second is lost"
    if not save:
        return None
    behind = int(client.info("persistence").get("rdb_changes_since_last_save", 0))
    return f"it saves when it ends by itself; if it has to be killed, {behind} changes since its last save are lost"


def _keys(client: redis.Redis) -> tuple[int, int]:
    """(keys, keys without an expiry) of all its databases."""
    spaces = [v for v in client.info("keyspace").values() if isinstance(v, dict)]
    keys = sum(int(s["keys"]) for s in spaces)
    return keys, keys - sum(int(s.get("expires", 0)) for s in spaces)


def _messages(client: redis.Redis) -> int:
    """Entries of the lists and streams of this database."""
    total = 0
    for kind, length in (("LIST", client.llen), ("STREAM", client.xlen)):
        cursor, steps = 0, 0
        while steps == 0 or (cursor and steps < SCANS):
            cursor, found = client.scan(cursor, count=1000, _type=kind)
            total += sum(int(length(key)) for key in found)
            steps += 1
    return total


def _last_known(ctx: ActionContext, name: str) -> str:
    if ctx.system.id is None:
        return ""
    reading = queries.latest(ctx.system).get((name, "redis.keys", ""))
    return (
        f"; it was last seen with {reading.value:.0f} keys" if reading and reading.value is not None else ""
    )


def of_sessions(service: Service) -> Loss:
    """Sessions and open transactions that end with a database server."""
    try:
        with effects.admin(service) as session:
            row = session.execute(
                "select count(*), count(*) filter (where xact_start is not null), bool_or(state is null)"
                " from pg_stat_activity"
                " where backend_type = 'client backend' and application_name <> 'opsportal-admin'"
            ).fetchone()
    except (psycopg.Error, ActionRefused):
        why = f"{service.name} cannot be asked: the sessions that end could not be counted"
        return Loss({"sessions": None, "transactions": None}, [why], why)
    assert row is not None
    ends = f"{service.name}: {row[0]} {'session ends' if row[0] == 1 else 'sessions end'}"
    if row[2]:  # the portal's role may not see what others do
        words = f"{ends}; their open transactions could not be counted"
        return Loss({"sessions": int(row[0]), "transactions": None}, [words], words)
    words = f"{ends}, {row[1]} of them in a transaction that is rolled back"
    return Loss({"sessions": int(row[0]), "transactions": int(row[1])}, [words])


def after_restart(ctx: ActionContext, names: list[str], before: Loss) -> dict[str, int | None]:
    """What was really lost: sessions that were there, and the keys and messages that did not come back."""
    now = of_restart(ctx, names).counts
    lost: dict[str, int | None] = {}
    for key, number in before.counts.items():
        if key in ("sessions", "transactions") or number is None:
            lost[key] = number
        else:
            left = now.get(key, 0)
            lost[key] = None if left is None else max(0, number - left)
    return lost


def asks(counts: dict[str, Any]) -> str:
    """Why a person is asked about such a loss, whatever the rating: data that is gone does not come back by itself."""
    data = in_words({what: counts[what] for what in DATA if what in counts})
    return f"data would be lost by it: {data}" if data else ""


def in_words(counts: dict[str, Any]) -> str:
    """`1280 rows, 3 sessions`; what could not be counted is said so. Empty = nothing."""
    parts = [
        f"{what}: could not be counted" if n is None else counted(n, what)
        for what, n in counts.items()
        if n != 0
    ]
    return ", ".join(parts)
