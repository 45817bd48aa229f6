"""`python -m shop.frontend`: the shop's pages, rendered on the server from what the API answers through the gateway."""

from __future__ import annotations

import json
import logging
import os
import time
import uuid
from pathlib import Path
from typing import Any

from ..kit import logs
from ..kit.client import Client, ClientError
from ..kit.config import Config, load_or_exit
from ..kit.http import Request, Response, html_response, json_response, serve
from ..kit.metrics import OTHER, PATH, Metrics, Requests
from ..kit.run import run
from . import pages

log = logging.getLogger("shop")
_VERSION_FILE = Path(__file__).parents[2] / "VERSION"
VERSION = _VERSION_FILE.read_text().strip() if _VERSION_FILE.exists() else "dev"


class ApiTrouble(Exception):
    """The API did not give what the page needs."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class Frontend:
    """One handler per page."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.client = Client()
        self.metrics = Metrics()
        self.requests = Requests(self.metrics)
        self.base = os.environ["GATEWAY_URL"].rstrip("/")

    async def handle(self, request: Request) -> Response:
        if request.path in ("/livez", "/healthz"):
            return json_response({"status": "ok", "service": "frontend", "version": VERSION})
        if request.path == PATH:
            return self.metrics.response()
        began = time.perf_counter()
        try:
            response = await self._page(request)
        except ApiTrouble as error:
            log.error("page %s failed: %d %s", request.path, error.status, error.detail)
            response = html_response(
                pages.trouble(error.status, error.detail), 502 if error.status >= 500 else error.status
            )
        self.requests.observe(
            request.method, _route(request.path), response.status, time.perf_counter() - began
        )
        response.headers["X-Service"] = "frontend"
        response.headers["X-Version"] = VERSION
        return response

    async def _page(self, request: Request) -> Response:
        sid = request.cookies.get("sid", "")
        match request.method, request.path.rstrip("/") or "/":
            case "GET", "/":
                category = request.query.get("category", "")
                category = category if category in pages.CATEGORIES else ""
                limit = int(self.config.number("page_size", 24))
                data = await self._api("GET", f"/api/catalog?limit={limit}&category={category}")
                return html_response(pages.home(data["items"], category))
            case "GET", path if path.startswith("/p/") and path[3:].replace("-", "").isalnum():
                return html_response(await self._product(path[3:]))
            case "GET", "/cart":
                return html_response(pages.cart(await self._api("GET", "/api/cart", sid=sid)))
            case "POST", "/cart":
                sid = sid or uuid.uuid4().hex
                await self._api("POST", "/api/cart", {"sku": request.form.get("sku", ""), "qty": 1}, sid)
                return Response(
                    303,
                    b"",
                    {"Location": "/cart", "Set-Cookie": f"sid={sid}; HttpOnly; Path=/; SameSite=Lax"},
                )
            case "POST", "/checkout":
                return html_response(pages.thanks(await self._api("POST", "/api/checkout", {}, sid)))
        return html_response(pages.trouble(404, "no such page"), 404)

    async def _product(self, sku: str) -> str:
        item = await self._api("GET", f"/api/product/{sku}")
        try:
            quote = (await self._api("GET", f"/api/quote?sku={sku}"))["quote"]
        except ApiTrouble:
            quote = None
        return pages.product(item, quote)

    async def _api(self, method: str, path: str, data: Any = None, sid: str = "") -> Any:
        headers = {"X-Api-Key": "frontend", "Content-Type": "application/json"}
        if sid:
            headers["X-Session"] = sid
        body = json.dumps(data).encode() if data is not None else b""
        timeout = self.config.number("api_timeout_s", 8)
        try:
            answer = await self.client.request(
                method, self.base + path, headers=headers, body=body, timeout_s=timeout
            )
        except ClientError as error:
            raise ApiTrouble(504 if error.kind == "timeout" else 502, str(error)) from error
        if answer.status != 200:
            raise ApiTrouble(answer.status, answer.body.decode("utf-8", "replace")[:200])
        return answer.json()


def _route(path: str) -> str:
    """What a path is about; the pages of all products are one."""
    path = path.rstrip("/") or "/"
    if path.startswith("/p/"):
        return "/p/{sku}"
    return path if path in ("/", "/cart", "/checkout") else OTHER


def main() -> None:
    logs.setup("frontend")
    config = load_or_exit()
    front = Frontend(config)

    async def start() -> None:
        await serve(front.handle, int(os.environ["PORT"]))
        log.info("frontend %s is up", VERSION)

    run(start, config)


if __name__ == "__main__":
    main()
