"""Request id, access log, timing and personal profile around every request (plain ASGI)."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import psycopg

from ..kit import clock
from ..kit.logs import request_id
from ..kit.metrics import OTHER, PATH
from .settings import VERSION
from .state import State

log = logging.getLogger("shop")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
QUIET = ("/livez", "/readyz", PATH)  # neither delayed nor logged nor counted


class Around:
    """middleware.delay_s adds think time in front of every route but the quiet ones."""

    def __init__(self, app: App, state: State) -> None:
        self.app, self.state = app, state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def dated(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"date", clock.date().encode())]
            await send(message)

        if scope["path"] in QUIET:
            await self.app(scope, receive, dated)
        else:
            await self._noted(scope, receive, dated)

    async def _noted(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        rid = headers.get("x-request-id") or uuid.uuid4().hex[:16]
        token = request_id.set(rid)
        began = time.perf_counter()
        status = 500

        async def stamped(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *self._stamp(rid)]
            await send(message)

        try:
            delay = self.state.config.number("middleware.delay_s", 0)
            if delay > 0:
                await asyncio.sleep(delay)
            await self.app(scope, receive, stamped)
        except Exception as error:
            await self._unforeseen(scope, error, stamped)
        finally:
            self._note(scope, headers, status, (time.perf_counter() - began) * 1000, rid)
            request_id.reset(token)

    async def _unforeseen(self, scope: Scope, error: Exception, send: Send) -> None:
        """500 for the caller, the traceback for the log."""
        code = f" [{error.sqlstate}]" if isinstance(error, psycopg.Error) and error.sqlstate else ""
        name = type(error).__name__
        text = str(error).strip().split("\n")[0]
        log.error("unhandled %s%s on %s: %s", name, code, scope["path"], text, exc_info=error)
        body = json.dumps({"error": "internal server error", "type": name}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _stamp(self, rid: str) -> list[tuple[bytes, bytes]]:
        replica = self.state.settings.REPLICA
        pairs = {"x-request-id": rid, "x-replica": replica, "x-service": "api", "x-version": VERSION}
        return [(name.encode(), value.encode()) for name, value in pairs.items()]

    def _note(self, scope: Scope, headers: dict[str, str], status: int, ms: float, rid: str) -> None:
        if scope["path"] == "/healthz":
            return
        route = getattr(scope.get("route"), "path", OTHER)
        self.state.requests.observe(scope["method"], route, status, ms / 1000)
        self.state.profiles.remember(rid, scope["raw_path"] + scope["query_string"])
        fields = {"status": status, "ms": round(ms, 1), "path": scope["path"]}
        level = logging.ERROR if status >= 500 else logging.INFO
        log.log(level, "%s %s %d", scope["method"], scope["path"], status, extra={"fields": fields})
        if log.isEnabledFor(5):
            log.log(5, "headers %r", headers, extra={"fields": {"profile": self.state.profiles.seen(rid)}})
