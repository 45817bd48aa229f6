"""The HTTP client of the probes: no leaks, nothing followed or kept, and it doubts itself before a service."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from systems.probes import plainhttp, web

from .helpers import closed_port, http_server, silent_server


async def test_a_thousand_cancelled_requests_leave_the_pool_whole() -> None:
    """Each gives its place back, wherever it was when it was cancelled from outside."""
    async with silent_server() as silent, http_server(lambda *_: (200, {})) as good, web.client() as http:
        for _ in range(20):
            waits = [asyncio.create_task(web.fetch(http, f"http://{silent}/", 30)) for _ in range(50)]
            await asyncio.sleep(0.01)
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        assert (await web.fetch(http, good, 5)).status == 200
        assert http.rebuilt == 0, "the pool did it by itself"


async def test_a_host_that_takes_all_its_places_costs_the_others_none() -> None:
    async with silent_server() as silent, http_server(lambda *_: (200, {})) as good, web.client() as http:
        waits = [asyncio.create_task(web.fetch(http, f"http://{silent}/", 30)) for _ in range(40)]
        await asyncio.sleep(0.05)
        answer = await web.fetch(http, good, 5)
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        assert (answer.status, http.rebuilt) == (200, 0)


class Hanging:
    """A pool that is poisoned: it gives no connection, ever."""

    closed = False

    def request(self, *_: Any, **__: Any) -> Hanging:
        return self

    async def __aenter__(self) -> None:
        await asyncio.Event().wait()

    async def __aexit__(self, *_: object) -> None: ...

    async def close(self) -> None:
        await asyncio.sleep(0)


async def test_a_poisoned_pool_never_makes_a_healthy_service_look_hung(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = web.rebuilds.count
    pools: list[Any] = [Hanging()]

    def make(*args: Any) -> Any:
        return pools.pop() if pools else web._session(*args)

    async with (
        http_server(lambda m, p, b: (200, {"path": p})) as url,
        web.Client(make=make) as http,
    ):
        first = await web.fetch(http, f"{url}/well?x=1", 0.1)
        assert (first.status, first.error, first.json()) == (200, "", {"path": "/well?x=1"})
        assert first.headers["Content-Length"] == str(len(first.body))
        assert (http.rebuilt, web.rebuilds.count - before) == (1, 1)
        assert "made anew" in caplog.text
        assert (await web.fetch(http, url, 5)).status == 200
        assert http.rebuilt == 1


async def test_a_pool_full_of_requests_that_hang_is_doubted_at_every_timeout() -> None:
    """The service answers what is new; its old connections hang, and all places are taken by them."""
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        if served <= web.AT_ONCE_PER_HOST:
            await asyncio.sleep(30)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with web.client() as http:
        http._rebuilt_at = http._clock()  # young, but this request never gets a connection
        stuck = [asyncio.create_task(web.fetch(http, url, 30)) for _ in range(web.AT_ONCE_PER_HOST)]
        while served < web.AT_ONCE_PER_HOST:
            await asyncio.sleep(0.01)
        answer = await web.fetch(http, url, 0.1)
        assert (answer.status, answer.body, http.rebuilt) == (200, b"ok", 1)
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)
    server.close()


async def test_a_service_that_really_hangs_is_said_to_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plainhttp, "PATIENCE_S", 0.1)
    async with silent_server() as silent, web.client() as http:
        answer = await web.fetch(http, f"http://{silent}/", 0.1)
        assert (answer.error, answer.status, http.rebuilt) == ("timeout", 0, 0)


async def test_a_service_that_hangs_now_and_then_is_not_excused_again_and_again() -> None:
    """Right after the pool was renewed a timeout is the service's own, however well a second request goes."""
    asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        head = await reader.readuntil(b"\r\n\r\n")
        asked += 1
        if head.split(b"\r\n")[0].endswith(b"1.1"):  # what comes by the pool hangs
            await asyncio.sleep(30)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with web.client() as http:
        found = [(await web.fetch(http, url, 0.1)).error for _ in range(4)]
    server.close()
    assert found == ["", "timeout", "timeout", "timeout"]


async def test_nothing_is_followed_kept_or_read_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{closed_port()}")
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(head := await reader.readuntil(b"\r\n\r\n"))
        if head.startswith(b"GET /big"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (web.MAX_BODY * 4))
        else:
            writer.write(b"HTTP/1.1 302 X\r\nlocation: /big\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with web.client() as http:
        assert [(await web.fetch(http, url, 5)).status for _ in range(2)] == [302, 302]
        assert len(seen) == 2 and not any(b"cookie" in head.lower() for head in seen)
        big = await web.fetch(http, f"{url}/big", 5)
        assert big.status == 200 and web.MAX_BODY < len(big.body) < web.MAX_BODY * 2
    server.close()


@pytest.mark.parametrize(
    ("url", "word"), [("http://{closed}/", "refused"), ("http://no-such-host.invalid/", "no such name")]
)
async def test_errors_keep_their_words(url: str, word: str) -> None:
    async with web.client() as http:
        assert (await web.fetch(http, url.format(closed=closed_port()), 10)).error == word
