"""The quick way of a GET: the same answers as the whole client gives, on connections that stay open."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from systems.probes import quickhttp, web
from tests.systems.helpers import closed_port, silent_server

Piece = (
    bytes | float
)  # what is written, or seconds of waiting; at the end of the list the connection is closed


class Raw:
    """What a server says word for word, to each request the next; it notes connections and heads."""

    def __init__(self, *answers: list[Piece], closes: bool = True) -> None:
        self.answers, self.closes = list(answers), closes
        self.connections, self.open, self.heads = 0, 0, list[bytes]()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                for piece in self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]:
                    if isinstance(piece, float):
                        await asyncio.sleep(piece)
                    else:
                        writer.write(piece)
                        await writer.drain()
                if self.closes:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def saying(raw: Raw) -> AsyncIterator[str]:
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def whole() -> web.Client:
    """A client that does without the quick way."""
    return web.Client(make=lambda *args: web._session(*args))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


ZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ZIPPED = gzip.compress(b"squeezed")
ANSWERS: dict[str, list[Piece]] = {
    "usual": [OK],
    "in pieces": [b"HTTP/1.1 20", 0.01, b"0 OK\r\nContent-Le", 0.01, b"ngth: 2\r\n\r", 0.01, b"\no", 0.01, b"k"],
    "no reason": [b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"],
    "until the end": [b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nall ", 0.01, b"of it"],
    "old": [b"HTTP/1.0 404 Gone\r\nContent-Length: 1\r\n\r\nx"],
    "nothing in it": [b"HTTP/1.1 204 No Content\r\n\r\n"],
    "redirect": [b"HTTP/1.1 302 X\r\nLocation: /b\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\nContent-Length: 0\r\n\r\n"],
    "chunks": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
    "compressed": [ZIP % (len(ZIPPED), ZIPPED)],
    "first a hint": [b"HTTP/1.1 100 Continue\r\n\r\n" + OK],
    "odd letters": [b"HTTP/1.1 200 OK\r\nX: \xc3\xa4\xff\r\nContent-Length: 2\r\n\r\nok"],
    "no HTTP": [b"SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    "two lengths": [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!"],
    "no number": [b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok"],
    "broken off": [b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok"],
    "broken head": [b"HTTP/1.1 200 OK\r\nContent-Le"],
    "silence": [],
    "error": [b"HTTP/1.1 503 X\r\nContent-Length: 4\r\nRetry-After: 9\r\n\r\nbusy"],
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
async def test_every_answer_is_the_one_of_the_whole_client(name: str) -> None:
    told = []
    for client in (web.client(), whole()):
        async with saying(Raw(ANSWERS[name])) as url, client as http:
            found = await web.fetch(http, url, 10)
            again = await web.fetch(http, url, 10)
        for one in (found, again):
            word = one.error if one.error in ("", "reset", "refused", "timeout") else "no HTTP"
            told.append((one.status, one.body, sorted(one.headers.items()), word, one.cut))
    assert told[0] == told[1] == told[2] == told[3]


async def test_the_same_is_sent_as_by_the_whole_client() -> None:
    heads = []
    for client in (web.client(), whole()):
        raw = Raw([OK])
        async with saying(raw) as url, client as http:
            headers = {"accept": "text/plain", "Authorization": "Bearer x", "X-Name": "ä"}
            await web.fetch(http, url + "a/b-c?d=1,2&e=f:g", 10, headers=headers)
        first, *lines = raw.heads[0].replace(url[7:-1].encode(), b"HOST").split(b"\r\n")
        heads.append((first, sorted(line.lower() for line in lines)))
    assert heads[0] == heads[1]


async def test_a_connection_is_used_again_and_closed_when_it_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "KEEP_ALIVE_S", 0.3)
    raw = Raw([OK], closes=False)
    async with saying(raw) as url, web.client() as http:
        assert [(await web.fetch(http, url, 10)).body for _ in range(5)] == [b"ok"] * 5
        assert (raw.connections, raw.open) == (1, 1)
        await until(lambda: raw.open == 0)
        assert (await web.fetch(http, url, 10)).body == b"ok"
        assert raw.connections == 2


async def test_a_connection_that_was_closed_meanwhile_costs_no_answer() -> None:
    """Also when that shows only after the request was sent on it."""
    raw = Raw([OK, 0.05])
    async with saying(raw) as url, web.client() as http:
        for pause in (0.2, 0.0, 0.04, 0.05, 0.06):
            assert (await web.fetch(http, url, 10)).error == ""
            await asyncio.sleep(pause)


async def test_what_comes_unasked_is_no_answer_to_the_next() -> None:
    raw = Raw([OK + OK.replace(b"ok", b"no")], [OK], closes=False)
    async with saying(raw) as url, web.client() as http:
        assert [(await web.fetch(http, url, 10)).body for _ in range(2)] == [b"ok", b"ok"]
    assert raw.connections == 2


async def test_what_is_longer_than_wanted_is_cut_and_its_connection_closed() -> None:
    raw = Raw([b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 500_000, 30.0])
    async with saying(raw) as url, web.client() as http:
        found = await web.fetch(http, url, 10, most=1000)
        assert found.cut and found.error == "" and 1000 < len(found.body) < 500_000
        assert http.quick is not None and not http.quick._wires


async def test_odd_answers_are_left_to_the_whole_client_at_once_the_next_time() -> None:
    raw = Raw(ANSWERS["chunks"])
    async with saying(raw) as url, web.client() as http:
        assert [(await web.fetch(http, url, 10)).body for _ in range(3)] == [b"abc"] * 3
        assert len(raw.heads) == 4, "only the first was asked twice"


async def test_a_cancelled_request_leaves_no_connection_behind() -> None:
    async with silent_server() as silent, web.client() as http:
        for _ in range(20):
            waits = [asyncio.create_task(web.fetch(http, f"http://{silent}/", 30)) for _ in range(20)]
            await asyncio.sleep(0.01)
            for task in waits:
                task.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        assert http.quick is not None and not http.quick._wires and not http.quick._idle


async def test_a_closed_client_fails_what_is_under_way_and_can_be_used_again() -> None:
    async with silent_server() as silent, web.client() as http:
        wait = asyncio.create_task(web.fetch(http, f"http://{silent}/", 30))
        await asyncio.sleep(0.05)
        await http.aclose()
        assert (await wait).error == "reset"
        async with saying(Raw([OK])) as url:
            assert (await web.fetch(http, url, 10)).body == b"ok"


async def test_nobody_there_is_said_in_the_same_words() -> None:
    async with web.client() as http:
        assert (await web.fetch(http, f"http://{closed_port()}/", 10)).error == "refused"


@pytest.mark.parametrize(
    "url",
    [
        "https://a/", "http://user:x@a/", "http://a:0/", "http://a:70000/", "http://a/ä", "http://a/x y", "http://a/../b",
        "http://a/%41", "http://[fe80::1%25eth0]/", "http://a#b", "http:///b",
    ],
)  # fmt: skip
def test_odd_addresses_are_for_the_whole_client(url: str) -> None:
    assert quickhttp.question(url, "me", ()) is None


def test_what_would_be_a_header_more_is_not_sent() -> None:
    assert quickhttp.question("http://a/", "me", (("X", "1\r\nY: 2"),)) is None
    assert quickhttp.question("http://a/", "me", (("X: 1", "2"),)) is None


def test_what_is_sent_along_is_not_shown() -> None:
    asked = quickhttp.question("http://a/", "me", (("Authorization", "Bearer hush-hush"),))
    assert asked is not None and b"hush-hush" in asked.head
    assert "hush-hush" not in repr(asked)
