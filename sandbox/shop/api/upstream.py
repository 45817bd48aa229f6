"""The quote provider outside, reached through a breaker; upstream.active says which of the two is asked."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any
from urllib.parse import quote

import httpx

from ..kit.config import Config

log = logging.getLogger("shop")


class UpstreamError(Exception):
    """The provider did not give a usable answer."""


class Upstream:
    """Blocking calls, made from the thread pool of the API."""

    def __init__(self, config: Config, api_key: str, fallback_key: str = "") -> None:
        self.config = config
        self.use_keys(api_key, fallback_key)
        self._client = httpx.Client(trust_env=False)
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at = 0.0
        self.breaker_state = "closed"

    @property
    def active(self) -> str:
        return str(self.config.get("upstream.active", "primary"))

    def use_keys(self, primary: str, fallback: str) -> None:
        """From now on; without one for the fallback it gets the first, too."""
        self.keys = {"primary": primary, "fallback": fallback or primary}

    def close(self) -> None:
        self._client.close()

    def quote(self, sku: str, amount: float) -> tuple[dict[str, Any], str]:
        """(answer, name of the provider that gave it). Raises UpstreamError."""
        timeout = self.config.get("upstream.timeout_s", 2.0)
        return self._call("/v1/quote", {"sku": sku, "amount": f"{amount:.2f}"}, timeout)

    def insights(self, sku: str) -> tuple[dict[str, Any], str]:
        """As `quote`, for buying insights."""
        return self._call("/v1/insights", {"sku": sku}, self.config.get("upstream.insights_timeout_s", 2.0))

    def pay(self, order: int, amount: float) -> None:
        """Have the money of an order taken; that it has come is told later. Raises UpstreamError."""
        timeout = self.config.get("upstream.timeout_s", 2.0)
        self._call("/v1/payments", {}, timeout, {"order": order, "amount": round(amount, 2)})

    def payment(self, name: str, number: str) -> dict[str, Any] | None:
        """How a payment stands at that provider, whichever is asked for quotes: {order, status}. None: it knows of
        none. Raises UpstreamError; the breaker is of what visitors wait for, and not told."""
        base = self.config.get(f"upstream.{name}.url")
        url, key = f"{base}/v1/payments/{quote(number, safe='')}", {"X-Api-Key": self.keys.get(name, "")}
        if not base:
            return None
        try:
            answer = self._client.get(url, headers=key, timeout=self.config.get("upstream.timeout_s", 2.0))
            if answer.status_code == 404:
                return None
            answer.raise_for_status()
            found: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise UpstreamError(f"upstream {name} tells nothing of {number}: {error}") from error
        return found

    def reset(self) -> None:
        with self._lock:
            self.breaker_state, self._failures = "closed", 0
        log.warning("upstream breaker: reset by hand")

    def _call(
        self, path: str, params: dict[str, str], timeout: float | None, body: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], str]:
        """`body`: what is posted; without one it is only asked."""
        name = self.active
        base = self.config.get(f"upstream.{name}.url")
        if not base:
            raise UpstreamError(f"upstream {name!r} is not configured")
        self._admit(name)
        try:
            answer = self._client.request(
                "GET" if body is None else "POST", f"{base}{path}", params=params, json=body, timeout=timeout,
                headers={"X-Api-Key": self.keys.get(name, "")},
            )  # fmt: skip
            answer.raise_for_status()
            data: dict[str, Any] = answer.json()
        except httpx.HTTPStatusError as error:
            text = f"upstream {name} answered {error.response.status_code}: {error.response.text[:200]}"
            if error.response.status_code < 500:  # a refusal is no outage: the breaker stays as it is
                raise UpstreamError(text) from error
            raise self._failed(name, text) from error
        except (httpx.HTTPError, ValueError) as error:
            raise self._failed(name, f"upstream {name} {type(error).__name__}: {error} ({base})") from error
        self._succeeded()
        return data, name

    def _admit(self, name: str) -> None:
        with self._lock:
            if self.breaker_state != "open":
                return
            if time.monotonic() - self._opened_at < self.config.number("upstream.breaker_reset_s", 5):
                raise UpstreamError(f"upstream {name} breaker open")
            self.breaker_state = "half-open"

    def _succeeded(self) -> None:
        with self._lock:
            if self.breaker_state != "closed":
                log.info("upstream breaker: closed")
            self.breaker_state, self._failures = "closed", 0

    def _failed(self, name: str, text: str) -> UpstreamError:
        with self._lock:
            self._failures += 1
            if self.breaker_state == "half-open" or self._failures >= self.config.number(
                "upstream.breaker_failures", 4
            ):
                if self.breaker_state != "open":
                    log.error("upstream breaker: open, %s does not answer", name)
                self.breaker_state, self._opened_at = "open", time.monotonic()
        return UpstreamError(text)
