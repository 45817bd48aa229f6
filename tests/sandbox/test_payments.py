"""The provider tells of payments until somebody takes them, also after it was started anew."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.shop.api.upstream import Upstream, UpstreamError
from sandbox.shop.kit.config import Config
from sandbox.shop.kit.http import Request, Response, json_response, serve
from sandbox.shop.world import payments
from sandbox.shop.world.__main__ import Provider
from tests.sandbox.test_parts import free_address

OWNER = {"x-api-key": "acct"}


def provider(tmp_path: Path, url: str) -> Provider:
    path = tmp_path / "upstream.yaml"
    path.write_text(
        yaml.safe_dump(
            {"keys": {"k": None}, "accounts": {"corner": "acct"}, "latency_ms": 0, "webhook": {"url": url}}
        )
    )
    config = Config(path)
    config.load()
    return Provider(config)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REPLICA", "upstream")
    monkeypatch.setenv("STATE_FILE", str(tmp_path / "state.json"))
    for name, value in {"BANK_S": 0.0, "AGAIN_S": (), "LAST_S": 30.0, "LOST_S": 0.0, "LOOK_S": 0.01}.items():
        monkeypatch.setattr(payments, name, value)


async def ask(one: Provider, method: str, path: str, data: Any = None, **headers: str) -> Response:
    body = b"" if data is None else json.dumps(data).encode()
    return await one.handle(Request(method, path, headers or {"x-api-key": "k"}, body))


async def pay(one: Provider) -> str:
    answer = await ask(one, "POST", "/v1/payments", {"order": 7, "amount": 3.5})
    assert answer.status == 202
    return str(answer.json()["payment"])


async def until(what: Any) -> None:
    async with asyncio.timeout(5):
        while not await what():
            await asyncio.sleep(0.02)


async def test_an_address_where_nobody_is_is_told_and_mended_by_registering_and_delivering_again(
    tmp_path: Path,
) -> None:
    told: list[dict[str, Any]] = []

    async def shop(request: Request) -> Response:
        told.append(json.loads(request.body))
        return json_response({})

    _, port = free_address()
    await serve(shop, port)
    one = provider(tmp_path, f"http://127.0.0.1:{free_address()[1]}/webhooks")
    delivering = asyncio.create_task(one.payments.deliver_forever())
    try:
        number = await pay(one)

        async def figures() -> dict[str, Any]:
            found: dict[str, Any] = (await ask(one, "GET", "/v1/deliveries", **OWNER)).json()
            return found

        async def lost() -> bool:
            return bool((await figures())["unreachable"])

        await until(lost)
        assert "refused" in (await figures())["why"] and told == []
        again = provider(tmp_path, one.payments.url)
        assert list(again.payments.waiting) == [number], "what waits outlives the process"
        await ask(one, "PUT", "/v1/webhook", {"url": f"http://127.0.0.1:{port}/webhooks"}, **OWNER)
        assert not told, "the next attempt is far away"
        await ask(one, "POST", "/v1/deliveries/redeliver", **OWNER)

        async def over() -> bool:
            return not (await figures())["waiting"]

        await until(over)
    finally:
        delivering.cancel()
    assert told == [{"payment": number, "order": 7, "status": "paid"}]
    assert (await ask(one, "GET", f"/v1/payments/{number}")).json()["order"] == 7
    assert yaml.safe_load((tmp_path / "upstream.yaml").read_text())["webhook"]["url"].endswith(
        f"{port}/webhooks"
    )


async def test_a_refusal_is_no_wrong_address(tmp_path: Path) -> None:
    async def shop(request: Request) -> Response:
        return json_response({}, 503)

    _, port = free_address()
    await serve(shop, port)
    one = provider(tmp_path, f"http://127.0.0.1:{port}/webhooks")
    await pay(one)
    await one.payments._deliver(next(iter(one.payments.waiting.values())))
    told = (await ask(one, "GET", "/v1/deliveries", **OWNER)).json()
    assert (told["waiting"], told["unreachable"], told["log"][0]["error"]) == (1, 0, "status 503")


async def test_the_books_are_for_the_account_only(tmp_path: Path) -> None:
    one = provider(tmp_path, "http://127.0.0.1:1/x")
    for method, path in (
        ("GET", "/v1/webhook"),
        ("PUT", "/v1/webhook"),
        ("POST", "/v1/deliveries/redeliver"),
    ):
        assert (await ask(one, method, path)).status == 403


async def test_a_payment_is_asked_of_the_provider_that_told_of_it(tmp_path: Path) -> None:
    told: list[str] = []

    async def page(request: Request) -> Response:
        told.append(request.path)
        known = request.path.endswith("pay_1")
        return json_response({"order": 7, "status": "paid"}, 200 if known else 404)

    _, port = free_address()
    await serve(page, port)
    path = tmp_path / "api.yaml"
    primary, fallback = {"url": f"http://127.0.0.1:{free_address()[1]}"}, {"url": f"http://127.0.0.1:{port}"}
    path.write_text(
        yaml.safe_dump({"upstream": {"active": "primary", "primary": primary, "fallback": fallback}})
    )
    config = Config(path)
    config.load()
    made = Upstream(config, "k")
    assert await asyncio.to_thread(made.payment, "fallback", "pay_1") == {"order": 7, "status": "paid"}
    assert await asyncio.to_thread(made.payment, "fallback", "../pay_2") is None
    assert await asyncio.to_thread(made.payment, "nobody", "pay_1") is None
    assert told == ["/v1/payments/pay_1", "/v1/payments/..%2Fpay_2"]
    for _ in range(9):
        with pytest.raises(UpstreamError):
            await asyncio.to_thread(made.payment, "primary", "pay_1")
    assert made.breaker_state == "closed"
