"""The contents of etc/: one YAML and, where needed, one env file per service."""

from __future__ import annotations

import json
from typing import Any

import yaml

from . import authority, containers
from .layout import CAPACITY, EDGES, Layout
from .secrets import Secrets

ACCOUNT = "corner"  # the shop's, with its providers
DATABASE, CACHE = "db.sandbox.internal", "cache.sandbox.internal"  # host names

Files = dict[str, str]  # path below root -> text


def etc_files(layout: Layout, secrets: Secrets) -> Files:
    """Everything that has a golden copy, the outside world's files included."""
    known = configs(layout)
    if isinstance(layout, containers.Containers):
        known |= containers.net_configs(layout, known["net"])
    files = {f"etc/{name}.yaml": _yaml(layout.called(data)) for name, data in known.items()}
    files |= {
        f"etc/{name}.env": layout.text(_env(data)) for name, data in environments(layout, secrets).items()
    }
    files["etc/redis.conf"] = layout.text(redis_conf(layout, secrets))
    if layout.pg_conf.is_relative_to(layout.root):
        files[str(layout.pg_conf.relative_to(layout.root))] = layout.text(PG_CONF)
    for name, key in (("upstream", secrets.upstream_key), ("fallback", secrets.fallback_key)):
        told = {"latency_ms": 15, "keys": {key: None}, "accounts": {ACCOUNT: secrets.upstream_secret}}
        told |= {"webhook": {"url": webhook(layout, "primary" if name == "upstream" else name)}}
        files[f"world/etc/{name}.yaml"] = _yaml(layout.called(told))
    told = {"latency_ms": 8, "accounts": {secrets.cloud_key: secrets.cloud_secret}}
    files["world/etc/cloud.yaml"] = _yaml(layout.called(told))
    coming = {"rps": 0, "clients": 240, "timeout_s": 8, "max_in_flight": 200}
    files["world/etc/newcomers.yaml"] = _yaml(layout.called(coming))
    return files


def configs(layout: Layout) -> dict[str, dict[str, Any]]:
    """service -> its YAML."""
    return {
        "gateway": gateway(layout),
        "api-1": api(layout),
        "api-2": api(layout),
        "backup-api": {**api(layout), "names": None, "session_cache": {"max_entries": 0, "entry_kb": 0}},
        "worker": {
            "log": {"level": "INFO"}, "concurrency": 4, "poll_interval_s": 0, "heartbeat_s": 1.0, "packing_s": 0.4,
            "retry_delay_s": 0.05, "thumbs": {"reap_children": True, "child_slots": 32},
        },
        "batch": {"jobs": jobs(layout)},
        "analytics": {"log": {"level": "INFO"}, "batch": 50},
        "log-collector": {"log": {"level": "INFO"}, "rotate_mb": 4, "keep": 2},
        "dns-1": zone(layout),
        "dns-2": zone(layout),
        "frontend": {"page_size": 24, "api_timeout_s": 8},
        "loadgen": {"rps": 6, "timeout_s": 8, "max_in_flight": 60},
        "net": {
            "heartbeat_s": 0.7,
            "edges": {
                name: {
                    "address": layout.listen(name), "target": layout.address(target), "up": True,
                    **({"capacity_mbit": CAPACITY[name]} if name in CAPACITY else {}),
                }
                for name, (_, target) in EDGES.items()
            },
        },
    }  # fmt: skip


def api(layout: Layout) -> dict[str, Any]:
    """One replica; where database and cache are it asks the resolvers. Everything but `database`, `threads` and
    `limit_max_requests` is live on SIGHUP."""
    return {
        "log": {"level": "INFO"},
        "limit_max_requests": None,
        "threads": 20,
        "middleware": {"delay_s": 0},
        "database": {"pool_min": 1, "pool_max": 3, "pool_timeout_s": 2.0, "max_lifetime_s": 3},
        "cache": {"ttl_s": 300},
        "names": {
            "servers": [layout.address("dns-1"), layout.address("dns-2")], "timeout_s": 1.0, "database": DATABASE,
            "cache": CACHE,
        },
        "session": {"ttl_s": 1800},
        "session_cache": {"max_entries": 25, "entry_kb": 384},
        "auth": {"token_ttl_s": 3600},
        "upload": {"keep_tmp": False},
        "upstream": {
            "active": "primary", "timeout_s": 2.0, "insights_timeout_s": 2.0, "breaker_failures": 4,
            "breaker_reset_s": 5,
            "primary": {"url": layout.url("api-upstream")}, "fallback": {"url": layout.url("fallback")},
        },
        "assets": {"url": layout.url("cloud"), "bucket": "shop-assets", "timeout_s": 2.0},
    }  # fmt: skip


def webhook(layout: Layout, provider: str = "primary") -> str:
    """Where a provider tells of payments; its name there is the one that the api's settings have for it."""
    return layout.url("gateway", f"/webhooks/payments/{provider}")


def zone(layout: Layout) -> dict[str, Any]:
    """Live on SIGHUP. What the api reaches by name lies behind the network's edges."""
    at = {
        name: layout.address(edge).split(":")[0]
        for name, edge in ((DATABASE, "api-db"), (CACHE, "api-redis"))
    }
    return {"ttl_s": 1, "zone": at}


def gateway(layout: Layout) -> dict[str, Any]:
    """Everything is live on SIGHUP."""
    tls = {"folder": str(layout.home / authority.FOLDER), "hosts": authority.hosts(layout)}
    health = {"path": "/livez", "interval_s": 1.0, "timeout_s": 1.0, "fall": 2}
    return {
        "routes": [{"prefix": "/api/", "pool": "api"}, {"prefix": "/webhooks/", "pool": "api"},
                   {"prefix": "/", "pool": "frontend"}],
        "pools": {
            "api": {
                "members": [{"name": r, "url": layout.url(f"gateway-{r}")} for r in ("api-1", "api-2")],
                "health": health,
            },
            "backup-api": {"members": [{"name": "backup-api", "url": layout.url("backup-api")}], "health": health},
            "frontend": {
                "members": [{"name": "frontend", "url": layout.url("frontend")}], "timeout_s": 4, "breaker": False,
            },
        },
        "upstream_timeout_s": 12,
        "breaker": {"failures": 8, "reset_timeout_s": 3},
        "rate_limit": {"rps": 40, "burst": 60, "newcomers_rps": 8, "per_key": {}},
        **({"tls": tls} if authority.usable() else {}),
    }  # fmt: skip


def jobs(layout: Layout) -> dict[str, dict[str, Any]]:
    return {
        "cloud-refresh": {"every_s": 30, "least_s": 600, "lasts_s": 900},
        "report-export": {
            "every_s": 45,
            "chunks": 6,
            "sessions_per_chunk": 2,
            "close_sessions": True,
            "retry_s": 0.1,
        },
        "thumb-render": {"every_s": 40, "nice": 5, "limit": 60, "caption_pattern": "^[\\w .,'&-]+$"},
        "inventory-sync": {"every_s": 50, "lock_order": "asc", "rounds": 1, "rows": 50, "row_pause_ms": 0},
        "nightly-report": {"every_s": 60, "hold_s": 0},
        "price-recalc": {"every_s": 75, "rounds": 1, "hold_s": 0, "pause_s": 0},
        "partner-sync": {"every_s": 55, "requests": 20, "rps": 5},
        "recs-precompute": {"every_s": 65, "keys": 200, "ttl_s": 600, "rounds": 1},
        "backup-sync": {
            "every_s": 80,
            "via": layout.address("api-db"),
            "kb_s": 64,
            "streams": 1,
            "copies": 2,
            "rounds": 1,
        },
        "session-import": {"every_s": 70, "keys": 200, "keep_every": 4, "ttl_s": 600},
    }


def environments(layout: Layout, secrets: Secrets) -> dict[str, dict[str, str]]:
    """service -> its env file. The api replicas reach database and cache through the network's edges."""

    def database(name: str) -> str:
        return f"postgresql://app:{secrets.app_password}@{layout.address(name)}/shop"

    def cache(name: str) -> str:
        return f"redis://:{secrets.redis_password}@{layout.address(name)}/0"

    own = {
        "JWT_SECRET": secrets.jwt_secret,
        "UPSTREAM_API_KEY": secrets.upstream_key,
        "FALLBACK_API_KEY": secrets.fallback_key,
    }
    edged = {"DATABASE_URL": database("api-db"), "REDIS_URL": cache("api-redis"), **own}
    direct = {"DATABASE_URL": database("postgres"), "REDIS_URL": cache("redis")}
    return {
        "api-1": edged,
        "api-2": edged,
        "backup-api": {**direct, **own},
        "worker": direct,
        "analytics": {"REDIS_URL": direct["REDIS_URL"]},
        "batch": {
            **direct,
            "PROVIDER_URL": layout.url("upstream"),
            "PROVIDER_ACCOUNT": ACCOUNT,
            "PROVIDER_SECRET": secrets.upstream_secret,
            "CLOUD_URL": layout.url("cloud"),
            "CLOUD_KEY_ID": secrets.cloud_key,
            "CLOUD_SECRET": secrets.cloud_secret,
        },
    }


def redis_conf(layout: Layout, secrets: Secrets) -> str:
    folder, host = layout.home / "vol/redis", layout.listen("redis").split(":")[0]
    return (
        f'bind {host}\nport {layout.port("redis")}\nrequirepass {secrets.redis_password}\ndaemonize no\nlogfile ""\n'
        f"dir {json.dumps(str(folder))}\ndbfilename dump.rdb\nsave 300 100\nappendonly no\n"
        "maxmemory 48mb\nmaxmemory-policy allkeys-lru\nmaxclients 500\nloglevel notice\n"
    )


PG_CONF = """\
# Tuning of the shop's database, read at start.
max_connections = 40
shared_buffers = 24MB
work_mem = 2MB
maintenance_work_mem = 16MB
fsync = off
full_page_writes = off
synchronous_commit = off
max_wal_size = 128MB
min_wal_size = 32MB
max_worker_processes = 2
max_parallel_workers = 0
autovacuum_naptime = 20s
deadlock_timeout = 200ms
log_lock_waits = on
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] %q%u@%d/%a '
log_min_duration_statement = 2000
log_timezone = 'UTC'
timezone = 'UTC'
"""


def postgresql_conf(layout: Layout) -> str:
    """The server's own file: where to listen, and the tuning file to include."""
    host, port = layout.listen("postgres").split(":")
    if isinstance(layout, containers.Containers):  # the image decides where its sockets are
        return (
            f"listen_addresses = '{host}'\nport = {port}\ninclude '{layout.home}/etc/postgres/tuning.conf'\n"
        )
    return (
        f"listen_addresses = '{host}'\nport = {port}\nunix_socket_directories = ''\n"
        f"include '{layout.pg_conf}'\n"
    )


def _yaml(data: dict[str, Any]) -> str:
    plain = json.loads(json.dumps(data))  # no anchors
    return str(yaml.safe_dump(plain, sort_keys=False, width=110))


def _env(data: dict[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in data.items())
