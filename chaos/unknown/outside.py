"""What nobody changed: data that grew, people who came, a service outside, the calendar, an hour of the day. There is
nothing to be put back on our side; the right answer is the right part, and that more is not known."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any, ClassVar

import yaml

from chaos.alterations import Touched
from chaos.faults.base import Undo
from chaos.site import Site
from chaos.unknown.base import Drawn, ask, run
from chaos.unknown.orders import PROCESSING, QUEUE, waiting
from systems import yamlsafe

SLOW_S = 0.3  # of a page that comes in a tenth of it


class Untraceable(Drawn):
    family = "outside"
    traceable = False
    kind = ""

    def inverse(self, site: Site, seed: int) -> Undo:
        return {"chosen": self.chosen(seed)}

    def touched(self, undo: Undo) -> list[Touched]:
        return []


class OfProvider(Untraceable):
    """In the provider's own house, where we see nothing."""

    components: ClassVar[tuple[str, ...]] = ("upstream",)
    may_touch = ("api", "api-1", "api-2", "fallback")

    def inverse(self, site: Site, seed: int) -> Undo:
        return {"chosen": self.chosen(seed), "text": self._path(site).read_text()}

    def apply(self, site: Site, undo: Undo) -> None:
        data = yamlsafe.load(undo["text"], aliases=True)
        self.spoil(data, undo["chosen"])
        self._put(site, str(yaml.safe_dump(data)))

    def spoil(self, data: dict[str, Any], chosen: list[Any]) -> None: ...

    def undo(self, site: Site, undo: Undo) -> None:
        if self._path(site).read_text() != undo["text"]:
            site.write_atomic(self._path(site), undo["text"])
        site.hands.reload("upstream", world=True)

    def still_broken(self, site: Site, undo: Undo) -> str:
        """The shop may do without it; whether it does is what the journeys measure."""
        return ""

    def _path(self, site: Site) -> Any:
        return site.path("world/etc/upstream.yaml")

    def _put(self, site: Site, text: str) -> None:
        site.write_atomic(self._path(site), text)
        site.hands.reload("upstream", world=True)


class ProviderSlow(OfProvider):
    id = "provider_slow"
    title = "The provider takes longer than anybody waits"
    choices = tuple(("upstream", "latency", ms) for ms in (2600, 4000, 7500))

    def spoil(self, data: dict[str, Any], chosen: list[Any]) -> None:
        data["latency_ms"] = chosen[2]


class KeyRunsOut(OfProvider):
    """It was known for a year."""

    id = "key_runs_out"
    title = "Our contract with the provider ends today"
    components = ("upstream", "api", "api-1", "api-2")
    causes = ("", "credentials_expired")  # that runbook is of this very thing
    choices = tuple(("upstream", "contract", seconds) for seconds in (3, 6, 10))

    def right_parts(self, undo: Undo) -> tuple[str, ...]:
        return self.components

    def spoil(self, data: dict[str, Any], chosen: list[Any]) -> None:
        data["keys"] = dict.fromkeys(data["keys"], int(time.time()) + chosen[2])


class BadImport(Untraceable):
    """Valid for the table, for nobody else. The import empties the cache, as it does every time."""

    id = "bad_import"
    title = "Prices that are no numbers came with the last import"
    components = ("postgres", "api", "api-1", "api-2")
    causes = ("", "source_values_odd")  # that runbook is of this very thing
    choices = tuple(("postgres", category) for category in ("kitchen", "garden"))

    def inverse(self, site: Site, seed: int) -> Undo:
        chosen = self.chosen(seed)
        with site.superuser() as db:
            query = "SELECT sku, price::text FROM shop.products WHERE category = %s ORDER BY sku"
            return {"chosen": chosen, "prices": dict(db.execute(query, [chosen[1]]).fetchall())}

    def right_parts(self, undo: Undo) -> tuple[str, ...]:
        return self.components

    def apply(self, site: Site, undo: Undo) -> None:
        self._write(site, dict.fromkeys(undo["prices"], "NaN"))

    def undo(self, site: Site, undo: Undo) -> None:
        bad = self._bad(site, undo)
        self._write(site, {sku: price for sku, price in undo["prices"].items() if sku in bad})

    def still_broken(self, site: Site, undo: Undo) -> str:
        bad = self._bad(site, undo)
        return f"{len(bad)} products have a price that is no number" if bad else ""

    def _write(self, site: Site, prices: dict[str, str]) -> None:
        with site.superuser() as db:
            for sku, price in prices.items():
                db.execute("UPDATE shop.products SET price = %s::numeric WHERE sku = %s", [price, sku])
        with site.redis() as redis:
            if keys := [f"product:{sku}" for sku in prices]:
                redis.delete(*keys)

    def _bad(self, site: Site, undo: Undo) -> set[str]:
        with site.superuser() as db:
            rows = db.execute("SELECT sku FROM shop.products WHERE price = 'NaN'").fetchall()
        return {sku for (sku,) in rows if sku in undo["prices"]}


class OldMessages(Untraceable):
    """From a partner whose release is a year behind. The worker puts back what it cannot read, and takes it again."""

    id = "old_messages"
    title = "Orders came in a form that the worker cannot read"
    components = ("worker", "redis")
    causes = ("", "poison_message")  # that runbook is of this very thing
    may_touch = ("redis",)
    FORMS: ClassVar[tuple[str, ...]] = (
        '{{"order": {n}, "sum": 12.5}}',
        '{{"id": "A-{n}", "total": 12.5}}',
        '{{"id": {n}, "total": "12,50"}}',
    )
    choices = tuple(("worker", form, count) for form in FORMS for count in (8, 12))

    def inverse(self, site: Site, seed: int) -> Undo:
        chosen = self.chosen(seed)
        return {"chosen": chosen, "messages": [chosen[1].format(n=7100 + n) for n in range(chosen[2])]}

    def right_parts(self, undo: Undo) -> tuple[str, ...]:
        return self.components

    def apply(self, site: Site, undo: Undo) -> None:
        with site.redis() as redis:
            redis.rpush(QUEUE, *undo["messages"])

    def undo(self, site: Site, undo: Undo) -> None:
        """Again and again for a moment: one that is in hand just now comes back."""
        until = time.monotonic() + 3.0
        while time.monotonic() < until:
            with site.redis() as redis:
                for message in undo["messages"]:
                    redis.lrem(QUEUE, 0, message)
                    redis.lrem(PROCESSING, 0, message)
            time.sleep(0.02)

    def still_broken(self, site: Site, undo: Undo) -> str:
        with site.redis() as redis:
            there = {*redis.lrange(QUEUE, 0, -1), *redis.lrange(PROCESSING, 0, -1)} & set(undo["messages"])
        return f"{len(there)} orders in the queue cannot be read" if there else ""

    def shows(self, site: Site, undo: Undo) -> str:
        return waiting(site)


class OrdersAtOnce(Untraceable):
    """Real orders, all good, more than the worker gets through in an hour."""

    id = "orders_at_once"
    title = "A partner sends all orders of a week at once"
    components = ("worker", "redis")
    causes = ("", "queue_backlog")  # more comes than is worked off: that runbook says no more
    choices = tuple(("worker", "orders", count) for count in (4000, 8000))

    def inverse(self, site: Site, seed: int) -> Undo:
        ids = ask(
            site, "SELECT array_agg(id) FROM (SELECT id FROM shop.orders ORDER BY id DESC LIMIT 40) o"
        ) or [1]
        return {"chosen": self.chosen(seed), "ids": ids, "at": 1.5}

    def right_parts(self, undo: Undo) -> tuple[str, ...]:
        return self.components

    def apply(self, site: Site, undo: Undo) -> None:
        with site.redis() as redis:
            redis.rpush(QUEUE, *self._messages(undo))

    def undo(self, site: Site, undo: Undo) -> None:
        """From the end that they came in at: there each is found at once."""
        with site.redis() as redis, redis.pipeline(transaction=False) as pipe:
            for message in reversed(self._messages(undo)):
                pipe.lrem(QUEUE, -1, message)
            pipe.execute()

    def still_broken(self, site: Site, undo: Undo) -> str:
        with site.redis() as redis:
            there = int(redis.llen(QUEUE))
        return f"{there} orders wait" if there > 50 else ""

    def shows(self, site: Site, undo: Undo) -> str:
        return waiting(site)

    def _messages(self, undo: Undo) -> list[str]:
        ids = undo["ids"]
        return [
            json.dumps({"id": ids[n % len(ids)], "total": 10.0 + n / 100, "at": undo["at"]})
            for n in range(undo["chosen"][2])
        ]


class TableGrew(Untraceable):
    """A customer who orders by machine: what was counted in no time now takes its time, with every index there."""

    id = "table_grew"
    title = "One customer has more orders than all others together"
    components = ("postgres",)
    choices = tuple(("postgres", f"user{n}@example.test", 1_500_000) for n in (1, 2))
    CHUNK: ClassVar[int] = 250_000

    def inverse(self, site: Site, seed: int) -> Undo:
        return {"chosen": self.chosen(seed), "status": "imported"}

    def apply(self, site: Site, undo: Undo) -> None:
        _, email, count = undo["chosen"]
        for _ in range(count // self.CHUNK):
            run(
                site,
                "INSERT INTO shop.orders (email, total, status)"
                f" SELECT '{email}', 9.9, '{undo['status']}' FROM generate_series(1, {self.CHUNK})",
            )

    def undo(self, site: Site, undo: Undo) -> None:
        """They have no lines that would have to go with them: nobody need look, which takes ten times as long."""
        had = False
        while ask(site, self._some(undo)):
            had = True
            chunk = f"DELETE FROM shop.orders WHERE id = ANY(ARRAY({self._some(undo, self.CHUNK)}))"
            run(site, "SET session_replication_role = replica", chunk)
        if had:
            run(site, "VACUUM FULL shop.orders")

    def still_broken(self, site: Site, undo: Undo) -> str:
        return f"{undo['chosen'][1]} has that many orders" if ask(site, self._some(undo)) else ""

    def shows(self, site: Site, undo: Undo) -> str:
        took = _account_page(site, undo["chosen"][1])
        return f"the account page takes {took:.1f} s" if took > SLOW_S else ""

    def _some(self, undo: Undo, count: int = 1) -> str:
        of = f"email = '{undo['chosen'][1]}' AND status = '{undo['status']}'"
        return f"SELECT id FROM shop.orders WHERE {of} LIMIT {count}"


def _account_page(site: Site, email: str) -> float:
    """Seconds until a customer who has logged in sees his account."""
    told = {"Content-Type": "application/json", "X-Api-Key": "web-1"}
    body = json.dumps({"email": email, "password": "corner-shop"}).encode()
    login = urllib.request.Request(site.url("gateway", "/api/login"), data=body, headers=told)
    with urllib.request.urlopen(login, timeout=10) as answer:
        token = json.loads(answer.read())["token"]
    page = urllib.request.Request(
        site.url("gateway", "/api/me"), headers={**told, "Authorization": f"Bearer {token}"}
    )
    began = time.monotonic()
    with urllib.request.urlopen(page, timeout=20) as answer:
        answer.read()
    return time.monotonic() - began
