"""The front door: whom it sends where, whom it lets in, and whom it takes for dead."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from chaos.faults.base import Undo
from chaos.site import Site
from chaos.unknown.base import Value
from chaos.unknown.texts import ConfigValue

API, PAGES = {"prefix": "/api/", "pool": "api"}, {"prefix": "/", "pool": "frontend"}


class OfProxy(ConfigValue):
    family = "proxy"


class HealthCheck(OfProxy):
    """All members fail it and are taken out, well as they are."""

    id = "health_check"
    title = "The front door takes healthy members for dead"
    causes = ("", "pool_members_wrong")  # that runbook names the pool, rightly
    choices = tuple(
        ("gateway", "pools.api.health", {"path": path, "interval_s": every, "timeout_s": patience, "fall": 1})
        for path, every, patience in (
            ("/health", 1.0, 1.0),
            ("/healthz/live", 2.0, 1.0),
            ("/livez", 0.5, 0.0005),
        )
    )


class Routes(OfProxy):
    id = "routes"
    title = "The front door's table of routes is wrong"
    choices = (
        ("gateway", "routes", [{"prefix": "/api/", "pool": "frontend"}, {"prefix": "/", "pool": "api"}]),
        ("gateway", "routes", [{"prefix": "/apis/", "pool": "api"}, PAGES]),
        ("gateway", "routes", [API]),
        ("gateway", "routes", [{"prefix": "/api/", "pool": "api-v2"}, PAGES]),
        ("gateway", "routes", [API, {"prefix": "/shop/", "pool": "frontend"}]),
    )


class EmptyPool(OfProxy):
    id = "empty_pool"
    title = "A pool of the front door has no members"
    causes = ("", "pool_members_wrong")
    choices = (("gateway", "pools.api.members", []), ("gateway", "pools.frontend.members", []))


class OneClient(OfProxy):
    """All others are served as ever."""

    id = "one_client"
    title = "One client is let in once a minute"
    choices = tuple(
        ("gateway", "rate_limit.per_key", {key: 0.0167})
        for key in ("frontend", "web-2", "mobile-1", "partner-17")
    )

    def shows(self, site: Site, undo: Undo) -> str:
        (key,) = undo["chosen"][2]
        for _ in range(2):  # the first may be the one of this minute
            if (status := _asked(site, key)) == 429:
                return f"{key} is turned away"
        return "" if status == 200 else f"{key} gets {status}"


class NoBurst(OfProxy):
    """A bucket that holds nothing never has anything to give."""

    id = "no_burst"
    title = "The front door turns everybody away"
    choices = (
        ("gateway", "rate_limit.burst", 0),
        ("gateway", "rate_limit.burst", 0.5),
        ("gateway", "rate_limit.rps", 0.02),
    )


class SentElsewhere(Value):
    """Through its administration page: no file says so, and it lasts until somebody takes it back."""

    id = "sent_elsewhere"
    title = "The front door sends the traffic of one pool to another"
    family = "proxy"
    kind = "route"
    choices = (("gateway", "api.sent_to", "frontend"), ("gateway", "frontend.sent_to", "api"))

    def look(self, site: Site, chosen: list[Any]) -> Any:
        with urllib.request.urlopen(site.url("gateway", "/pools"), timeout=5) as answer:
            sent_to = json.loads(answer.read())[site.names.word(self._pool(chosen))]["sent_to"]
        return site.names.role(str(sent_to))

    def change(self, site: Site, chosen: list[Any], was: Any) -> None:
        site.post("gateway", f"/pools/{self._pool(chosen)}/use?pool={chosen[2]}")

    def restore(self, site: Site, chosen: list[Any], was: Any) -> None:
        site.post("gateway", f"/pools/{self._pool(chosen)}/use?pool={was}")

    def _pool(self, chosen: list[Any]) -> str:
        return str(chosen[1]).split(".")[0]


def _asked(site: Site, key: str) -> int:
    """The status that a client of that name gets."""
    request = urllib.request.Request(site.url("gateway", "/api/catalog?limit=1"), headers={"X-Api-Key": key})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
