"""What the entries of the manifest have in common."""

from __future__ import annotations

import sys
from typing import Any

from .layout import Layout
from .metrics import metrics


def relative(layout: Layout, path: str) -> str:
    return path.removeprefix(f"{layout.root}/")


def config(name: str, reload: str = "HUP") -> dict[str, Any]:
    """A Python service's own file."""
    check = [sys.executable, "-m", "shop.kit.config", "{name}"]
    return {"file": f"etc/{name}.yaml", "golden": f"golden/etc/{name}.yaml", "reload": reload, "check": check}


def env(name: str, schema: list[str]) -> dict[str, Any]:
    return {"file": f"etc/{name}.env", "golden": f"golden/etc/{name}.env", "schema": schema}


def plain(layout: Layout, name: str, kind: str, title: str) -> dict[str, Any]:
    """What every Python service of the shop has."""
    return {
        "kind": kind,
        "title": title,
        "http": {"url": layout.seen_url(name, "/healthz"), "timeout_s": 1.0, "slow_ms": 500},
        "tcp": layout.seen(name),
        "metrics": metrics(layout, name),
        "logs": [{"file": f"log/{name}.log"}],
        "state": {"keep": True},
    }


def state(url: str, *only: str, sets: dict[str, str] | None = None) -> dict[str, Any]:
    """What of an administration page is settled, and by which calls it is set."""
    page = {"url": url, "only": list(only), **({"sets": sets} if sets else {})}
    return {"http": [page], "keep": True}
