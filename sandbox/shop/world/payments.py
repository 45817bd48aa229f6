"""Payments of a provider: taken at once, and told to whoever has registered for it once the bank has said yes.

Public: POST /v1/payments {order, amount}, GET /v1/payments/ID. For the account: GET and PUT /v1/webhook {url},
GET /v1/deliveries, POST /v1/deliveries/redeliver. A delivery is tried again, at growing distances, until it is taken.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import time
from collections import deque
from pathlib import Path
from typing import Any

import yaml

from ..kit.client import Client, ClientError
from ..kit.config import Config
from ..kit.http import Request, Response, json_response

log = logging.getLogger("shop")
BANK_S = 1.0
AGAIN_S = (1.0, 2.0, 4.0, 8.0)  # and then every LAST_S
LAST_S = 10.0
LOST_S = 8.0  # nobody could be reached for so long
KEPT = 200  # payments that are done, and lines of the delivery log
TIMEOUT_S = 5.0
LOOK_S = 0.25


class Payments:
    """What waits is in a file: it outlives the process."""

    def __init__(self, config: Config) -> None:
        self.config, self.client = config, Client()
        self.file = Path(os.environ["STATE_FILE"])
        self.waiting: dict[str, dict[str, Any]] = _read(self.file)
        self.done: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.log: deque[dict[str, Any]] = deque(maxlen=KEPT)

    @property
    def url(self) -> str:
        return str(self.config.get("webhook.url") or "")

    async def take(self, request: Request) -> Response | None:
        """None when it is about something else."""
        path = request.path
        if path == "/v1/payments" and request.method == "POST":
            return self._accept(json.loads(request.body))
        if path.startswith("/v1/payments/"):
            return self._tell(path.rpartition("/")[2])
        if path == "/v1/webhook":
            return self._register(request)
        if path == "/v1/deliveries":
            return json_response(self._deliveries())
        if path == "/v1/deliveries/redeliver" and request.method == "POST":
            for one in self.waiting.values():
                one["next"] = 0.0
            return json_response({"again": len(self.waiting)})
        return None

    def _accept(self, told: dict[str, Any]) -> Response:
        number = f"pay_{secrets.token_hex(8)}"
        self.waiting[number] = {
            "payment": number, "order": int(told["order"]), "amount": float(told["amount"]), "attempts": 0,
            "next": time.time() + BANK_S, "lost_since": None, "error": "",
        }  # fmt: skip
        self._keep()
        return json_response({"payment": number, "status": "pending"}, 202)

    def _tell(self, number: str) -> Response:
        found = self.waiting.get(number) or next((d for d in self.done if d["payment"] == number), None)
        if found is None:
            return json_response({"error": "no such payment"}, 404)
        return json_response({"payment": number, "order": found["order"], "status": "paid"})

    def _register(self, request: Request) -> Response:
        if request.method == "PUT":
            url = str(json.loads(request.body)["url"])
            data = {**self.config.data, "webhook": {**(self.config.get("webhook") or {}), "url": url}}
            _write(self.config.path, yaml.safe_dump(data, sort_keys=False, width=110))
            self.config.load()
        return json_response({"url": self.url})

    def _deliveries(self) -> dict[str, Any]:
        """`unreachable`: payments of which nobody could be told for a while, because nobody is there."""
        now = time.time()
        lost = [w for w in self.waiting.values() if w["lost_since"] and now - w["lost_since"] >= LOST_S]
        return {
            "url": self.url, "waiting": len(self.waiting), "unreachable": len(lost),
            "why": lost[0]["error"] if lost else "", "log": list(self.log)[-20:],
        }  # fmt: skip

    async def deliver_forever(self) -> None:
        while True:
            now = time.time()
            due = [one for one in self.waiting.values() if one["next"] <= now]
            await asyncio.gather(*map(self._deliver, due[:20]))
            await asyncio.sleep(LOOK_S)

    async def _deliver(self, one: dict[str, Any]) -> None:
        one["attempts"] += 1
        body = json.dumps({"payment": one["payment"], "order": one["order"], "status": "paid"}).encode()
        headers = {"Content-Type": "application/json", "X-Api-Key": "payments"}
        try:
            answer = await self.client.request(
                "POST", self.url, headers=headers, body=body, timeout_s=TIMEOUT_S
            )
            error, there = "" if answer.status < 300 else f"status {answer.status}", True
        except (ClientError, OSError, ValueError) as failed:
            error, there = f"connect {failed}", getattr(failed, "kind", "") != "refused"
        self.log.append(
            {"payment": one["payment"], "attempt": one["attempts"], "at": time.time(), "error": error}
        )
        if not error:
            self.waiting.pop(one["payment"], None)
            self.done.append(one)
        else:
            log.warning("delivery of %s, attempt %d: %s", one["payment"], one["attempts"], error)
            one["error"] = error
            one["lost_since"] = None if there else one["lost_since"] or time.time()
            one["next"] = time.time() + dict(enumerate(AGAIN_S, 1)).get(one["attempts"], LAST_S)
        self._keep()

    def _keep(self) -> None:
        _write(self.file, json.dumps(self.waiting))


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found: dict[str, dict[str, Any]] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    fresh.replace(path)
