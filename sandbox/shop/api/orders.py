"""Cart and checkout. A cart lives in a Redis session; a checkout writes an order and queues it."""

from __future__ import annotations

import json
import logging
import time
import uuid
from decimal import Decimal
from typing import Any, Literal

from fastapi import APIRouter, Cookie, Header, HTTPException, Response
from psycopg import Connection
from psycopg.rows import DictRow
from pydantic import BaseModel, Field

from . import cache, payments
from .state import State

log = logging.getLogger("shop")


class Item(BaseModel):
    sku: str
    qty: int = Field(1, ge=1, le=20)


class Checkout(BaseModel):
    email: str = "guest@example.test"
    coupon: str = ""
    payment: Literal["invoice", "card"] = "invoice"


def load_session(state: State, sid: str) -> dict[str, Any]:
    raw = state.redis.get(f"sess:{sid}") if sid else None
    data: dict[str, Any] = json.loads(str(raw)) if raw else {"cart": []}
    return data


def save_session(state: State, sid: str, data: dict[str, Any]) -> None:
    state.redis.set(f"sess:{sid}", json.dumps(data), ex=int(state.config.number("session.ttl_s", 1800)))


def router(state: State) -> APIRouter:
    """/api/cart and /api/checkout; the session id comes as cookie `sid` or header X-Session."""
    routes = APIRouter(prefix="/api")

    @routes.get("/cart")
    def cart(sid: str = Cookie(""), x_session: str = Header("")) -> dict[str, Any]:
        session = load_session(state, x_session or sid)
        return {"cart": session["cart"], "total": cart_total(session["cart"])}

    @routes.post("/cart")
    def add(
        item: Item, response: Response, sid: str = Cookie(""), x_session: str = Header("")
    ) -> dict[str, Any]:
        found, _ = cache.product(state, item.sku)
        if found is None:
            raise HTTPException(404, f"no product {item.sku}")
        sid = x_session or sid or uuid.uuid4().hex
        session = load_session(state, sid)
        session["cart"].append(
            {"sku": item.sku, "title": found["title"], "qty": item.qty, "price": found["price"]}
        )
        save_session(state, sid, session)
        response.set_cookie("sid", sid, httponly=True, samesite="lax")
        return {"session": sid, "cart": session["cart"], "total": cart_total(session["cart"])}

    @routes.post("/checkout")
    def checkout(body: Checkout, sid: str = Cookie(""), x_session: str = Header("")) -> dict[str, Any]:
        sid = x_session or sid
        session = load_session(state, sid)
        if not session["cart"]:
            raise HTTPException(400, "the cart is empty")
        order = place_order(state, session["cart"], body)
        (payments.ask if order["status"] == payments.PENDING else payments.enqueue)(state, order)
        save_session(state, sid, {"cart": []})
        state.events.tell("order", id=order["id"], total=order["total"])
        return {"order": order["id"], "total": order["total"], "status": order["status"]}

    @routes.get("/order/{order_id}")
    def order(order_id: int) -> dict[str, Any]:
        with state.pool.connection() as conn:
            row = conn.execute(
                "SELECT id, status, total::float8 AS total FROM shop.orders WHERE id = %s", (order_id,)
            ).fetchone()
        if row is None:
            raise HTTPException(404, "no such order")
        return dict(row)

    return routes


def cart_total(cart: list[dict[str, Any]]) -> float:
    return float(sum(Decimal(str(line["price"])) * line["qty"] for line in cart))


def place_order(state: State, cart: list[dict[str, Any]], body: Checkout) -> dict[str, Any]:
    """Check the cart's prices, take the stock, write the order. 409 when a price or the stock does not fit."""
    lines = sorted(cart, key=lambda line: str(line["sku"]))
    with state.pool.connection() as conn, conn.transaction():
        for line in lines:
            _check_price(conn, line)
            _take_stock(conn, line)
        total = Decimal(str(cart_total(lines))) - _discount(conn, body.coupon, lines)
        order = conn.execute(
            "INSERT INTO shop.orders (email, total, status) VALUES (%s, %s, %s) "
            "RETURNING id, status, total::float8 AS total",
            (body.email, total, payments.PENDING if body.payment == "card" else payments.NEW),
        ).fetchone()
        assert order is not None
        for line in lines:
            conn.execute(
                "INSERT INTO shop.order_lines (order_id, sku, qty, price) VALUES (%s, %s, %s, %s)",
                (order["id"], line["sku"], line["qty"], line["price"]),
            )
    return dict(order)


def _check_price(conn: Connection[DictRow], line: dict[str, Any]) -> None:
    row = conn.execute(
        "SELECT price::float8 AS price FROM shop.products WHERE sku = %s", (line["sku"],)
    ).fetchone()
    if row is None:
        raise HTTPException(409, f"product {line['sku']} is gone")
    if abs(row["price"] - float(line["price"])) > 0.001:
        message = f"price mismatch cart={line['price']} db={row['price']}"
        log.error("checkout refused: %s sku=%s", message, line["sku"])
        raise HTTPException(409, message)


def _take_stock(conn: Connection[DictRow], line: dict[str, Any]) -> None:
    taken = conn.execute(
        "UPDATE shop.stock SET on_hand = on_hand - %s, updated_at = now() "
        "WHERE product_id = (SELECT id FROM shop.products WHERE sku = %s) AND on_hand >= %s",
        (line["qty"], line["sku"], line["qty"]),
    )
    if taken.rowcount == 0:
        raise HTTPException(409, f"{line['sku']} is sold out")


def _discount(conn: Connection[DictRow], code: str, lines: list[dict[str, Any]]) -> Decimal:
    """The coupon's share of the total; behind the flag `new_checkout` it is spread over the coupons of the order."""
    coupons = (
        conn.execute("SELECT percent FROM shop.coupons WHERE code = %s", (code,)).fetchall() if code else []
    )
    flag = conn.execute("SELECT percent FROM shop.flags WHERE name = 'new_checkout'").fetchone()
    total = Decimal(str(cart_total(lines)))
    if flag and flag["percent"] > 0 and time.time_ns() // 1000 % 100 < flag["percent"]:
        share = total / len(coupons)
        return sum((share * c["percent"] / 100 for c in coupons), Decimal(0)).quantize(Decimal("0.01"))
    percent = coupons[0]["percent"] if coupons else 0
    return (total * percent / 100).quantize(Decimal("0.01"))
