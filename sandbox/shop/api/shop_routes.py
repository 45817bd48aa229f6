"""What a visitor can do: look around, log in, ask for a quote."""

from __future__ import annotations

import logging
from typing import Any

import jwt
from fastapi import APIRouter, Header, HTTPException, Response
from pydantic import BaseModel

from . import auth, cache, money
from .state import State

log = logging.getLogger("shop")
OF_TIME = (jwt.ImmatureSignatureError, jwt.ExpiredSignatureError)


class Login(BaseModel):
    email: str
    password: str


def catalog_router(state: State) -> APIRouter:
    """Catalogue and product pages."""
    routes = APIRouter(prefix="/api")

    @routes.get("/catalog")
    def catalog(response: Response, category: str = "", limit: int = 24) -> dict[str, Any]:
        skus = cache.skus(state, category, max(1, min(limit, 100)))
        found, how = cache.products(state, skus)
        response.headers["X-Cache"] = how
        return {"items": [found[sku] for sku in skus if sku in found], "count": len(skus)}

    @routes.get("/product/{sku}")
    def product(sku: str, response: Response) -> dict[str, Any]:
        found, how = cache.product(state, sku)
        response.headers["X-Cache"] = how
        if found is None:
            raise HTTPException(404, f"no product {sku}")
        state.events.tell("view", sku=sku)
        with state.pool.connection() as conn:
            row = conn.execute(
                "SELECT on_hand FROM shop.stock WHERE product_id = %s", (found["id"],)
            ).fetchone()
        return {**found, "on_hand": row["on_hand"] if row else 0}

    return routes


def account_router(state: State) -> APIRouter:
    """Login and the account page."""
    routes = APIRouter(prefix="/api")

    @routes.post("/login")
    def login(body: Login) -> dict[str, Any]:
        with state.pool.connection() as conn:
            row = conn.execute(
                "SELECT email, name, salt, password FROM shop.users WHERE email = %s", (body.email,)
            ).fetchone()
        if row is None or not auth.password_matches(body.password, row["salt"], row["password"]):
            raise HTTPException(401, "wrong email or password")
        ttl = int(state.config.number("auth.token_ttl_s", 3600))
        return {
            "token": auth.issue(state.settings.JWT_SECRET, row["email"], state.settings.REPLICA, ttl),
            "name": row["name"],
        }

    @routes.get("/me")
    def me(authorization: str = Header("")) -> dict[str, Any]:
        try:
            claims = auth.read(state.settings.JWT_SECRET, authorization)
        except jwt.PyJWTError as error:
            if isinstance(error, OF_TIME):  # anybody may send what was signed by nobody; these were ours
                log.warning("token refused: %s: %s", type(error).__name__, error)
            raise HTTPException(401, f"{type(error).__name__}: {error}") from error
        with state.pool.connection() as conn:
            row = conn.execute(
                "SELECT email, name FROM shop.users WHERE email = %s", (claims["sub"],)
            ).fetchone()
            orders = conn.execute(
                "SELECT count(*) AS n FROM shop.orders WHERE email = %s", (claims["sub"],)
            ).fetchone()
        if row is None:
            raise HTTPException(404, "no such user")
        return {**row, "orders": orders["n"] if orders else 0}

    return routes


def quote_router(state: State) -> APIRouter:
    """What the provider outside says about delivery and payment."""
    routes = APIRouter(prefix="/api")

    @routes.get("/quote")
    def quote(sku: str, response: Response) -> dict[str, Any]:
        found, _ = cache.product(state, sku)
        if found is None:
            raise HTTPException(404, f"no product {sku}")
        answer, name = state.upstream.quote(sku, found["price"])
        response.headers["X-Upstream"] = name
        sums = money.total(found["price"], answer["fee"])
        return {"sku": sku, "price": found["price"], "quote": answer, "upstream": name, **sums}

    @routes.get("/insights/{sku}")
    def insights(sku: str, response: Response) -> dict[str, Any]:
        answer, name = state.upstream.insights(sku)
        response.headers["X-Upstream"] = name
        return {"sku": sku, "insights": answer}

    return routes
