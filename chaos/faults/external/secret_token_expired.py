"""The key by which the shop asks its quote provider has come to its end."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from typing import Any

from chaos.faults import _world
from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

PROVIDER, VARIABLE = "upstream", "UPSTREAM_API_KEY"
CONSUMERS = ("api-1", "api-2")
ENDED_AGO_S = 3 * 3600


class SecretTokenExpired(Fault):
    id = "secret_token_expired"
    title = "Expired API key"
    category = "external"
    targets = (PROVIDER,)
    description = (
        "The provider's key had an end, and nobody had noted it. Every quote is refused with 401 since."
    )
    blast_radius = "quotes at checkout"
    reverts = "the provider takes the old key again; one that was issued meanwhile stays good"
    label = "real protocol against a stand-in provider"
    expected = Expected((PROVIDER,), ("credentials_expired",))
    culprits = ((PROVIDER, VARIABLE), (PROVIDER, "key"))
    may_touch = ("api", *CONSUMERS, "backup-api", "batch")

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        key = _key(site, CONSUMERS[0])
        if not key:
            raise FaultFailed(f"{CONSUMERS[0]} has no {VARIABLE}; reset the sandbox first")
        return {"key": key, **_world.remember(site, PROVIDER)}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        known = _world.values(site, PROVIDER).get("keys") or {}
        _world.put(site, PROVIDER, {"keys": {**known, undo["key"]: round(time.time() - ENDED_AGO_S)}})

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return _world.restore(site, undo)

    def still_broken(self, site: Site, undo: Undo) -> str:
        bad = [unit for unit in CONSUMERS if not _is_taken(site, _key(site, unit))]
        return f"the provider refuses the key of {', '.join(bad)}" if bad else ""


def _key(site: Site, unit: str) -> str:
    lines = site.path(f"etc/{unit}.env").read_text().splitlines()
    return next((line.partition("=")[2] for line in lines if line.startswith(f"{VARIABLE}=")), "")


def _is_taken(site: Site, key: str) -> bool:
    """A provider that does not answer refuses nothing."""
    request = urllib.request.Request(site.url(PROVIDER, "/v1/key"), headers={"X-Api-Key": key})
    try:
        with urllib.request.urlopen(request, timeout=3):
            return True
    except urllib.error.HTTPError as error:
        return error.code != 401
    except OSError:
        return True
