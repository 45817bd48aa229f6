"""The keys by which a provider knows its customers: those of its configuration, and those that it issued since."""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
import time
from pathlib import Path

from ..kit.config import Config
from ..kit.http import Request, Response, json_response

LASTS_S = 90 * 86_400
REVOKED = "revoked"


class Keys:
    """`keys` of the configuration: key -> epoch seconds of its end, null = never, or "revoked". `accounts`: customer ->
    the secret by which it asks for another key. What is issued outlives the process."""

    def __init__(self, config: Config, name: str) -> None:
        self.config = config
        self.path = config.path.parent.parent / "run" / f"{name}-keys.json"

    def refusal(self, key: str) -> Response | None:
        """The answer for who brings this key; None when it is good."""
        ends = self.ends(key)
        if ends == "":
            return json_response({"error": "invalid_key"}, 401)
        if ends == REVOKED:
            return json_response({"error": "key_revoked"}, 401)
        if ends is not None and float(ends) < time.time():
            return json_response({"error": "token_expired", "expired_at": ends}, 401)
        return None

    def ends(self, key: str) -> float | str | None:
        """When it ends; "" for one that is not known."""
        known: dict[str, float | str | None] = {**self._issued(), **(self.config.get("keys") or {})}
        return known.get(key, "")

    def issue(self, request: Request) -> Response:
        """Another key for a customer who says the account's secret."""
        if not self._knows(request.headers.get("authorization", "")):
            return json_response({"error": "invalid_client"}, 403)
        key, ends = f"k-{secrets.token_hex(12)}", round(time.time() + LASTS_S)
        fresh = self.path.with_suffix(".new")
        fresh.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps({**self._issued(), key: ends}))
        os.replace(fresh, self.path)  # noqa: PTH105 - in one step
        return json_response({"key": key, "expires_at": ends}, 201)

    def _knows(self, header: str) -> bool:
        try:
            name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        except ValueError:
            return False
        wanted = (self.config.get("accounts") or {}).get(name)
        return bool(wanted) and hmac.compare_digest(str(wanted), secret)

    def _issued(self) -> dict[str, float | str | None]:
        try:
            found: dict[str, float | str | None] = json.loads(Path(self.path).read_text())
        except FileNotFoundError:
            return {}
        return found
