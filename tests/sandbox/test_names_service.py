"""The resolver and who asks it: messages, what is final and what is not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from sandbox.shop.api import named
from sandbox.shop.dns.__main__ import Resolver
from sandbox.shop.kit import dns
from sandbox.shop.kit.config import Config
from sandbox.shop.kit.http import Request
from sandbox.shop.kit.names import LookupFailed, Names
from tests.sandbox.test_parts import free_address

HOST = "db.sandbox.internal"


def config(path: Path, data: dict[str, Any]) -> Config:
    path.write_text(yaml.safe_dump(data))
    made = Config(path)
    made.load()
    return made


async def resolver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: dict[str, str]) -> str:
    _, port = free_address()
    monkeypatch.setenv("PORT", str(port))
    await Resolver(config(tmp_path / f"{port}.yaml", {"zone": zone, "ttl_s": 1})).start()
    return f"127.0.0.1:{port}"


def names(tmp_path: Path, *servers: str) -> Names:
    data = {"names": {"servers": list(servers), "timeout_s": 0.3, "database": HOST}}
    return Names(config(tmp_path / "api.yaml", data))


def test_messages_say_what_was_put_into_them() -> None:
    asked = dns.asked(dns.question(7, HOST))
    assert asked == dns.Question(7, HOST, dns.A)
    assert dns.told(dns.answer(asked, dns.NOERROR, "127.0.0.9", 1), 7) == (dns.NOERROR, "127.0.0.9")
    assert dns.told(dns.answer(asked, dns.NXDOMAIN, None, 1), 7) == (dns.NXDOMAIN, None)
    for wrong in (b"", b"\0" * 12, dns.answer(asked, 0, None, 1)):
        with pytest.raises(dns.Malformed):
            dns.asked(wrong)
    with pytest.raises(dns.Malformed):
        dns.told(dns.answer(asked, dns.NOERROR, None, 1), 8)


async def test_a_name_is_looked_up_and_kept_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await resolver(tmp_path, monkeypatch, {HOST: "127.0.0.1", "far.sandbox.internal": "localhost"})
    asking = names(tmp_path, first)
    assert await asyncio.to_thread(asking.of, "database", "") == "127.0.0.1"
    assert await asyncio.to_thread(asking.address, "far.sandbox.internal") == "127.0.0.1"
    asking.config.data["names"]["servers"] = []
    assert asking.of("database", "") == "127.0.0.1"
    assert asking.of("cache", "as written") == "as written"


async def test_no_such_name_is_final_and_silence_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty, full = [await resolver(tmp_path, monkeypatch, zone) for zone in ({}, {HOST: "127.0.0.1"})]
    nobody = ":".join(map(str, free_address()))
    with pytest.raises(LookupFailed, match=f"NXDOMAIN: {HOST}"):
        await asyncio.to_thread(names(tmp_path, empty, full).address, HOST)
    assert await asyncio.to_thread(names(tmp_path, nobody, full).address, HOST) == "127.0.0.1"
    with pytest.raises(LookupFailed, match="SERVFAIL"):
        await asyncio.to_thread(names(tmp_path, nobody).address, HOST)


async def test_another_resolver_can_be_asked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty, full = [await resolver(tmp_path, monkeypatch, zone) for zone in ({}, {HOST: "127.0.0.1"})]
    asking = names(tmp_path, empty, full)
    asking.prefer(full)
    assert asking.servers == [full, empty]
    assert await asyncio.to_thread(asking.address, HOST) == "127.0.0.1"
    with pytest.raises(ValueError, match="no resolver"):
        asking.prefer("127.0.0.1:1")
    asking.prefer("")
    with pytest.raises(LookupFailed, match="NXDOMAIN"):
        await asyncio.to_thread(asking.address, HOST)


async def test_a_connection_that_cannot_be_looked_up_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = named.database(names(tmp_path, await resolver(tmp_path, monkeypatch, {})))
    with pytest.raises(psycopg.OperationalError, match="could not translate host name: NXDOMAIN"):
        await asyncio.to_thread(made.connect, "postgresql://app@127.0.0.1:1/shop")


async def test_its_page_says_what_it_would_answer(tmp_path: Path) -> None:
    one = Resolver(config(tmp_path / "zone.yaml", {"zone": {HOST: "127.0.0.1"}}))
    told = [(await one.handle(Request("GET", f"/lookup?name={n}", {}))).json() for n in (HOST, "x")]
    assert [t["answer"] for t in told] == ["NOERROR", "NXDOMAIN"]
