"""Products from Redis with the database behind it. A broken cache slows the shop down but does not stop it."""

from __future__ import annotations

import json
import logging
from typing import Any

import redis

from .state import State

log = logging.getLogger("shop")
COLUMNS = "id, sku, title, category, description, price::float8 AS price, image"
Product = dict[str, Any]


def product(state: State, sku: str) -> tuple[Product | None, str]:
    """(product, hit | miss | bypass)."""
    found, how = products(state, [sku])
    return found.get(sku), how


def products(state: State, skus: list[str]) -> tuple[dict[str, Product], str]:
    """All of `skus` that exist, and how the cache did: hit | miss | bypass."""
    try:
        raw = state.redis.mget([f"product:{sku}" for sku in skus]) if skus else []
    except redis.RedisError as error:
        log.warning("cache unavailable, reading from the database: %s", error)
        state.metrics.count("cache_bypass")
        return _from_database(state, skus), "bypass"
    found = {sku: json.loads(text) for sku, text in zip(skus, raw, strict=True) if text}
    missing = [sku for sku in skus if sku not in found]
    state.metrics.count("cache_hits", len(found))
    state.metrics.count("cache_misses", len(missing))
    if not missing:
        return found, "hit"
    fresh = _from_database(state, missing)
    _store(state, fresh)
    return found | fresh, "miss"


def _store(state: State, fresh: dict[str, Product]) -> None:
    ttl = int(state.config.number("cache.ttl_s", 300))
    if ttl <= 0 or not fresh:
        return
    try:
        with state.redis.pipeline(transaction=False) as pipe:
            for sku, item in fresh.items():
                pipe.set(f"product:{sku}", json.dumps(item), ex=ttl)
            pipe.execute()
    except redis.RedisError as error:
        log.warning("cache write failed: %s", error)


def _from_database(state: State, skus: list[str]) -> dict[str, Product]:
    query = f"SELECT {COLUMNS} FROM shop.products WHERE sku = ANY(%s)"  # noqa: S608 - constant columns
    with state.pool.connection() as conn:
        return {row["sku"]: dict(row) for row in conn.execute(query, (skus,))}


def skus(state: State, category: str, limit: int) -> list[str]:
    """The skus of the catalogue page, in order."""
    query = "SELECT sku FROM shop.products WHERE active AND (%s = '' OR category = %s) ORDER BY id LIMIT %s"
    with state.pool.connection() as conn:
        return [row["sku"] for row in conn.execute(query, (category, category, limit))]
