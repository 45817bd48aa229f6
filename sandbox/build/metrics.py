"""Which readings the shop's own metrics (shop/kit/metrics.py) become: `metrics` of its parts in the manifest.

What has a usual name (requests, their durations, the process) needs no word here.
"""

from __future__ import annotations

from typing import Any

from .layout import Layout

Named = dict[str, Any]
# by the part that tells them: a metric, and the reading that its value is, or what else is made of it
OWN: dict[str, dict[str, str | Named]] = {
    "gateway": {
        "pool_members": "app.pool.{pool}.members",
        "pool_members_up": "app.pool.{pool}.up",
        "pool_breaker": {"reading": "app.pool.{pool}.breaker", "kind": "state"},
        "member_requests": "app.served.{member}",
        "client_requests": "app.key.{client}",
        "breaker_rejected": "app.breaker_rejected",
    },
    "api": {
        "pool_connections": "app.pool_size",
        "pool_connections_available": "app.pool_available",
        "pool_connections_max": "app.pool_max",
        "pool_requests_waiting": "app.requests_waiting",
        "pool_errors": "app.pool_errors",
        "cache_hits": "app.cache_hits",
        "cache_misses": "app.cache_misses",
        "cache_bypass": "app.cache_bypass",
        "events_lost": "app.events_lost",
        "cache_hit_ratio": "app.cache_hit_ratio",
        "remembered_visits": "app.session_entries",
        "remembered_visits_megabytes": "app.session_mb",
        "outside_breaker": {"reading": "app.upstream_breaker", "kind": "state"},
        "outside_active": {"reading": "app.upstream_active", "kind": "state"},
    },
    "worker": {
        "message_duration_seconds": {"kind": "durations"},
        "messages_failed": {"kind": "rate", "reading": "app.failed_rate"},
        "picture_children": "app.children",
        "pictures": "app.thumbs_total",
    },
    "analytics": {
        "events_counted": "app.events_counted",
        "events_claimed": "app.events_claimed",
        "events_looked_age_seconds": "app.events_looked_age_s",
    },
    "log-collector": {
        "log_lines": "app.log_lines",
        "ingest_age_seconds": "app.ingest_age_s",
        "sender_age_seconds": "app.sender_age_s.{sender}",
    },
    "batch": {
        "jobs_running": "app.jobs_running",
        "jobs_paused": "app.jobs_paused",
    },
    "net": {
        "edge_path": {"reading": "app.{edge}.path", "kind": "state"},
        "edge_medium": {"reading": "app.{edge}.medium", "kind": "state"},
        "edge_ok": "app.{edge}.ok",
        "edge_rtt_seconds": {"reading": "app.{edge}.rtt_ms", "scale": 1000},
        "edge_connections": "app.{edge}.connections",
        "edge_accepted": "app.{edge}.connections_total",
        "edge_failures": "app.{edge}.failures_total",
        "edge_bytes_in": "app.{edge}.bytes_in",
        "edge_bytes_out": "app.{edge}.bytes_out",
        "edge_used_ratio": "app.link_used.{edge}",
        "edge_client_bytes": "app.sent_bytes.{client}",
    },
    "net-far": {
        "line_connections": "app.connections",
        "line_accepted": "app.connections_total",
        "line_failures": "app.failures_total",
    },
    "loadgen": {"visits_in_flight": "app.in_flight"},
}
ALL: dict[str, str | Named] = {"log_spool_bytes": "app.log_spool_bytes"}  # of those that hand their logs on
API = ("api-1", "api-2", "backup-api")
PATH = "/metrics"


def metrics(layout: Layout, name: str) -> Any:
    """`metrics` of the part `name`: its address, and what its own names mean."""
    url = layout.seen_url(name, PATH)
    own = {**OWN.get("api" if name in API else name, {}), **ALL}
    names = [_named(f"{layout.names.word('shop')}_{metric}", told) for metric, told in own.items()]
    if name == "loadgen":  # a visitor asks, and answers nobody
        names.append({"name": "http_client_request_duration_seconds", "kind": "durations"})
    return {"url": url, "names": names}


def _named(metric: str, told: str | Named) -> Named:
    return {"name": metric, **({"reading": told} if isinstance(told, str) else told)}
