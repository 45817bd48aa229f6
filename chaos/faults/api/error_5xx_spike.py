"""A feature is switched on for half of all checkouts, and it divides by the number of coupons."""

from __future__ import annotations

from typing import Any

from chaos.faults.base import Expected, Fault, Part, Undo
from chaos.site import Site

FLAG = "new_checkout"
SHARE = 50
APIS = ("api-1", "api-2")


class Error5xxSpike(Fault):
    id = "error_5xx_spike"
    title = "Spike of server errors"
    category = "api"
    targets = ("postgres", *APIS)
    description = "A feature flag goes from 0 to 50 %: what it switches on fails for orders without a coupon."
    blast_radius = "half of all checkouts"
    reverts = "sets the flag back"
    # no runbook speaks of it: the change itself is the cause
    expected = Expected(("postgres", "api", *APIS), ("",))
    culprits = (("postgres", FLAG),)

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {"percent": _percent(site)}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        _set(site, SHARE)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [Part(f"the flag {FLAG}", lambda: _set(site, undo["percent"]))]

    def still_broken(self, site: Site, undo: Undo) -> str:
        now = _percent(site)
        return f"{FLAG} is on for {now} %" if now > undo["percent"] else ""


def _percent(site: Site) -> int:
    with site.superuser() as db:
        row = db.execute("SELECT percent FROM shop.flags WHERE name = %s", [FLAG]).fetchone()
    return int(row[0]) if row else 0


def _set(site: Site, percent: int) -> None:
    with site.superuser() as db:
        db.execute(
            "UPDATE shop.flags SET percent = %s, changed_at = now() WHERE name = %s AND percent <> %s",
            [percent, FLAG, percent],
        )
