"""The two process files: the shop itself and the world outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .layout import Layout, runs_as_nobody
from .postgres import command

WARM_API = [
    "fastapi",
    "uvicorn",
    "uvicorn.protocols.http.h11_impl",
    "psycopg",
    "psycopg_pool",
    "prometheus_client",
    "redis",
    "httpx",
    "jwt",
    "yaml",
]
MEMORY_MB = 160
WORLD = {"upstream": "shop.world", "fallback": "shop.world", "cloud": "shop.world.objects",
         "newcomers": "shop.loadgen"}  # fmt: skip


def inside(layout: Layout, pg_bin: Path, redis_server: Path) -> dict[str, Any]:
    """processes.yaml."""
    return {
        "directory": str(layout.root),
        "socket": str(layout.socket_path()),
        "log": "log/supervisor.log",
        "services": {
            "storage": _storage(layout),
            "log-collector": _log_collector(layout),
            "postgres": _postgres(layout, pg_bin),
            "redis": {
                "command": [str(redis_server), str(layout.root / "etc/redis.conf")],
                "cwd": "vol/redis",
                "log": "log/redis.log",
                "ready": {"tcp": layout.port("redis")},
            },
            "net": {
                **_service(layout, "net", "platform", {"RUN_DIR": str(layout.root / "run")}),
                "ready": {"http": layout.url("net", "/healthz")},
            },
            "dns-1": _resolver(layout, "dns-1"),
            "dns-2": _resolver(layout, "dns-2"),
            "api-1": _api(layout, "api-1"),
            "api-2": _api(layout, "api-2"),
            "backup-api": _api(layout, "backup-api"),
            "gateway": {**_service(layout, "gateway", "platform", _door(layout)), "after": ["net"]},
            "frontend": {
                **_service(layout, "frontend", "frontend", {"GATEWAY_URL": layout.url("gateway")}),
                "release": "releases/frontend",
                "after": ["net"],
            },
            **_behind(layout),
            "loadgen": {
                **_service(layout, "loadgen", "platform", {"GATEWAY_URL": layout.url("gateway")}),
                "after": ["api-1", "api-2", "gateway", "frontend"],
            },
        },
    }


def _behind(layout: Layout) -> dict[str, Any]:
    """Who works behind the shop, with an environment of their own."""
    return {
        "worker": {
            **_service(layout, "worker", "platform", {"THUMBS_DIR": str(layout.root / "vol/thumbs")}),
            "env_file": "etc/worker.env",
            "after": ["postgres", "redis"],
        },
        "analytics": {
            **_service(layout, "analytics", "platform"),
            "env_file": "etc/analytics.env",
            "after": ["redis"],
        },
        "batch": {
            **_service(layout, "batch", "platform", _batch_env(layout)),
            "env_file": "etc/batch.env",
            "after": ["postgres", "redis"],
        },
    }


def world(layout: Layout) -> dict[str, Any]:
    """world/processes.yaml."""
    return {
        "directory": str(layout.root / "world"),
        "socket": str(layout.socket_path(world=True)),
        "log": "log/supervisor.log",
        "services": {
            name: {
                "command": ["{python}", "-m", module],
                "cwd": "app",
                "env": {
                    "PORT": str(layout.port(name)),
                    "REPLICA": name,
                    "CONFIG_FILE": str(layout.root / f"world/etc/{name}.yaml"),
                    "STATE_FILE": str(layout.root / f"world/vol/{name}.json"),
                    **({"GATEWAY_URL": layout.url("gateway")} if name == "newcomers" else {}),
                },
                "log": f"log/{name}.log",
                "ready": {"tcp": layout.port(name)},
                "grace_s": 2,
            }
            for name, module in WORLD.items()
        },
    }


def _postgres(layout: Layout, pg_bin: Path) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "command": command(layout, pg_bin),
        "cwd": str(layout.pg_home),
        "log": "log/postgres.log",
        "stop_signal": "INT",
        "grace_s": 8,
        "ready": {"tcp": layout.port("postgres")},
    }
    if runs_as_nobody():
        spec["user"] = "nobody"
    return spec


def _service(layout: Layout, name: str, release: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    """A Python service with a config file, a port and a log of its own name."""
    return {
        "command": ["{python}", "-m", f"shop.{name}"],
        "cwd": f"releases/{release}/current",
        "env": {
            "PORT": str(layout.port(name)),
            "REPLICA": name,
            "CONFIG_FILE": str(layout.root / f"etc/{name}.yaml"),
            "LOG_SINK": layout.address("log-collector"),
            "SPOOL_DIR": str(layout.root / "vol/spool"),
            **(env or {}),
        },
        "log": f"log/{name}.log",
        "ready": {"http": layout.url(name, "/healthz")},
        "grace_s": 3,
    }


def _resolver(layout: Layout, name: str) -> dict[str, Any]:
    return {**_service(layout, name, "platform"), "command": ["{python}", "-m", "shop.dns"]}


def _api(layout: Layout, name: str) -> dict[str, Any]:
    own = {"APPLOG_DIR": layout.root / "vol/applog", "SCRATCH_DIR": layout.root / "vol/scratch"}
    own |= {"CLOCK_FILE": layout.at(f"run/clock/{name}"), "ENV_FILE": layout.at(f"etc/{name}.env")}
    spec = _service(layout, name, "api", {key: str(path) for key, path in own.items()})
    spec |= {
        "command": ["{python}", "-m", "shop.api"],
        "env_file": f"etc/{name}.env",
        "ready": {"http": layout.url(name, "/livez")},
        "after": ["storage", "postgres", "redis", "net", "dns-1", "dns-2"],
        "memory_limit_mb": MEMORY_MB,
        "warm": WARM_API,
        "grace_s": 5,
        "release": "releases/api",
    }
    if name == "backup-api":
        del spec["release"]
        spec["cwd"] = "releases/api/1.3.0"
    return spec


def _log_collector(layout: Layout) -> dict[str, Any]:
    own = {"LOG_SINK": "", "LOGS_DIR": str(layout.root / "vol/logs")}
    spec = _service(layout, "log-collector", "platform", own)
    return {**spec, "command": ["{python}", "-m", "shop.collector"]}


def _storage(layout: Layout) -> dict[str, Any]:
    """The machine's own: nobody who looks after the shop has to do with it."""
    return {
        "command": ["{python}", "-m", "shop.storage"],
        "cwd": "releases/platform/current",
        "env": {
            "REPLICA": "storage",
            "VOLUMES_DIR": str(layout.root / "vol"),
            "MOUNTS_DIR": str(layout.root / "run/volumes"),
        },
        "log": "log/storage.log",
        "grace_s": 2,
    }


def _door(layout: Layout) -> dict[str, str]:
    return {"TLS_PORT": str(layout.port("gateway-tls"))}


def _batch_env(layout: Layout) -> dict[str, str]:
    return {
        "EXPORT_DIR": str(layout.root / "vol/exports"),
        "THUMBS_DIR": str(layout.root / "vol/thumbs"),
        "GATEWAY_URL": layout.url("gateway"),
        "SITE_DIR": str(layout.root),
    }
