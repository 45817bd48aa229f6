"""A system to reason about, and evidence written in one line each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent.reasoner import Diagnosis, SystemGraph, diagnose
from incidents.signals import CATALOG
from knowledge.spec import RunbookSpec, parse

SEEDS = Path(__file__).parents[3] / "knowledge" / "seed"


@dataclass
class S:
    """A signal's state."""

    signal: str
    service: str
    value: bool | None = True
    text: str = ""
    label: str = ""
    reading_value: float | None = None
    onset: datetime | None = None
    fresh: datetime | None = None


def specs() -> list[RunbookSpec]:
    found: list[RunbookSpec] = []
    for path in sorted(SEEDS.glob("*.md")):
        spec, _, problems = parse(path.read_text())
        assert spec is not None, [str(p) for p in problems]
        found.append(spec)
    return found


SPECS = specs()

KINDS = {
    "edge": "proxy",
    "web-a": "http",
    "web-b": "http",
    "front": "frontend",
    "consumer": "worker",
    "cron": "jobs",
    "db": "postgres",
    "cache": "redis",
    "wire": "link",
    "partner": "external",
    "traffic": "loadgen",
}
NEEDS = {
    "edge": {"web-a", "web-b", "front", "wire"},
    "web-a": {"db", "cache", "partner", "wire"},
    "web-b": {"db", "cache", "partner", "wire"},
    "front": {"edge"},
    "consumer": {"db", "cache"},
    "cron": {"db", "cache"},
    "traffic": {"edge"},
    "db": set(),
    "cache": set(),
    "wire": set(),
    "partner": set(),
}
LINKS = {"db": {"wire"}, "cache": {"wire"}, "web-a": {"wire"}, "web-b": {"wire"}, "partner": {"wire"}}
GRAPH = SystemGraph(KINDS, NEEDS, {"web": ["web-a", "web-b"]}, LINKS)

# What the watcher reads of each kind of service in every tick, so that absence is a measurement.
_ALL = (
    "unit_down unit_fatal unit_restarting crash_looping oom_killed exit_nonzero proc_stopped cpu_hot "
    "rss_growing rss_near_limit zombies child_cpu_hot log_errors log_traceback_new log_burst "
    "log_auth_failed log_too_many_connections log_pool_timeout log_connect_refused log_connect_timeout "
    "log_yaml_error log_module_missing log_upstream_error log_relation_missing log_column_missing "
    "config_drift config_invalid env_drift env_invalid release_changed port_taken "
    "child_rss_growing disk_full inodes_full log_no_space "
)
_HTTP = (
    "http_unreachable http_timeout http_errors http_slow not_ready tcp_refused app_slow app_errors breaker_open "
    "threads_many"
)
_PG = (
    "tcp_refused pg_unreachable pg_connections_saturated pg_idle_hog pg_idle_in_tx pg_blocked pg_lock_root "
    "pg_deadlocks pg_long_transaction"
)
_REDIS = (
    "tcp_refused redis_unreachable cache_miss_storm redis_evicting queue_growing queue_stuck inflight_orphans "
    "consistency_broken"
)
_DOOR = " rate_limited client_hog traffic_surge turned_away log_rate_limited clock_skew log_clock_skew"
READ = {
    "proxy": _ALL + _HTTP + _DOOR,
    "http": _ALL + _HTTP + _DOOR,
    "frontend": _ALL + _HTTP,
    "worker": _ALL + "heartbeat_stale",
    "jobs": _ALL,
    "loadgen": "unit_down log_errors",
    "postgres": _ALL + _PG,
    "redis": _ALL + _REDIS + " redis_values_damaged redis_fragmented message_returns",
    "link": _ALL + "link_down link_slow link_target_down",
    "external": "external_down",
}


def evidence(*true: S, unread: Iterable[str] = ()) -> list[S]:
    """Everything the watcher reads as false, but for the states given; `unread` services are unknown."""
    given = {(s.signal, s.service) for s in true}
    rest = [
        S(signal, name, None if name in set(unread) else False)
        for name, kind in KINDS.items()
        for signal in READ[kind].split()
        if (signal, name) not in given
    ]
    journeys = [
        S(signal, "edge", False, label=label)
        for signal in ("journey_failed", "journey_slow")
        for label in ("browse", "order")
        if not any(s.signal == signal and s.label in ("", label) for s in true)
    ]
    return [*true, *rest, *journeys]


def look(*true: S, unread: Iterable[str] = (), **options: object) -> Diagnosis:
    return diagnose(SPECS, GRAPH, evidence(*true, unread=unread), catalog=CATALOG, **options)  # type: ignore[arg-type]


def both(signal: str, text: str = "", value: bool | None = True) -> tuple[S, S]:
    """The signal on both replicas."""
    return S(signal, "web-a", value, text), S(signal, "web-b", value, text)


FAILED = S("journey_failed", "edge", text="GET /order: 503", label="order")

__all__ = ["FAILED", "GRAPH", "KINDS", "READ", "SPECS", "S", "both", "evidence", "look"]
