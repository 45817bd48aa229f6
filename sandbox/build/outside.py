"""What the shop's people watch of the services outside, and what they do about it: readings and actions of the
manifest. What is done is done by a program of the shop's, run beside the jobs."""

from __future__ import annotations

import sys
from typing import Any

from .containers import Containers
from .layout import Layout

BESIDE = "batch"
USERS = ("api-1", "api-2", "backup-api")  # who reads the provider's key again when told to
LOOK_S = 10


def provider(layout: Layout) -> dict[str, Any]:
    """The shop's key with its quote provider."""
    read_again = [{"http": {"post": layout.seen_url(name, "/credentials/reload")}} for name in USERS]
    return {
        "readings": [_reading(layout, "key", "valid", "{service} says that the shop's key is {text}")],
        "actions": [
            {
                "name": "rotate-api-key",
                "title": "Ask for another key in place of an expired one, and have everybody use it",
                "risk": "high",
                "mends": ["credentials_expired"],
                "do": [program(layout, "provider_key", "rotate"), *read_again],
                "check": _check(layout, "key", "valid"),
            }
        ],
    }


def cloud(layout: Layout) -> dict[str, Any]:
    """The session by which pictures are read, and the bucket where they lie."""
    return {
        "readings": [
            _reading(layout, "session", "valid", "{service} says that the session in use is {text}"),
            _reading(layout, "bucket", "there", "the bucket of {service} with the pictures is {text}"),
        ],
        "actions": [
            {
                "name": "rotate-cloud-credentials",
                "title": "Open a new session for all who read pictures",
                "risk": "high",
                "mends": ["credentials_expired"],
                "do": program(layout, "assets", "rotate"),
                "check": _check(layout, "session", "valid"),
            },
            {
                "name": "restore-bucket",
                "title": "Make the bucket of the pictures again, and bring over what its copy has",
                "risk": "high",
                "mends": ["bucket_missing"],
                "do": {**program(layout, "assets", "restore"), "timeout_s": 60},
                "check": _check(layout, "bucket", "there"),
            },
        ],
    }


def door(layout: Layout) -> list[dict[str, Any]]:
    """What is done at the front door when more people come than can be served."""
    page = layout.seen_url("gateway", "/admission")
    return [
        {
            "name": "shed-load",
            "title": "Let newcomers wait, and serve those who were here before",
            "risk": "medium",
            "mends": ["surge"],
            "do": {"http": {"post": f"{page}?mode=shed"}},
            "check": {"http": page, "path": "mode", "is": "shed"},
            "undo": {"http": {"post": f"{page}?mode=open"}},
        }
    ]


def _look(layout: Layout, name: str) -> dict[str, Any]:
    return {"http": layout.seen_url(BESIDE, "/outside"), "path": name}


def _reading(layout: Layout, name: str, well: str, title: str) -> dict[str, Any]:
    told = {"title": title, "every_s": LOOK_S, "is_not": well, "severity": "high", "hold": 1}
    return {"name": name, **_look(layout, name), **told}


def _check(layout: Layout, name: str, well: str) -> dict[str, Any]:
    return {**_look(layout, name), "is": well, "within_s": 15}


def program(layout: Layout, name: str, *words: str) -> dict[str, Any]:
    """A call of a program of the shop's."""
    python = (
        ["python", "-m", "shop.kit.start", "python"] if isinstance(layout, Containers) else [sys.executable]
    )
    return {"exec": [*python, "-m", f"shop.ops.{name}", *words], "on": BESIDE, "timeout_s": 20}
