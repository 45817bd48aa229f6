"""Puts the API together: routes, error answers, lifespan."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import redis
from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from psycopg_pool import PoolTimeout

from . import health, orders, payments, pictures, shop_routes, uploads
from .middleware import Around
from .settings import VERSION
from .state import State
from .upstream import UpstreamError

log = logging.getLogger("shop")


def create(state: State) -> FastAPI:
    """The application of one replica."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = int(state.config.number("threads", 40))
        state.open()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, state.config.reload)
        state.config.listeners.append(state.apply)
        log.info("api %s starts as %s", VERSION, state.settings.REPLICA)
        yield
        await asyncio.to_thread(state.close)

    app = FastAPI(lifespan=lifespan, title="Corner shop", version=VERSION, openapi_url=None)
    app.include_router(health.router(state))
    for router in (
        shop_routes.catalog_router,
        shop_routes.account_router,
        shop_routes.quote_router,
        orders.router,
        uploads.router,
        payments.router,
        pictures.router,
    ):
        app.include_router(router(state))
    _error_answers(app)
    app.add_middleware(Around, state=state)
    return app


def _error_answers(app: FastAPI) -> None:
    """What went wrong decides the status; what is not foreseen here becomes a 500 in the middleware."""

    @app.exception_handler(PoolTimeout)
    async def pool_timeout(_: Request, error: PoolTimeout) -> JSONResponse:
        log.error("PoolTimeout: %s", error)
        return JSONResponse({"error": "database unavailable", "detail": f"PoolTimeout: {error}"}, 503)

    @app.exception_handler(psycopg.OperationalError)
    async def database_gone(_: Request, error: psycopg.OperationalError) -> JSONResponse:
        log.error("database error: %s %s", error.sqlstate or "", str(error).strip())
        return JSONResponse({"error": "database unavailable", "detail": str(error).strip()}, 503)

    @app.exception_handler(redis.RedisError)
    async def cache_gone(_: Request, error: redis.RedisError) -> JSONResponse:
        log.error("redis error: %s", error)
        return JSONResponse({"error": "session store unavailable", "detail": str(error)}, 503)

    @app.exception_handler(UpstreamError)
    async def upstream_failed(_: Request, error: UpstreamError) -> JSONResponse:
        log.error("%s", error)
        return JSONResponse({"error": "upstream failed", "detail": str(error)}, 502)
