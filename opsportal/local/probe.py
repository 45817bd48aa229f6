"""Asks a running copy how it is."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Look:
    """`missing`: parts that are not ready, in words. `systems`: what its watcher says of each system, by slug."""

    ready: bool
    missing: str = ""
    systems: dict[str, dict[str, Any]] = field(default_factory=dict)


def look(url: str) -> Look:
    """One look at the /healthz of the copy at `url`."""
    try:
        with urllib.request.urlopen(f"{url}healthz", timeout=5) as response:  # noqa: S310
            return Look(True, systems=json.load(response)["systems"])
    except urllib.error.HTTPError as error:
        try:
            told = json.load(error)
            wrong = {name: part for name, part in told["parts"].items() if not part["ok"]}
            return Look(False, ", ".join(f"{k} ({v['state']})" for k, v in wrong.items()), told["systems"])
        except (ValueError, KeyError, TypeError):
            return Look(False, f"/healthz (status {error.code})")
    except (OSError, ValueError, KeyError):
        return Look(False, "the web server")
