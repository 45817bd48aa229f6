"""The HTTP client of the probes: a bounded pool, no proxies from the environment, no redirects, bounded bodies.

The prober is not above suspicion: when its pool says "timeout", a plain socket to the same address is asked as well.
"""

from __future__ import annotations

import asyncio
import json as jsonlib
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType, SimpleNamespace
from typing import Any, Self

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from systems import trust
from systems.manifest.web import Asked
from systems.probes import plainhttp, quickhttp
from systems.probes.base import error_kind
from systems.services import LoadedSystem

log = logging.getLogger(__name__)

MAX_BODY = 262_144
AT_ONCE, AT_ONCE_PER_HOST = 64, 8
KEEP_ALIVE_S = (
    3.0  # shorter than servers keep theirs, or the request after a pause meets a connection just closed
)
INNOCENT_S = 60.0  # a pool as young as this is not what hangs
AGENT = "opsportal-prober"


@dataclass(slots=True)
class Rebuilds:
    """Pools of this process that were thrown away on suspicion: how many, and when the last one was (epoch seconds)."""

    count: int = 0
    last: float = 0.0


rebuilds = Rebuilds()


def _session(cookies: bool, traces: list[aiohttp.TraceConfig]) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=AT_ONCE,
        limit_per_host=AT_ONCE_PER_HOST,
        keepalive_timeout=KEEP_ALIVE_S,
        ssl=trust.usual(),
        use_dns_cache=False,
    )
    return aiohttp.ClientSession(
        connector=connector,
        trust_env=False,
        cookie_jar=aiohttp.CookieJar(unsafe=True) if cookies else aiohttp.DummyCookieJar(),
        headers={"User-Agent": AGENT},
        timeout=aiohttp.ClientTimeout(total=None),
        max_line_size=65_536,
        max_field_size=65_536,
        trace_configs=traces,
    )


class Client:
    """The pool of one probe, made at the first request; `rebuilt` counts how often it was thrown away on suspicion.
    `cookies`: kept until `forget`. `tls`: which certificates it believes where a request does not say."""

    def __init__(
        self,
        *,
        cookies: bool = False,
        tls: ssl.SSLContext | None = None,
        make: Callable[[bool, list[aiohttp.TraceConfig]], aiohttp.ClientSession] = _session,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cookies, self._make, self._clock = cookies, make, clock
        self.tls = tls
        self._session: aiohttp.ClientSession | None = None
        plain = not cookies and make is _session
        self.quick = quickhttp.Quick(AT_ONCE, AT_ONCE_PER_HOST, KEEP_ALIVE_S) if plain else None
        self._rebuilt_at = -1e9
        self.rebuilt = 0
        self.visits = 0  # good ones, with the cookies there are

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = self._make(self._cookies, [_queue_trace()])
        return self._session

    def forget(self) -> None:
        """A new visitor: no cookies."""
        self.visits = 0
        if self._session is not None:
            self._session.cookie_jar.clear()

    def is_suspect(self, waited_in_line: bool) -> bool:
        """Whether a timeout may be the pool's own: it never gave a connection, or it was not renewed just now."""
        return waited_in_line or self._clock() - self._rebuilt_at >= INNOCENT_S

    async def rebuild(self) -> None:
        """Throw the pool away; requests under way in it fail."""
        self._rebuilt_at, self.rebuilt = self._clock(), self.rebuilt + 1
        rebuilds.count, rebuilds.last = rebuilds.count + 1, time.time()
        log.info("a pool of connections hung where a plain socket was answered; it is made anew")
        await self.aclose()

    async def aclose(self) -> None:
        if self.quick is not None:
            self.quick.close()
        session, self._session = self._session, None
        if session is not None:
            with suppress(Exception):  # it is given up, whatever state it is in
                await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _queue_trace() -> aiohttp.TraceConfig:
    """Notes in a request's context whether it is waiting for a free connection."""

    async def begin(_: Any, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.in_line = True

    async def end(_: Any, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.in_line = False

    trace = aiohttp.TraceConfig()
    trace.on_connection_queued_start.append(begin)
    trace.on_connection_queued_end.append(end)
    return trace


def client(*, cookies: bool = False, tls: ssl.SSLContext | None = None) -> Client:
    """A client of one probe; close it with `aclose`."""
    return Client(cookies=cookies, tls=tls)


@dataclass(slots=True)
class Answer:
    """What came back. `error` is set when nothing usable did; `status` is then 0."""

    status: int = 0
    body: bytes = b""
    latency_ms: float = 0.0
    error: str = ""
    headers: Mapping[str, str] = field(default_factory=CIMultiDict)
    cut: bool = False  # the body was longer than was wanted, and its rest not read

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
    http: Client,
    url: str,
    timeout_s: float,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    json: Any = None,
    form: dict[str, str] | None = None,
    most: int = MAX_BODY,
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """One request within `timeout_s` in all (connect, headers and the whole body); errors become `Answer.error`. Of a
    body longer than `most` bytes the rest is not read.

    A GET that times out is asked once more on a plain socket (for `plainhttp.PATIENCE_S` more at most). Where that
    answers, its answer is the one that counts, and the pool is rebuilt."""
    answer, line, tls = Answer(), SimpleNamespace(in_line=False), tls or http.tls
    started = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s):
            sent: dict[str, Any] = {"json": json} if form is None else {"data": form}
            if tls is not None:
                sent["ssl"] = tls
            if (
                method == "GET"
                and json is form is None
                and await _quickly(http, answer, url, headers, line, most)
            ):
                answer.latency_ms = (time.perf_counter() - started) * 1000
                return answer
            await _request(http.session, answer, method, url, headers, sent, line, most)
    except TimeoutError:
        answer = Answer(error="timeout", latency_ms=(time.perf_counter() - started) * 1000)
        if method == "GET" and http.is_suspect(line.in_line):
            return await _second_opinion(http, url, headers, answer, most, tls)
        return answer
    except aiohttp.ClientConnectorCertificateError as error:
        answer = Answer(error=error_kind(error.certificate_error))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        answer = Answer(error=error_kind(error))
    answer.latency_ms = (time.perf_counter() - started) * 1000
    return answer


async def ask(
    http: Client,
    system: LoadedSystem,
    spec: Asked,
    url: str,
    timeout_s: float,
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
    **more: Any,
) -> Answer:
    """As `fetch`, an address of the manifest: with what it says is sent, believing what it says is believed."""
    try:
        tls = trust.of(system, spec)
    except trust.Unusable as error:
        return Answer(error=str(error))
    return await fetch(http, url, timeout_s, headers={**headers, **spec.sent()}, tls=tls, **more)


async def _quickly(
    http: Client, answer: Answer, url: str, headers: dict[str, str] | None, line: SimpleNamespace, most: int
) -> bool:
    """Whether the usual case was one: then the answer is filled in."""
    asked = quickhttp.question(url, AGENT, tuple((headers or {}).items())) if http.quick is not None else None
    reply = await http.quick.get(asked, most, line) if http.quick is not None and asked is not None else None
    if reply is None:
        return False
    answer.status, answer.headers, answer.body, answer.cut = (
        reply.status,
        reply.headers,
        reply.body,
        reply.cut,
    )
    return True


async def _request(
    session: aiohttp.ClientSession,
    answer: Answer,
    method: str,
    url: str,
    headers: dict[str, str] | None,
    sent: dict[str, Any],
    line: SimpleNamespace,
    most: int,
) -> None:
    async with session.request(
        method, URL(url), headers=headers, allow_redirects=False, trace_request_ctx=line, **sent
    ) as response:
        parts, size = [], 0
        async for chunk in response.content.iter_any():
            parts.append(chunk)
            size += len(chunk)
            if size > most:
                answer.cut = True
                response.close()  # what is left of it is not read, and the connection not used again
                break
        answer.body = b"".join(parts)
        answer.headers = response.headers
        answer.status = response.status


async def _second_opinion(
    http: Client,
    url: str,
    headers: dict[str, str] | None,
    first: Answer,
    most: int,
    tls: ssl.SSLContext | None,
) -> Answer:
    started = time.perf_counter()
    believed = (tls or trust.usual()) if url.startswith("https:") else None
    try:
        reply = await plainhttp.get(url, {"User-Agent": AGENT, **(headers or {})}, believed, most)
    except (OSError, ValueError, EOFError, asyncio.LimitOverrunError):
        return first
    await http.rebuild()
    spent = (time.perf_counter() - started) * 1000
    return Answer(reply.status, reply.body, spent, "", CIMultiDict(reply.headers), len(reply.body) >= most)
