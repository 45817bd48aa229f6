"""The ward's manifest, and what the watcher reads of it while all is well."""

from __future__ import annotations

from collections.abc import Iterator

Key = tuple[str, str, str]  # service, metric, label
Said = tuple[float | None, str]  # value (None: could not be read), text

MANIFEST = """
system: {slug}
title: Ward
secrets: secrets.env
runtime: {{driver: fake, name: {slug}, units: [gateway, web-1, web-2, api-1, api-2, worker, db, cache]}}
services:
  gateway: {{kind: proxy, depends_on: [web-1, web-2]}}
  web-1: {{kind: http, group: web, depends_on: [api-1, api-2]}}
  web-2: {{kind: http, group: web, depends_on: [api-1, api-2]}}
  api-1:
    kind: http
    group: api
    depends_on: [db, cache, bank]
    config: {{file: etc/api-1.yaml, golden: golden/api-1.yaml, reload: HUP}}
    env: {{file: etc/api-1.env, golden: golden/api-1.env, schema: [DATABASE_URL]}}
  api-2:
    kind: http
    group: api
    depends_on: [db, cache, bank]
    config: {{file: etc/api-2.yaml, golden: golden/api-2.yaml, reload: HUP}}
    env: {{file: etc/api-2.env, golden: golden/api-2.env, schema: [DATABASE_URL]}}
  worker: {{kind: worker, depends_on: [db, cache]}}
  db:
    kind: postgres
    postgres: {{dsn: "${{DB_DSN}}", admin_dsn: "${{DB_DSN}}"}}
    config: {{file: etc/db.yaml, golden: golden/db.yaml, reload: HUP}}
  cache:
    kind: redis
    redis: {{url: "${{CACHE_URL}}", queues: [{{name: orders, processing: "{slug}:in-hand", worker: worker}}]}}
  bank: {{kind: external, unit: null}}
journeys:
  - {{name: browse, service: gateway, steps: [{{get: "http://127.0.0.1:9/browse"}}]}}
  - {{name: order, service: gateway, steps: [{{get: "http://127.0.0.1:9/order"}}]}}
"""
FILES = {
    f"etc/api-{n}.{kind}": text
    for n in (1, 2)
    for kind, text in {
        "yaml": "delay_s: 0\nmiddleware: {timeout_s: 2}\n",
        "env": "DATABASE_URL=postgresql://api@db/shop\nLOG_LEVEL=info\n",
    }.items()
} | {"etc/db.yaml": "work_mem: 4MB\n"}

_LOG = {"log.lines_rate": 2.0, "log.error_rate": 0.0, "log.bytes_rate": 200.0}
_PROCESS = {
    "proc.state": 0.0,
    "proc.cpu_pct": 4.0,
    "proc.rss_mb": 40.0,
    "proc.threads": 8.0,
    "proc.zombies": 0.0,
}
_HTTP = {
    "http.ok": 1.0,
    "http.latency_ms": 5.0,
    "tcp.ok": 1.0,
    "ready.ok": 1.0,
    "app.read": 1.0,
    "app.error_rate": 0.0,
    "app.p50_ms": 12.0,
    "app.p95_ms": 30.0,
    "app.rps": 20.0,
}
_POSTGRES = {
    "tcp.ok": 1.0,
    "pg.ok": 1.0,
    "pg.connections_pct": 20.0,
    "pg.blocked": 0.0,
    "pg.longest_xact_s": 0.1,
    "pg.deadlocks_rate": 0.0,
    "pg.rollbacks_rate": 0.0,
    "pg.tables": 12.0,
    "pg.dead_tuples": 100.0,
}
_REDIS = {
    "tcp.ok": 1.0,
    "redis.ok": 1.0,
    "redis.maxmemory_mb": 50.33,
    "redis.hit_ratio": 0.95,
    "redis.evicted_rate": 0.0,
    "redis.bgsave_ok": 1.0,
}
_QUEUE = {
    "queue.depth": 1.0,
    "queue.oldest_s": 0.2,
    "queue.inflight": 1.0,
    "queue.held_s": 0.0,
    "queue.handled_s": 1.0,
}
_KINDS = {"proxy": _HTTP, "http": _HTTP, "worker": {}, "postgres": _POSTGRES, "redis": _REDIS}


def readings(kinds: dict[str, str], journeys: list[str]) -> Iterator[tuple[Key, Said]]:
    """Everything that is scripted; units and files are read by their real probes."""
    for name, kind in kinds.items():
        if kind == "external":
            yield (name, "external.ok", ""), (1.0, "")
            continue
        for metric, value in {**_LOG, **_PROCESS, **_KINDS.get(kind, {})}.items():
            yield (name, metric, ""), (value, "S" if metric == "proc.state" else "")
        if kind == "redis":
            yield from (((name, metric, "orders"), (value, "")) for metric, value in _QUEUE.items())
        if kind == "worker":
            yield (name, "worker.heartbeat_age_s", "orders"), (0.5, "")
            yield (name, "queue.done_rate", "orders"), (5.0, "")
        if kind == "proxy":
            for journey in journeys:
                yield (name, "journey.ok", journey), (1.0, "")
                yield (name, "journey.latency_ms", journey), (40.0, "")
