"""The manifest's entries of what the shop stands on: its stores, its lines, its jobs, its log collector."""

from __future__ import annotations

import sys
from typing import Any

from . import readings, shapes
from .layout import EDGES, Layout
from .metrics import PATH

CONSUMERS = ["api-1", "api-2", "backup-api", "worker", "batch"]
ORDERS, EVENTS = "q:orders", "s:events"


def log_collector(layout: Layout) -> dict[str, Any]:
    """Whoever hands its logs on does not need it: what cannot be handed on is spooled."""
    spool = rf"(?m)^{layout.names.word('shop')}_log_spool_bytes (\S+)"
    return {
        **shapes.plain(layout, "log-collector", "http", "Log collector"),
        "config": shapes.config("log-collector"),
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


def batch(layout: Layout) -> dict[str, Any]:
    return {
        **shapes.plain(layout, "batch", "jobs", "Scheduled jobs"),
        "depends_on": ["net", "postgres", "redis", "gateway"],
        "config": shapes.config("batch"),
        "env": shapes.env("batch", ["DATABASE_URL", "REDIS_URL"]),
        "control": {
            "url": layout.seen_url("batch"),
            "calls": {
                "jobs": "/jobs",
                "pause_job": "/jobs/{job}/pause",
                "resume_job": "/jobs/{job}/resume",
            },
        },
    }


def postgres(layout: Layout) -> dict[str, Any]:
    conf = shapes.relative(layout, str(layout.pg_conf))
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
            "files": [f"{shapes.relative(layout, str(layout.pg_home))}/data/"],
            "keep": True,
        },
        "migrations": {
            "argv": [sys.executable, "-m", "shop.migrate"],
            "service": "api-1",
            "dry_run": "--dry-run",
        },
    }


def redis(layout: Layout) -> dict[str, Any]:
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


def net(layout: Layout) -> dict[str, Any]:
    return {
        **shapes.plain(layout, "net", "link", "Network"),
        "config": shapes.config("net"),
        "control": {
            "url": layout.seen_url("net"),
            "calls": {
                "links": "/edges",
                "failover_link": "/edges/{link}/failover",
                "reset_link": "/edges/{link}/reset",
            },
        },
        "state": shapes.state(layout.seen_url("net", "/edges"), "*.path", "*.address", "*.target"),
    }


def resolver(layout: Layout, name: str, title: str) -> dict[str, Any]:
    return {
        **shapes.plain(layout, name, "resolver", title),
        "config": shapes.config(name),
        "readings": readings.resolver(layout, name),
    }


def link(layout: Layout, name: str) -> dict[str, str]:
    source, target = EDGES[name]
    return {
        "name": name,
        "service": "net",
        "source": source,
        "target": target,
        "address": layout.seen(name),
        "direct": layout.seen(target),
    }
