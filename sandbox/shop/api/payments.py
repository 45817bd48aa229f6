"""Orders that are paid by card: they wait until the provider tells that the money has come."""

from __future__ import annotations

import json
import logging
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from ..kit import clock
from .state import State
from .upstream import UpstreamError

log = logging.getLogger("shop")
QUEUE = "q:orders"
PENDING, NEW, FAILED = "payment_pending", "new", "payment_failed"


class Told(BaseModel):
    payment: str
    order: int
    status: str


def router(state: State) -> APIRouter:
    """The provider calls; what it says is not believed before it was asked."""
    routes = APIRouter(prefix="/webhooks")

    @routes.post("/payments/{provider}")
    def told(provider: str, body: Told) -> dict[str, Any]:
        payment = state.upstream.payment(provider, body.payment)
        if payment is None or payment["order"] != body.order or payment["status"] != "paid":
            log.error("payment %s is not what was told: %s", body.payment, payment)
            return {"status": "ignored"}
        return {"status": "taken" if paid(state, body.order) else "ignored"}

    return routes


def ask(state: State, order: dict[str, Any]) -> None:
    """Have the provider take the money. UpstreamError when it cannot; the order is given up then."""
    try:
        state.upstream.pay(order["id"], order["total"])
    except UpstreamError:
        mark(state, order["id"], PENDING, FAILED)
        raise


def paid(state: State, number: int) -> bool:
    """Off to the worker, once."""
    order = mark(state, number, PENDING, NEW)
    if order is not None:
        enqueue(state, order)
    return order is not None


def mark(state: State, number: int, was: str, now: str) -> dict[str, Any] | None:
    """The order when it was in that state, None when it was in another."""
    with state.pool.connection() as conn:
        row = conn.execute(
            "UPDATE shop.orders SET status = %s, updated_at = now() WHERE id = %s AND status = %s "
            "RETURNING id, total::float8 AS total",
            (now, number, was),
        ).fetchone()
    return dict(row) if row else None


def enqueue(state: State, order: dict[str, Any]) -> None:
    message = {"id": order["id"], "total": order["total"], "at": clock.now()}
    state.redis.lpush(QUEUE, json.dumps(message))
