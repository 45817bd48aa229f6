"""What the people who run the shop look at by pages of its own: `readings` of the manifest."""

from __future__ import annotations

from typing import Any

from . import files
from .layout import Layout


def provider(layout: Layout) -> list[dict[str, Any]]:
    """Whether it can tell of the payments, and how many orders wait for that."""
    told = {
        "get": layout.seen_url("upstream", "/v1/deliveries"),
        "headers": {"X-Api-Key": "${PROVIDER_SECRET}"},
    }
    return [
        {
            "name": "webhooks-unreachable",
            "http": told,
            "every_s": 2,
            "path": "unreachable",
            "above": 0,
            "class": "fails",
            "severity": "high",
            "title": "{value} webhooks of {service} reach nobody: their address leads nowhere",
        },
        {"name": "webhooks-waiting", "http": told, "path": "waiting"},
        {
            "name": "payments-waiting",
            "sql": "select count(*) from shop.orders where status = 'payment_pending' "
            "and created_at > now() - interval '1 hour'",
            "on": "postgres",
        },
    ]


def resolver(layout: Layout, name: str) -> list[dict[str, Any]]:
    """Whether it knows the name that everybody needs."""
    return [
        {
            "name": "answers",
            "http": layout.seen_url(name, f"/lookup?name={files.DATABASE}"),
            "path": "answer",
            "is_not": "NOERROR",
            "class": "fails",
            "severity": "high",
            "title": f"{{service}} answers {{text}} for {files.DATABASE}",
        }
    ]
