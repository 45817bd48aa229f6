"""manifest.yaml: what an operator's tools may know about the shop."""

from __future__ import annotations

from typing import Any

from . import acts, authority, infrastructure, outside, readings, shapes
from .journeys import journeys
from .layout import API_VERSION, EDGES, FRONTEND_VERSION, Layout
from .secrets import Secrets

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
        "runtime": {"driver": "process", "socket": shapes.relative(layout, str(layout.socket_path()))},
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
            "batch": infrastructure.batch(layout),
            "postgres": infrastructure.postgres(layout),
            "redis": infrastructure.redis(layout),
            "net": infrastructure.net(layout),
            "log-collector": infrastructure.log_collector(layout),
            "dns-1": infrastructure.resolver(layout, "dns-1", "First resolver"),
            "dns-2": infrastructure.resolver(layout, "dns-2", "Second resolver"),
            "upstream": _external(layout, "upstream", "Payment and quote provider"),
            "fallback": _external(layout, "fallback", "Second quote provider"),
            "cloud": {**_external(layout, "cloud", "Cloud storage"), **outside.cloud(layout)},
            "loadgen": {
                **shapes.plain(layout, "loadgen", "loadgen", "Visitors"),
                "depends_on": ["gateway"],
                "config": shapes.config("loadgen"),
            },
        },
        "links": [infrastructure.link(layout, name) for name in EDGES],
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


def _gateway(layout: Layout) -> dict[str, Any]:
    return {
        **shapes.plain(layout, "gateway", "proxy", "Front door"),
        "depends_on": ["net", "api-1", "api-2", "frontend"],
        "config": shapes.config("gateway"),
        "control": {
            "url": layout.seen_url("gateway"),
            "calls": {
                "pools": "/pools",
                "use_pool": "/pools/{pool}/use?pool={other}",
                "reset_breaker": "/breaker/reset",
            },
        },
        "state": shapes.state(
            layout.seen_url("gateway", "/pools"),
            "*.sent_to",
            "*.members.*.name",
            sets={"*.sent_to": layout.seen_url("gateway", "/pools/{1}/use?pool={value}")},
        ),
        "actions": [*acts.gateway(layout), *outside.door(layout)],
    }


def _frontend(layout: Layout) -> dict[str, Any]:
    return {
        **shapes.plain(layout, "frontend", "frontend", "Shop pages"),
        "depends_on": ["gateway", "api-1", "api-2"],  # it asks the API through the front door
        "config": shapes.config("frontend"),
        "release": {"link": "releases/frontend/current", "previous": FRONTEND_VERSION},
    }


def _api(layout: Layout, name: str) -> dict[str, Any]:
    spec = shapes.plain(layout, name, "http", "Standby API" if name == "backup-api" else "API")
    spec |= {
        "depends_on": ["postgres", "redis"],
        "ready": {"url": layout.seen_url(name, "/readyz"), "timeout_s": 1.5},
        "config": shapes.config(name),
        "env": shapes.env(name, API_ENV),
        "writes": [infrastructure.ORDERS, infrastructure.EVENTS],
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
        **shapes.plain(layout, "worker", "worker", "Order worker"),
        "depends_on": ["postgres", "redis"],
        "config": shapes.config("worker"),
        "env": shapes.env("worker", ["DATABASE_URL", "REDIS_URL"]),
    }


def _analytics(layout: Layout) -> dict[str, Any]:
    return {
        **shapes.plain(layout, "analytics", "worker", "Figures"),
        "depends_on": ["redis"],
        "config": shapes.config("analytics"),
        "env": shapes.env("analytics", ["REDIS_URL"]),
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


def _external(layout: Layout, name: str, title: str) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "kind": "external",
        "title": title,
        "unit": None,
        "http": {"url": layout.seen_url(name, "/health"), "timeout_s": 1.0, "slow_ms": 800},
    }
    if name == "upstream":
        of_keys = outside.provider(layout)
        spec["fallback"] = {
            "consumer": ["api-1", "api-2"],
            "key": "upstream.active",
            "primary": "primary",
            "fallback": "fallback",
            "service": "fallback",
        }
        spec["readings"] = [*of_keys["readings"], *readings.provider(layout)]
        spec["actions"] = [*of_keys["actions"], *acts.provider(layout)]
    return spec


def secrets_env(layout: Layout, secrets: Secrets) -> str:
    """secrets.env: what the manifest's ${...} stand for."""
    at = layout.seen("postgres")
    return (
        f"PROBER_DSN=postgresql://prober:{secrets.prober_password}@{at}/shop\n"
        f"ADMIN_DSN=postgresql://ops_admin:{secrets.admin_password}@{at}/shop\n"
        f"PROVIDER_SECRET={secrets.upstream_secret}\n"
        f"REDIS_URL=redis://:{secrets.redis_password}@{layout.seen('redis')}/0\n"
    )
