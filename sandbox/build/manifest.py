"""manifest.yaml: what an operator's tools may know about the shop."""

from __future__ import annotations

import sys
from typing import Any

from . import acts, authority, outside, readings
from .journeys import journeys
from .layout import API_VERSION, EDGES, FRONTEND_VERSION, Layout
from .metrics import PATH, metrics
from .secrets import Secrets

CONSUMERS = ["api-1", "api-2", "backup-api", "worker", "batch"]
ORDERS, EVENTS = "q:orders", "s:events"
API_ENV = ["DATABASE_URL", "REDIS_URL", "JWT_SECRET", "UPSTREAM_API_KEY", "FALLBACK_API_KEY"]


def manifest(layout: Layout) -> dict[str, Any]:
    """The whole manifest; paths are relative to its folder."""
    told: dict[str, Any] = layout.called(_own(layout), keys=False)
    return {**told, "services": {layout.names.word(name): spec for name, spec in told["services"].items()}}


def _own(layout: Layout) -> dict[str, Any]:
    """In the shop's own words."""
    return {
        "system": "shop",
        "title": "Corner shop",
        "runtime": {"driver": "process", "socket": _relative(layout, str(layout.socket_path()))},
        "secrets": "secrets.env",
        **({"ca": f"{authority.FOLDER}/{authority.AUTHORITY}"} if authority.usable() else {}),
        "front_door": layout.seen_url("gateway", "/"),
        "services": {
            "gateway": _gateway(layout),
            "frontend": _frontend(layout),
            "api-1": _api(layout, "api-1"),
            "api-2": _api(layout, "api-2"),
            "backup-api": _api(layout, "backup-api"),
            "worker": _worker(layout),
            "analytics": _analytics(layout),
            "batch": _batch(layout),
            "postgres": _postgres(layout),
            "redis": _redis(layout),
            "net": _net(layout),
            "log-collector": _log_collector(layout),
            "dns-1": _resolver(layout, "dns-1", "First resolver"),
            "dns-2": _resolver(layout, "dns-2", "Second resolver"),
            "upstream": _external(layout, "upstream", "Payment and quote provider"),
            "fallback": _external(layout, "fallback", "Second quote provider"),
            "cloud": {**_external(layout, "cloud", "Cloud storage"), **outside.cloud(layout)},
            "loadgen": {
                **_plain(layout, "loadgen", "loadgen", "Visitors"),
                "depends_on": ["gateway"],
                "config": _config("loadgen"),
            },
        },
        "links": [_link(layout, name) for name in EDGES],
        "journeys": journeys(layout),
        "consistency": [
            {
                "name": "price",
                "service": "redis",
                "url": layout.seen_url("gateway", "/api/product/{key}"),
                "field": "price",
                "sql_service": "postgres",
                "sql": "select sku, price::float8 from shop.products order by random() limit 5",
                "cache": "product:{key}",
            }
        ],
    }


def _relative(layout: Layout, path: str) -> str:
    return path.removeprefix(f"{layout.root}/")


def _config(name: str, reload: str = "HUP") -> dict[str, str]:
    return {"file": f"etc/{name}.yaml", "golden": f"golden/etc/{name}.yaml", "reload": reload}


def _env(name: str, schema: list[str]) -> dict[str, Any]:
    return {"file": f"etc/{name}.env", "golden": f"golden/etc/{name}.env", "schema": schema}


def _plain(layout: Layout, name: str, kind: str, title: str) -> dict[str, Any]:
    """What every Python service of the shop has."""
    return {
        "kind": kind,
        "title": title,
        "http": {"url": layout.seen_url(name, "/healthz"), "timeout_s": 1.0, "slow_ms": 500},
        "tcp": layout.seen(name),
        "metrics": metrics(layout, name),
        "logs": [{"file": f"log/{name}.log"}],
        "state": {"keep": True},
    }


def _gateway(layout: Layout) -> dict[str, Any]:
    return {
        **_plain(layout, "gateway", "proxy", "Front door"),
        "depends_on": ["net", "api-1", "api-2", "frontend"],
        "config": _config("gateway"),
        "control": {
            "url": layout.seen_url("gateway"),
            "calls": {
                "pools": "/pools",
                "use_pool": "/pools/{pool}/use?pool={other}",
                "reset_breaker": "/breaker/reset",
            },
        },
        "state": _state(
            layout.seen_url("gateway", "/pools"),
            "*.sent_to",
            "*.members.*.name",
            sets={"*.sent_to": layout.seen_url("gateway", "/pools/{1}/use?pool={value}")},
        ),
        "actions": [*acts.gateway(layout), *outside.door(layout)],
    }


def _frontend(layout: Layout) -> dict[str, Any]:
    return {
        **_plain(layout, "frontend", "frontend", "Shop pages"),
        "depends_on": ["gateway", "api-1", "api-2"],  # it asks the API through the front door
        "config": _config("frontend"),
        "release": {"link": "releases/frontend/current", "previous": FRONTEND_VERSION},
    }


def _api(layout: Layout, name: str) -> dict[str, Any]:
    spec = _plain(layout, name, "http", "Standby API" if name == "backup-api" else "API")
    spec |= {
        "depends_on": ["postgres", "redis"],
        "ready": {"url": layout.seen_url(name, "/readyz"), "timeout_s": 1.5},
        "config": _config(name),
        "env": _env(name, API_ENV),
        "writes": [ORDERS, EVENTS],
    }
    if name != "backup-api":
        spec |= {
            "group": "api",
            "depends_on": ["net", "postgres", "redis", "upstream", "dns-1", "dns-2", "cloud"],
            "release": {"link": "releases/api/current", "previous": API_VERSION},
            "volumes": [{"path": "vol/applog"}, {"path": "vol/scratch"}],
            "control": {"url": layout.seen_url(name), "calls": {"reset_breaker": "/breaker/reset"}},
            "backup": {"proxy": "gateway", "pool": "api", "use": "backup-api"},
            "actions": [*acts.clock(layout), *acts.names(layout, name)],
        }
    return spec


def _worker(layout: Layout) -> dict[str, Any]:
    return {
        **_plain(layout, "worker", "worker", "Order worker"),
        "depends_on": ["postgres", "redis"],
        "config": _config("worker"),
        "env": _env("worker", ["DATABASE_URL", "REDIS_URL"]),
    }


def _analytics(layout: Layout) -> dict[str, Any]:
    return {
        **_plain(layout, "analytics", "worker", "Figures"),
        "depends_on": ["redis"],
        "config": _config("analytics"),
        "env": _env("analytics", ["REDIS_URL"]),
        "readings": [
            {
                "name": "orders-counted",
                "http": layout.seen_url("analytics", "/dashboard"),
                "path": "orders",
                "absent": 0,
                "every_s": 10,
            }
        ],
    }


def _log_collector(layout: Layout) -> dict[str, Any]:
    """Whoever hands its logs on does not need it: what cannot be handed on is spooled."""
    spool = rf"(?m)^{layout.names.word('shop')}_log_spool_bytes (\S+)"
    return {
        **_plain(layout, "log-collector", "http", "Log collector"),
        "config": _config("log-collector"),
        "readings": [
            {
                "name": "ingest-age",
                "title": "{service} has taken nothing for {value}",
                "http": layout.seen_url("log-collector", "/healthz"),
                "path": "ingest_age_s",
                "unit": "s",
                "class": "flow",
                "above": 20,
                "opens": False,
            },
            {
                "name": "spooled",
                "title": "{value} of log lines wait at the front door for {service}",
                "http": layout.seen_url("gateway", PATH),
                "find": spool,
                "unit": "B",
                "class": "flow",
                "above": 20_000,
                "clear": 1,
                "opens": False,
            },
        ],
    }


def _batch(layout: Layout) -> dict[str, Any]:
    return {
        **_plain(layout, "batch", "jobs", "Scheduled jobs"),
        "depends_on": ["postgres", "redis"],
        "config": _config("batch"),
        "env": _env("batch", ["DATABASE_URL", "REDIS_URL"]),
        "control": {
            "url": layout.seen_url("batch"),
            "calls": {
                "jobs": "/jobs",
                "pause_job": "/jobs/{job}/pause",
                "resume_job": "/jobs/{job}/resume",
            },
        },
    }


def _postgres(layout: Layout) -> dict[str, Any]:
    conf = _relative(layout, str(layout.pg_conf))
    return {
        "kind": "postgres",
        "title": "Database",
        "tcp": layout.seen("postgres"),
        "postgres": {
            "dsn": "${PROBER_DSN}",
            "admin_dsn": "${ADMIN_DSN}",
            "database": "shop",
            "schema": "shop",
        },
        "logs": [{"file": "log/postgres.log"}],
        "config": {"file": conf, "golden": "golden/etc/postgres/tuning.conf", "reload": "restart"},
        "credentials": [{"role": "app", "key": "DATABASE_URL", "consumers": CONSUMERS}],
        "snapshot": {"dir": "snapshots", "schema": "shop"},
        "state": {
            "tables": [{"table": "shop.flags", "key": "name", "columns": ["percent"], "kind": "flag"}],
            "files": [f"{_relative(layout, str(layout.pg_home))}/data/"],
            "keep": True,
        },
        "migrations": {"argv": [sys.executable, "-m", "shop.migrate"], "service": "api-1"},
    }


def _redis(layout: Layout) -> dict[str, Any]:
    return {
        "kind": "redis",
        "title": "Cache and queue",
        "tcp": layout.seen("redis"),
        "redis": {
            "url": "${REDIS_URL}",
            "queues": [
                {
                    "name": ORDERS,
                    "processing": "q:orders:processing",
                    "heartbeat": "worker:heartbeat",
                    "done": "worker:done",
                    "worker": "worker",
                },
                {"name": EVENTS, "group": "counting", "worker": "analytics"},
            ],
        },
        "logs": [{"file": "log/redis.log"}],
        "state": {"keep": True},
        "config": {"file": "etc/redis.conf", "golden": "golden/etc/redis.conf", "reload": "restart"},
    }


def _net(layout: Layout) -> dict[str, Any]:
    return {
        **_plain(layout, "net", "link", "Network"),
        "config": _config("net"),
        "control": {
            "url": layout.seen_url("net"),
            "calls": {
                "links": "/edges",
                "failover_link": "/edges/{link}/failover",
                "reset_link": "/edges/{link}/reset",
            },
        },
        "state": _state(layout.seen_url("net", "/edges"), "*.path", "*.address", "*.target"),
    }


def _resolver(layout: Layout, name: str, title: str) -> dict[str, Any]:
    return {
        **_plain(layout, name, "resolver", title),
        "config": _config(name),
        "readings": readings.resolver(layout, name),
    }


def _state(url: str, *only: str, sets: dict[str, str] | None = None) -> dict[str, Any]:
    """What of an administration page is settled, and by which calls it is set."""
    page = {"url": url, "only": list(only), **({"sets": sets} if sets else {})}
    return {"http": [page], "keep": True}


def _external(layout: Layout, name: str, title: str) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "kind": "external",
        "title": title,
        "unit": None,
        "http": {"url": layout.seen_url(name, "/health"), "timeout_s": 1.0, "slow_ms": 800},
    }
    if name == "upstream":
        spec |= outside.provider(layout)
        spec["fallback"] = {
            "consumer": ["api-1", "api-2"],
            "key": "upstream.active",
            "primary": "primary",
            "fallback": "fallback",
            "service": "fallback",
        }
        spec |= {"readings": readings.provider(layout), "actions": acts.provider(layout)}
    return spec


def _link(layout: Layout, name: str) -> dict[str, str]:
    source, target = EDGES[name]
    return {
        "name": name,
        "service": "net",
        "source": source,
        "target": target,
        "address": layout.seen(name),
        "direct": layout.seen(target),
    }


def secrets_env(layout: Layout, secrets: Secrets) -> str:
    """secrets.env: what the manifest's ${...} stand for."""
    at = layout.seen("postgres")
    return (
        f"PROBER_DSN=postgresql://prober:{secrets.prober_password}@{at}/shop\n"
        f"ADMIN_DSN=postgresql://ops_admin:{secrets.admin_password}@{at}/shop\n"
        f"PROVIDER_SECRET={secrets.upstream_secret}\n"
        f"REDIS_URL=redis://:{secrets.redis_password}@{layout.seen('redis')}/0\n"
    )
