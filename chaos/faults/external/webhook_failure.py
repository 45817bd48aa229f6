"""The provider has an old address in its books, where nobody listens any more: of payments nobody is told."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from chaos.faults import _world
from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site
from systems import yamlsafe

UNIT = "upstream"
KEY = "webhook"
OLD_PORT = 199  # behind the first one of the shop; its parts have those before


class WebhookFailure(Fault):
    id = "webhook_failure"
    title = "Webhook failure"
    category = "external"
    targets = (UNIT,)
    description = "The address that the provider has for telling of payments is an old one: nobody is there."
    blast_radius = "orders that are paid by card: they wait for their payment"
    reverts = "puts the provider's settings back; it tries again by itself"
    label = "real protocol against a stand-in provider"
    expected = Expected((UNIT,), ("webhook_undelivered",))
    may_touch = ("api", "api-1", "api-2")

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        url = _registered(site)
        if not url:
            raise FaultFailed("nothing is registered at the provider; reset the sandbox first")
        host = urlsplit(url).hostname
        first = int(site.facts.get("port_base") or urlsplit(url).port or 0)
        old = url.replace(urlsplit(url).netloc, f"{host}:{first + OLD_PORT}")
        return {**_world.remember(site, UNIT), "url": old}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _world.put(site, UNIT, {KEY: {"url": undo["url"]}})

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return _world.restore(site, undo)

    def still_broken(self, site: Site, undo: Undo) -> str:
        return f"the provider calls {undo['url']}" if _registered(site) == undo["url"] else ""


def _registered(site: Site) -> str:
    told = yamlsafe.load(site.path(f"world/etc/{UNIT}.yaml").read_text(), aliases=True)
    return str((told.get(KEY) or {}).get("url") or "")
