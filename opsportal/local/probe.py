"""Asks a running copy how it is."""

import json
import urllib.error
import urllib.request


def health(url: str) -> tuple[bool, str]:
    """(ready, what is not ready) of the copy at `url`, from its /healthz."""
    try:
        with urllib.request.urlopen(f"{url}healthz", timeout=5) as response:  # noqa: S310
            return response.status == 200, ""
    except urllib.error.HTTPError as error:
        try:
            parts = json.load(error)["parts"]
        except (ValueError, KeyError):
            return False, f"/healthz (status {error.code})"
        return False, ", ".join(f"{k} ({v['state']})" for k, v in parts.items() if not v["ok"])
    except OSError:
        return False, "the web server"
