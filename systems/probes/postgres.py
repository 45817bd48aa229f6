"""pg.*: sessions, locks, old transactions and sizes of a Postgres server, through one kept connection of the prober."""

from __future__ import annotations

import time
from typing import Any

import psycopg

from systems.manifest import Service
from systems.probes import pgshare
from systems.probes.base import Clock, Gone, Probe, Rates
from systems.readings import Reading, clean
from systems.services import LoadedSystem

SLOW_EVERY_S = 5.0
_LABELLED = ("pg.idle", "pg.idle_pct", "pg.idle_in_tx_s", "pg.block_root", "pg.connections_pct")

_SESSIONS = (
    """
select a.pid, coalesce(a.usename, '') as role, coalesce(a.application_name, '') as app, a.state,
       extract(epoch from clock_timestamp() - a.xact_start)::float8 as xact_s,
       extract(epoch from clock_timestamp() - a.state_change)::float8 as state_s,
       age(a.backend_xmin) as xmin_age, left(a.query, 80) as query,
       case when a.wait_event_type = 'Lock' then pg_blocking_pids(a.pid) else '{}'::int[] end as blockers
from pg_stat_activity a
where a.backend_type = 'client backend' and """
    + pgshare.NOT_OURS
)
_SERVER = """
select (select coalesce(json_object_agg(rolname, rolconnlimit), '{}') from pg_roles
        where rolcanlogin and rolconnlimit >= 0) as limits,
       current_setting('max_connections')::int as max_connections,
       (select sum(deadlocks) from pg_stat_database)::bigint as deadlocks,
       (select xact_rollback from pg_stat_database where datname = current_database()) as rollbacks,
       pg_is_in_recovery() as recovering
"""
_SIZES = """
select (select count(*) from pg_tables where schemaname = %(schema)s) as tables,
       (select coalesce(sum(n_dead_tup), 0)::bigint from pg_stat_user_tables where schemaname = %(schema)s) as dead,
       pg_database_size(current_database()) as bytes
"""


class PostgresProbe(Probe):
    name = "postgres"
    interval_s = 1.0
    timeout_s = 2.5
    main = ("pg.ok", "pg.blocked", "pg.longest_xact_s")

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__(clock)
        self._slow_at: dict[str, float] = {}
        self._rates = Rates(clock)
        self._gone = Gone(clock)
        self._slow: dict[str, list[Reading]] = {}

    def applies(self, service: Service) -> bool:
        return service.postgres is not None

    async def measure(self, system: LoadedSystem, service: Service) -> list[Reading]:
        assert service.postgres is not None
        dsn = service.postgres.dsn
        try:
            async with pgshare.session(dsn, self) as connection:
                rows = await (await connection.execute(_SESSIONS)).fetchall()
                server = await (await connection.execute(_SERVER)).fetchone() or {}
                if self.clock() - self._slow_at.get(service.name, -1e9) >= SLOW_EVERY_S:
                    params = {"schema": service.postgres.db_schema}
                    sizes = await (await connection.execute(_SIZES, params)).fetchone() or {}
                    self._slow[service.name] = _size_readings(service.name, sizes)
                    self._slow_at[service.name] = self.clock()
        except (psycopg.Error, OSError) as error:
            reason = connect_error(error)
            if pgshare.is_our_own(dsn, reason):  # the probers' own doing says nothing of the server
                return self.unknown(service, f"unknown: our own connections ({reason})")
            return [
                Reading(service.name, "pg.ok", 0.0, reason),
                *self.unknown(service, reason, known=("pg.ok",)),
            ]
        readings = [Reading(service.name, "pg.ok", 1.0)]
        readings += _session_readings(service.name, rows, server)
        readings += self._server_readings(service.name, server)
        readings += self._slow.get(service.name, [])
        return self._gone.fill(service.name, _LABELLED, readings)

    def _server_readings(self, service: str, server: dict[str, Any]) -> list[Reading]:
        readings = [Reading(service, "pg.recovering", float(bool(server.get("recovering"))))]
        for name in ("deadlocks", "rollbacks"):
            rate = self._rates.rate((service, name), float(server.get(name) or 0))
            if rate is not None:
                readings.append(Reading(service, f"pg.{name}_rate", round(rate, 3)))
        return readings

    async def close(self) -> None:
        await pgshare.leave(self)


def connect_error(error: BaseException) -> str:
    """The server's own words where there are any, without the address and the try-count around them."""
    text = str(error).strip()
    for mark in ("FATAL:", "ERROR:"):
        if mark in text:
            return clean(text.partition(mark)[2].strip().splitlines()[0], 200)
    low = text.lower()
    if "refused" in low:
        return "refused"
    if "timeout" in low or "timed out" in low or isinstance(error, TimeoutError):
        return "timeout"
    if "closed the connection" in low or "terminating" in low or "reset" in low:
        return "reset"
    return clean(text.splitlines()[0] if text else type(error).__name__, 200)


def _size_readings(service: str, sizes: dict[str, Any]) -> list[Reading]:
    return [
        Reading(service, "pg.tables", float(sizes.get("tables") or 0)),
        Reading(service, "pg.dead_tuples", float(sizes.get("dead") or 0)),
        Reading(service, "pg.size_mb", round(float(sizes.get("bytes") or 0) / 1e6, 1)),
    ]


def _session_readings(service: str, rows: list[dict[str, Any]], server: dict[str, Any]) -> list[Reading]:
    readings = _connection_readings(service, rows, server)
    by_app: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_app.setdefault(row["app"] or "(unnamed)", []).append(row)
    for app, sessions in sorted(by_app.items()):
        idle = [s for s in sessions if s["state"] == "idle"]
        roles = ",".join(sorted({s["role"] for s in sessions}))
        readings.append(
            Reading(
                service, "pg.idle", float(len(idle)), clean(f"{len(idle)} idle sessions of role {roles}"), app
            )
        )
        limit = _limit_of(sessions, server)
        if limit:
            share = round(100 * len(idle) / limit, 1)
            readings.append(Reading(service, "pg.idle_pct", share, f"{len(idle)} of {limit}", app))
        in_tx = [s for s in sessions if (s["state"] or "").startswith("idle in transaction")]
        if in_tx:
            worst = max(in_tx, key=lambda s: s["state_s"] or 0)
            readings.append(
                Reading(
                    service, "pg.idle_in_tx_s", round(worst["state_s"] or 0, 1), _session_text(worst), app
                )
            )
    readings += _blocking_readings(service, rows)
    readings.append(
        Reading(service, "pg.longest_xact_s", round(max((r["xact_s"] or 0.0 for r in rows), default=0.0), 1))
    )
    readings.append(
        Reading(service, "pg.xmin_age", float(max((r["xmin_age"] or 0 for r in rows), default=0)))
    )
    return readings


def _limit_of(sessions: list[dict[str, Any]], server: dict[str, Any]) -> int:
    """The tightest limit on connections that these sessions count against; 0 when it could not be read."""
    limits: dict[str, int] = server.get("limits") or {}
    most = int(server.get("max_connections") or 0)
    found = [limits.get(s["role"], 0) for s in sessions]
    return min((n for n in found if n > 0), default=most)


def _connection_readings(service: str, rows: list[dict[str, Any]], server: dict[str, Any]) -> list[Reading]:
    most = int(server.get("max_connections") or 0)
    used = {"": len(rows)}
    for row in rows:
        used[row["role"]] = used.get(row["role"], 0) + 1
    limits: dict[str, int] = {**(server.get("limits") or {}), "": most}
    return [
        Reading(
            service,
            "pg.connections_pct",
            round(100 * used.get(role, 0) / limit, 1),
            f"{used.get(role, 0)} of {limit}",
            role,
        )
        for role, limit in sorted(limits.items())
        if limit > 0
    ]


def _blocking_readings(service: str, rows: list[dict[str, Any]]) -> list[Reading]:
    """pg.blocked, and one pg.block_root per application that blocks others without being blocked itself."""
    by_pid = {row["pid"]: row for row in rows}
    waiting = {row["pid"]: [p for p in row["blockers"] if p > 0] for row in rows if row["blockers"]}
    readings = [Reading(service, "pg.blocked", float(len(waiting)))]
    victims: dict[int, set[int]] = {}
    for pid in waiting:
        for root in _roots(pid, waiting):
            victims.setdefault(root, set()).add(pid)
    for root, blocked in sorted(victims.items(), key=lambda item: len(item[1])):
        row = by_pid.get(root, {"pid": root, "app": "", "role": "", "state": "unknown", "query": ""})
        app = row["app"] or "(unnamed)"
        readings = [r for r in readings if not (r.metric == "pg.block_root" and r.label == app)]
        readings.append(Reading(service, "pg.block_root", float(len(blocked)), _session_text(row), app))
    return readings


def _roots(pid: int, waiting: dict[int, list[int]]) -> set[int]:
    found: set[int] = set()
    seen: set[int] = set()
    todo = [pid]
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        if current in waiting:
            todo += waiting[current]
        else:
            found.add(current)
    return found


def _session_text(row: dict[str, Any]) -> str:
    """`pid=123 role=app state=idle in transaction query=UPDATE ...`"""
    query = " ".join((row["query"] or "").split())
    return clean(f"pid={row['pid']} role={row['role']} state={row['state']} query={query}", 200)
