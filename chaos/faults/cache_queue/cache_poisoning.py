"""Wrong prices in the product cache, well-formed and long-lived."""

from __future__ import annotations

import json
from typing import Any

from chaos.faults.base import Expected, Fault, FaultFailed, Part, Undo
from chaos.site import Site

PATTERN = "product:*"
TTL_S = 86_400


class CachePoisoning(Fault):
    id = "cache_poisoning"
    title = "Cache poisoning"
    category = "cache-queue"
    targets = ("redis",)
    description = "The cached products get other prices: valid JSON, valid for a day, and no error anywhere."
    blast_radius = "prices in the shop; checkouts are refused"
    reverts = "deletes the wrong entries; they are read again from the database"
    expected = Expected(("redis",), ("poisoned_product_keys",))
    may_touch = ("gateway", "api", "api-1", "api-2")

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {"pattern": PATTERN}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        with site.superuser() as db:
            rows = db.execute(
                "SELECT id, sku, title, category, description, price::float8, image FROM shop.products"
            ).fetchall()
        names = ("id", "sku", "title", "category", "description", "price", "image")
        with site.redis() as redis, redis.pipeline() as pipe:
            for row in rows:
                product = dict(zip(names, row, strict=True))
                product["price"] = round(product["price"] * 0.01 + 0.01, 2)
                pipe.set(f"product:{product['sku']}", json.dumps(product), ex=TTL_S)
            pipe.execute()
        if not rows:
            raise FaultFailed("the shop has no products; reset the sandbox first")

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [Part("the wrong prices leave the cache", lambda: self._forget(site, undo))]

    def _forget(self, site: Site, undo: Undo) -> None:
        if self._wrong(site):
            with site.redis() as redis:
                keys = list(redis.scan_iter(undo["pattern"], count=500))
                if keys:
                    redis.unlink(*keys)

    def still_broken(self, site: Site, undo: Undo) -> str:
        wrong = self._wrong(site)
        return f"{len(wrong)} products are cached with a wrong price" if wrong else ""

    def _wrong(self, site: Site) -> list[str]:
        with site.superuser() as db:
            prices = dict(db.execute("SELECT sku, price::float8 FROM shop.products").fetchall())
        with site.redis() as redis:
            values = redis.mget([f"product:{sku}" for sku in prices])
        cached = zip(prices.items(), values, strict=True)
        return [sku for (sku, price), raw in cached if raw and abs(json.loads(raw)["price"] - price) > 0.005]
