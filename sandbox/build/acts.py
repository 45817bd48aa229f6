"""What the people who run the shop can do to its parts by programs and pages of its own: `actions` of the manifest."""

from __future__ import annotations

from typing import Any

from . import authority, files
from .layout import Layout


def gateway(layout: Layout) -> list[dict[str, Any]]:
    """A certificate is made by a program on the machine, and read by the door when it is told to."""
    if not authority.usable():
        return []
    reload = {"http": {"post": layout.seen_url("gateway", "/reload")}}
    return [
        {
            "name": "reissue-certificate",
            "title": "Issue a new certificate for the front door, and have it read",
            "risk": "medium",
            "mends": ["certificate_ended"],
            "beforehand": {**_program(layout, "certificate", "try"), "is": "in force"},
            "do": [_program(layout, "certificate", "reissue"), reload],
            "check": {**_program(layout, "certificate", "show"), "is": "in force"},
            "undo": [_program(layout, "certificate", "back"), reload],
        }
    ]


def clock(layout: Layout) -> list[dict[str, Any]]:
    """Of the machine that a part runs on."""
    tracking = {**_program(layout, "clock", "tracking"), "path": "offset_s"}
    return [
        {
            "name": "resync-clock",
            "title": "Set the clock of its machine by the right time",
            "risk": "medium",
            "mends": ["clock_off"],
            "do": _program(layout, "clock", "makestep"),
            "before": tracking,
            "check": {**tracking, "is": 0},
            "undo": _program(layout, "clock", "step", "{before}"),
        }
    ]


def names(layout: Layout, replica: str) -> list[dict[str, Any]]:
    """Which resolver a replica asks first, until it reads its configuration again."""
    listed, use = layout.seen_url(replica, "/resolvers"), layout.seen_url(replica, "/resolvers/use")
    first = {"http": listed, "path": "servers.0"}
    return [
        {
            "name": "switch-dns-resolver",
            "title": "Ask another resolver for names first",
            "risk": "medium",
            "params": {"resolver": {"from": {"http": listed, "path": "servers"}}},
            "do": {"http": {"post": f"{use}?server={{resolver}}"}},
            "before": first,
            "check": {**first, "is": "{resolver}"},
            "undo": {"http": {"post": f"{use}?server={{before}}"}},
        }
    ]


def provider(layout: Layout) -> list[dict[str, Any]]:
    """By its public interface, with the account's own secret."""

    def call(method: str, path: str, **more: Any) -> dict[str, Any]:
        headers = {"X-Api-Key": "${PROVIDER_SECRET}"}
        return {"http": {method: layout.seen_url("upstream", path), "headers": headers, **more}}

    registered = {**call("get", "/v1/webhook"), "path": "url"}
    ours, redeliver = files.webhook(layout), call("post", "/v1/deliveries/redeliver")
    return [
        {
            "name": "reregister-webhook",
            "title": "Tell the provider again where payments are to be told, and have it tell what waits",
            "risk": "medium",
            "mends": ["webhook_undelivered"],
            "do": [call("put", "/v1/webhook", json={"url": ours}), redeliver],
            "before": registered,
            "check": {**registered, "is": ours},
            "undo": call("put", "/v1/webhook", json={"url": "{before}"}),
        },
        {
            "name": "redeliver-failed",
            "title": "Have the provider tell again of every payment that waits",
            "risk": "medium",
            "do": redeliver,
            "check": {**call("get", "/v1/deliveries"), "path": "waiting", "is": 0, "within_s": 20},
        },
    ]


def _program(layout: Layout, name: str, *words: str) -> dict[str, Any]:
    return {"exec": [layout.python, "-m", f"shop.ops.{name}", *words], "timeout_s": 20}
