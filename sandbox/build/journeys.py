"""The journeys of the shop: what customers do there, and what it is watched by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import authority
from .layout import Layout

KEY = {"X-Api-Key": "probe"}
PICTURE = "R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs="  # one dot


def journeys(layout: Layout) -> list[dict[str, Any]]:
    """What must work for the shop to be open; a name says what a customer does."""

    def url(path: str) -> str:
        return layout.seen_url("gateway", path)

    login = {"email": "user1@example.test", "password": "corner-shop"}
    return [
        _sees("look at products", url("/api/catalog?limit=12"), "items"),
        _sees("open a product", url("/api/product/GAR-122"), "trowel", interval_s=2),
        {
            "name": "log in",
            "interval_s": 2.5,
            "steps": [
                {"post": url("/api/login"), "json": login, "headers": KEY, "save": {"token": "token"}},
                {
                    "get": url("/api/me"),
                    "headers": {**KEY, "Authorization": "Bearer {token}"},
                    "contains": "user1",
                },
            ],
        },
        *_carts(url),
        {
            "name": "send a picture",
            "interval_s": 3,
            "steps": [
                {
                    "post": url("/api/upload"),
                    "json": {"sku": "GAR-122", "data": PICTURE},
                    "headers": KEY,
                    "contains": "picture",
                }
            ],
        },
        _sees("get a delivery quote", url("/api/quote?sku=GAR-122"), "delivery", interval_s=2),
        _sees("see a product's picture", url("/api/picture/GAR-122"), "svg", interval_s=2.5),
        _sees("open the shop", url("/"), "Corner shop", interval_s=2, timeout_s=4),
        *([_secure(layout)] if authority.usable() else []),
    ]


def _sees(name: str, at: str, contains: str, **more: Any) -> dict[str, Any]:
    """One page, and what is on it."""
    return {"name": name, **more, "steps": [{"get": at, "headers": KEY, "contains": contains}]}


def _secure(layout: Layout) -> dict[str, Any]:
    """As visitors come from outside."""
    at = f"https://{layout.seen('gateway-tls')}/api/product/GAR-122"
    return _sees("shop over a secure connection", at, "trowel", service="gateway", interval_s=2.5)


def _carts(url: Callable[[str], str]) -> list[dict[str, Any]]:
    """What a new visitor and a returning one do with a cart."""
    return [
        {
            "name": "place an order",
            "interval_s": 2.5,
            "steps": [
                {
                    "post": url("/api/cart"),
                    "json": {"sku": "GAR-122", "qty": 1},
                    "headers": KEY,
                    "save": {"session": "session"},
                },
                {
                    "post": url("/api/checkout"),
                    "json": {"email": "probe@example.test"},
                    "headers": {**KEY, "X-Session": "{session}"},
                    "contains": "order",
                },
            ],
        },
        {
            "name": "come back to the cart",
            "keeps": "session",
            "interval_s": 3,
            "steps": [
                {"get": url("/api/cart"), "headers": KEY, "contains": "cart"},
                {"post": url("/api/cart"), "json": {"sku": "GAR-122", "qty": 1}, "headers": KEY},
            ],
        },
    ]
