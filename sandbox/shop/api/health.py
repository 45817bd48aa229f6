"""Liveness, readiness and metrics."""

from __future__ import annotations

import logging

import psycopg
import redis
from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from psycopg_pool import PoolTimeout

from ..kit.metrics import PATH
from .settings import SCHEMA_VERSION, VERSION
from .state import State

log = logging.getLogger("shop")


def database_state(state: State) -> tuple[str, str]:
    """(database, schema) as `ok` or what is wrong."""
    try:
        with state.pool.connection(timeout=1.0) as conn:
            row = conn.execute(
                "SELECT version, dirty FROM shop.schema_migrations ORDER BY version DESC LIMIT 1"
            ).fetchone()
    except PoolTimeout as error:
        return f"PoolTimeout: {error}", "unknown"
    except psycopg.Error as error:
        return f"{type(error).__name__}: {error}".strip(), "unknown"
    version, dirty = (row["version"], row["dirty"]) if row else (0, False)
    if dirty or version != SCHEMA_VERSION:
        return "ok", f"schema {version}{' dirty' if dirty else ''}, code expects {SCHEMA_VERSION}"
    return "ok", "ok"


def cache_state(state: State) -> str:
    try:
        state.redis.ping()
    except redis.RedisError as error:
        return str(error)
    return "ok"


def router(state: State) -> APIRouter:
    """/livez never waits for anything; /readyz asks the parts, from the thread pool."""
    routes = APIRouter()

    @routes.get("/livez")
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "service": "api", "replica": state.settings.REPLICA, "version": VERSION}

    @routes.get("/readyz")
    def readyz() -> JSONResponse:
        database, schema = database_state(state)
        parts = {"db": database, "cache": cache_state(state), "schema": schema}
        ready = parts["db"] == "ok" and parts["schema"] == "ok"
        return JSONResponse({"ready": ready, **parts}, 200 if ready else 503)

    @routes.get(PATH)
    async def metrics() -> Response:
        told = state.metrics.response()
        return Response(told.body, headers=told.headers)

    @routes.post("/breaker/reset")
    async def reset_breaker() -> dict[str, str]:
        state.upstream.reset()
        return {"upstream_breaker": state.upstream.breaker_state}

    @routes.get("/resolvers")
    async def resolvers() -> dict[str, list[str]]:
        return {"servers": state.names.servers}

    @routes.post("/resolvers/use")
    async def use_resolver(server: str = "") -> JSONResponse:
        try:
            state.names.prefer(server)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 404)
        log.warning("names are asked of %s first", state.names.servers[0] if state.names.servers else "-")
        return JSONResponse({"servers": state.names.servers})

    @routes.post("/credentials/reload")
    async def reload_credentials() -> dict[str, str]:
        state.read_keys()
        return {"credentials": "read"}

    return routes
