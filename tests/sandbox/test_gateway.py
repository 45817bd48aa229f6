"""The proxy's parts: limits, breaker, pools, routing and retry, against real servers of its own kind."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.shop.gateway import limits
from sandbox.shop.gateway.limits import Limiter
from sandbox.shop.gateway.pools import Breaker, Pool
from sandbox.shop.gateway.proxy import Gateway
from sandbox.shop.kit.config import Config
from sandbox.shop.kit.http import Request, Response, json_response, serve


def config(tmp_path: Path, data: dict[str, Any]) -> Config:
    path = tmp_path / "gateway.yaml"
    path.write_text(yaml.safe_dump(data))
    made = Config(path)
    made.load()
    return made


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def replica(name: str, status: int = 200, seen: list[Request] | None = None) -> str:
    async def handle(request: Request) -> Response:
        if seen is not None:
            seen.append(request)
        return json_response({"from": name}, status)

    port = free_port()
    await serve(handle, port)
    return f"http://127.0.0.1:{port}"


def gateway(tmp_path: Path, *urls: str, **more: Any) -> Gateway:
    members = [{"name": f"m{n}", "url": url} for n, url in enumerate(urls)]
    data = {"routes": [{"prefix": "/api/", "pool": "api"}], "pools": {"api": {"members": members}}, **more}
    made = Gateway(config(tmp_path, data))
    made.apply()
    return made


def ask(path: str = "/api/x", method: str = "GET", **headers: str) -> Request:
    return Request(method, path, {name.replace("_", "-"): value for name, value in headers.items()})


async def test_a_dead_replica_costs_no_request(tmp_path: Path) -> None:
    made = gateway(tmp_path, f"http://127.0.0.1:{free_port()}", await replica("good"))
    answers = [await made.handle(ask()) for _ in range(6)]
    assert [a.status for a in answers] == [200] * 6
    assert made.pools["api"].members[1].served == 6


async def test_a_post_that_was_refused_may_be_tried_elsewhere(tmp_path: Path) -> None:
    made = gateway(tmp_path, f"http://127.0.0.1:{free_port()}", await replica("good"))
    assert {(await made.handle(ask(method="POST"))).status for _ in range(4)} == {200}


async def test_503_of_one_replica_is_asked_of_the_other_for_reads_only(tmp_path: Path) -> None:
    made = gateway(tmp_path, await replica("bad", 503), await replica("good"))
    assert {(await made.handle(ask())).status for _ in range(4)} == {200}
    assert {(await made.handle(ask(method="POST"))).status for _ in range(4)} == {200, 503}


async def test_nobody_left(tmp_path: Path) -> None:
    made = gateway(tmp_path, f"http://127.0.0.1:{free_port()}")
    made.pools["api"].members[0].up = False
    answer = await made.handle(ask())
    assert answer.status == 503
    assert answer.json()["error"] == "no healthy upstream"


async def test_the_breaker_opens_answers_at_once_and_closes_after_a_good_try(tmp_path: Path) -> None:
    url = await replica("good")
    made = gateway(
        tmp_path, f"http://127.0.0.1:{free_port()}", breaker={"failures": 2, "reset_timeout_s": 0.0}
    )
    for _ in range(3):
        assert (await made.handle(ask())).status == 502
    breaker = made.pools["api"].breaker
    assert breaker.state == "open"
    made.config.data["breaker"]["reset_timeout_s"] = 3600
    assert (await made.handle(ask())).json()["error"] == "circuit open"
    made.pools["api"].members[0].url = url
    made.config.data["breaker"]["reset_timeout_s"] = 0.0
    assert (await made.handle(ask())).status == 200
    assert breaker.state == "closed"


async def test_a_loop_ends(tmp_path: Path) -> None:
    port = free_port()
    made = gateway(tmp_path, f"http://127.0.0.1:{port}", rate_limit={"rps": 1000})
    await serve(made.handle, port)
    answer = await made.handle(ask())
    assert answer.status == 508
    assert b'http_requests_total{method="GET",route="/api/",status="508"} 17.0' in made.metrics.text()


async def test_request_id_and_hops_reach_the_replica(tmp_path: Path) -> None:
    seen: list[Request] = []
    made = gateway(tmp_path, await replica("good", seen=seen))
    answer = await made.handle(ask(x_request_id="abc"))
    assert seen[0].headers["x-request-id"] == "abc"
    assert seen[0].headers["x-hops"] == "1"
    assert answer.headers["X-Request-Id"] == "abc"


async def test_a_pool_can_be_sent_to_another_until_the_next_reload(tmp_path: Path) -> None:
    made = gateway(tmp_path, await replica("first"))
    spare = await replica("spare")
    made.config.data["pools"]["spare"] = {"members": [{"name": "s", "url": spare}]}
    made.apply()
    made.overrides["api"] = "spare"
    assert (await made.handle(ask())).json()["from"] == "spare"
    made.apply()
    assert (await made.handle(ask())).json()["from"] == "first"


def test_one_client_can_be_held_back_alone(tmp_path: Path) -> None:
    limiter = Limiter(config(tmp_path, {"rate_limit": {"rps": 1000, "burst": 1000, "per_key": {"hog": 2}}}))
    assert [limiter.admit("hog") for _ in range(4)] == ["in", "in", "limit", "limit"]
    assert {limiter.admit("other") for _ in range(20)} == {"in"}
    assert limiter.rejected == {"hog": 2}


def test_the_shared_bucket_is_shared(tmp_path: Path) -> None:
    limiter = Limiter(config(tmp_path, {"rate_limit": {"rps": 0.001, "burst": 3}}))
    assert [limiter.admit(key) for key in "abcd"] == ["in", "in", "in", "limit"]


def test_reload_keeps_what_is_known_about_members(tmp_path: Path) -> None:
    made = config(tmp_path, {})
    spec = {"members": [{"name": "m", "url": "http://127.0.0.1:1"}], "health": {"fall": 1}}
    old, new = Pool("api", spec, made), Pool("api", spec, made)
    old.members[0].failed("gone", old.fall)
    new.adopt(old)
    assert not new.members[0].up
    assert new.breaker is old.breaker


@pytest.mark.parametrize("used", [True, False])
def test_a_breaker_may_be_unused(tmp_path: Path, used: bool) -> None:
    breaker = Breaker("p", config(tmp_path, {"breaker": {"failures": 1}}), used=used)
    breaker.failure()
    assert breaker.allows() is not used


def at_a_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **limit: float
) -> tuple[Limiter, Callable[[float], None]]:
    """A door at which one regular visitor comes twice a second for 20 s; and what lets time pass."""
    clock = [1000.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: clock[0])
    limiter = Limiter(config(tmp_path, {"rate_limit": {"rps": 1000, "burst": 1000, **limit}}))

    def wait(seconds: float) -> None:
        clock[0] += seconds

    for _ in range(40):
        wait(0.5)
        assert limiter.admit("early") == "in"
    return limiter, wait


CROWD = [f"new-{n}" for n in range(20)]


def test_newcomers_wait_while_those_who_were_here_go_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter, wait = at_a_door(tmp_path, monkeypatch, newcomers_rps=2)
    for _ in range(8):
        wait(1)
        assert {limiter.admit(key) for key in CROWD} == {"in"}
    limiter.room.set("shed")
    assert limiter.room.mode == "shed"
    assert [limiter.admit(key) for key in CROWD].count("wait") == 18
    assert [limiter.admit("early") for _ in range(20)] == ["in"] * 20
    wait(1)
    assert [limiter.admit(key) for key in CROWD].count("in") == 2, "a few go in each second"
    wait(limits.EMPTY_S + 1)
    assert limiter.admit("new-1") == "in" and limiter.room.mode == "open", (
        "nobody waited for long: it is over"
    )


def test_where_nothing_rose_who_is_here_for_minutes_is_no_newcomer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter, wait = at_a_door(tmp_path, monkeypatch, newcomers_rps=1)
    for _ in range(2 * limits.KNOWN_S + 20):
        wait(0.5)
        limiter.admit("regular")
    limiter.admit("new")
    limiter.room.set("shed")
    assert [limiter.admit("regular") for _ in range(5)] == ["in"] * 5
    assert [limiter.admit("new") for _ in range(3)] == ["in", "wait", "wait"]
    limiter.room.set("open")
    assert limiter.admit("new") == "in"


def test_newcomers_leave_the_room_to_those_who_were_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter, wait = at_a_door(tmp_path, monkeypatch, rps=10, burst=20, newcomers_rps=5)
    for _ in range(5):
        wait(1)
        for key in CROWD:
            limiter.admit(key)
    wait(3)
    limiter.room.set("shed")
    told = []
    for _ in range(30):
        wait(0.1)
        told += [limiter.admit("early"), limiter.admit("new"), limiter.admit("new")]
    assert set(told[::3]) == {"in"}
    assert "limit" not in told and told.count("wait") > 30
