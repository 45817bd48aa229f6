"""The shared HTTP client of the probes: no proxies from the environment, keep-alive, bounded bodies."""

from __future__ import annotations

import asyncio
import importlib.util
import json as jsonlib
import ssl
import sys
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

from systems.probes.base import error_kind

MAX_BODY = 262_144

if importlib.util.find_spec("sniffio") is None:
    # httpcore asks for it in every request, and a module that is not there is searched for each time
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def client() -> httpx.AsyncClient:
    """A client of one probe; close it with `aclose`."""
    return httpx.AsyncClient(
        verify=_tls(),
        trust_env=False,
        follow_redirects=False,
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=40, keepalive_expiry=20),
        headers={"User-Agent": "opsportal-prober"},
    )


@dataclass(slots=True)
class Answer:
    """What came back. `error` is set when nothing usable did; `status` is then 0."""

    status: int = 0
    body: bytes = b""
    latency_ms: float = 0.0
    error: str = ""
    headers: httpx.Headers = field(default_factory=httpx.Headers)

    def json(self) -> Any:
        """The body as JSON; ValueError when it is not."""
        return jsonlib.loads(self.body)

    def excerpt(self, limit: int = 120) -> str:
        """The start of the body on one line."""
        return " ".join(self.body[: limit * 4].decode(errors="replace").split())[:limit]

    def reason(self) -> str:
        """In words, why this is not a success: `refused`, `timeout`, `status 503: no healthy upstream`."""
        if self.error:
            return self.error
        excerpt = self.excerpt()
        return f"status {self.status}" + (f": {excerpt}" if excerpt else "")


async def fetch(
    http: httpx.AsyncClient,
    url: str,
    timeout_s: float,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    json: Any = None,
) -> Answer:
    """One request within `timeout_s` in all (connect, headers and the whole body); errors become `Answer.error`."""
    started = time.perf_counter()
    answer = Answer()
    try:
        async with asyncio.timeout(timeout_s):
            await _request(http, answer, method, url, headers, json)
    except TimeoutError:
        answer = Answer(error="timeout")
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
        answer = Answer(error=error_kind(error))
    answer.latency_ms = (time.perf_counter() - started) * 1000
    return answer


async def _request(
    http: httpx.AsyncClient, answer: Answer, method: str, url: str, headers: dict[str, str] | None, json: Any
) -> None:
    async with http.stream(method, url, headers=headers, json=json, timeout=None) as response:
        answer.headers = response.headers
        parts, size = [], 0
        async for chunk in response.aiter_bytes():
            parts.append(chunk)
            size += len(chunk)
            if size > MAX_BODY:
                break
        answer.body = b"".join(parts)
        answer.status = response.status_code
