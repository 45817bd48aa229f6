"""What the shop's people watch of the providers outside, and what they do about it: readings and actions of the
manifest. All of it is a program of the shop's, run beside the jobs."""

from __future__ import annotations

import sys
from typing import Any

from .containers import Containers
from .layout import Layout

BESIDE = "batch"
USERS = ("api-1", "api-2", "backup-api")  # who reads its credentials when told to
LOOK_S = 15


def provider(layout: Layout) -> dict[str, Any]:
    """The shop's key with its quote provider."""
    show = {**program(layout, "provider_key", "show"), "path": "state"}
    return {
        "readings": [
            {
                "name": "key",
                "title": "{service} says that the shop's key is {text}",
                **show,
                "every_s": LOOK_S,
                "is_not": "valid",
                "severity": "high",
                "hold": 1,
            }
        ],
        "actions": [
            {
                "name": "rotate-api-key",
                "title": "Ask for another key in place of an expired one, and have everybody use it",
                "risk": "high",
                "mends": ["credentials_expired"],
                "do": [program(layout, "provider_key", "rotate"), *read_again(layout)],
                "check": {**show, "is": "valid", "within_s": 15},
            }
        ],
    }


def read_again(layout: Layout) -> list[dict[str, Any]]:
    return [{"http": {"post": layout.seen_url(name, "/credentials/reload")}} for name in USERS]


def program(layout: Layout, name: str, *words: str) -> dict[str, Any]:
    """A call of a program of the shop's."""
    python = (
        ["python", "-m", "shop.kit.start", "python"] if isinstance(layout, Containers) else [sys.executable]
    )
    return {"exec": [*python, "-m", f"shop.ops.{name}", *words], "on": BESIDE, "timeout_s": 20}
