"""The probe of declared readings, against a real database, a real Redis, real HTTP and a command."""

from __future__ import annotations

import asyncio
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from systems.declared.asking import MOST_LABELS
from systems.probes import build_all
from systems.probes.declared import DeclaredProbe
from systems.readings import Reading
from systems.runtimes.base import ExecResult
from systems.services import LoadedSystem
from systems.watch import SystemWatch
from tests.systems.helpers import Clock, http_server, make_system, one, silent_server

STORES: dict[str, dict[str, Any]] = {
    "db": {"kind": "postgres", "postgres": {"dsn": os.environ["DATABASE_URL"]}},
    "cache": {"kind": "redis", "redis": {"url": os.environ["REDIS_URL"]}},
}


class Bench:
    """One service with readings, looked at on a clock of its own."""

    def __init__(self, base: Path, *readings: dict[str, Any], **more: Any) -> None:
        self.clock = Clock()
        app = {"kind": "http", "unit": "app", "readings": list(readings)}
        self.system = make_system(base, {"app": app, **STORES}, **more)
        self.probe = DeclaredProbe(self.clock)

    async def look(self, ahead: float = 5.0) -> list[Reading]:
        found = await self.probe.observe(self.system, self.system.service("app"))
        self.clock.at += ahead
        return found

    async def answered(self) -> list[Reading]:
        """The first answers, however slow the machine is."""
        found = await self.look(0)
        for _ in range(60):
            if not any(r.text == "no answer yet" for r in found):
                break
            await asyncio.sleep(0.1)
            found = await self.look(0)
        self.clock.at += 5
        return found


@pytest.fixture
def key() -> Iterator[str]:
    name = f"declared:{uuid.uuid4().hex}"
    yield name
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.delete(name)


async def test_the_four_ways_to_ask(tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.set(key, 3)
    async with http_server(lambda *_: (200, {"state": "open"})) as url:
        bench = Bench(
            tmp_path,
            {"name": "backlog", "sql": "select 5312", "on": "db", "class": "flow", "above": 1000, "hold": 1},
            {"name": "breaker", "http": url, "path": "state", "is_not": "closed", "hold": 1, "severity": "high"},
            {"name": "licences", "redis": f"GET {key}", "on": "cache", "below": 5, "hold": 1, "opens": False},
            {"name": "lag", "exec": ["lag", "--json"], "path": "s", "class": "slow", "baseline": "above", "unit": "s"},
            {"name": "noted", "sql": "select 'blue'", "on": "db"},
        )  # fmt: skip
        monkeypatch.setattr(bench.system.runtime, "exec", lambda *_: ExecResult(0, '{"s": 2.5}', ""))
        found = await bench.answered()
    told = {(r.metric, r.label): (r.value, r.text) for r in found}
    assert told == {
        ("own.backlog", ""): (5312.0, "5,312"),
        ("declared.flow.medium", "backlog"): (4312.0, "backlog of app is 5,312, above 1,000"),
        ("own.breaker", ""): (1.0, "open"),
        ("declared.own.high", "breaker"): (1.0, "breaker of app is open, not closed"),
        ("own.licences", ""): (3.0, "3"),
        ("declared.own.context", "licences"): (2.0, "licences of app is 3, below 5"),
        ("own.lag", ""): (2.5, "2.5 s"),
        ("declared.slow.medium.more", "lag"): (2.5, "lag of app is 2.5 s"),
        ("own.noted", ""): (1.0, "blue"),
    }


async def test_each_is_asked_at_its_own_pace(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(_: str, path: str, __: bytes) -> tuple[int, Any]:
        asked.append(path)
        return 200, len(asked)

    async with http_server(answer) as url:
        bench = Bench(
            tmp_path,
            {"name": "often", "http": f"{url}/often", "every_s": 1},
            {"name": "seldom", "http": f"{url}/seldom", "every_s": 60},
        )
        await bench.answered()
        asked.clear()
        said = [r for _ in range(20) for r in await bench.look(1)]
    assert asked.count("/seldom") == 0 and 8 <= asked.count("/often") <= 20
    seldom = [r for r in said if r.metric == "own.seldom"]
    assert len(seldom) == 1, "what is asked seldom is said again, so that it does not count as not read"


async def test_a_slow_one_holds_up_no_other(tmp_path: Path) -> None:
    async with silent_server() as silent, http_server(lambda *_: (200, 7)) as url:
        bench = Bench(
            tmp_path,
            {"name": "mute", "http": f"http://{silent}/", "timeout_s": 2, "above": 1},
            {"name": "quick", "http": url},
            {"name": "here", "sql": "select 1", "on": "db"},
            {"name": "sleepy", "sql": "select pg_sleep(20)", "on": "db", "timeout_s": 0.5},
        )
        began = time.monotonic()
        found = await bench.look(0)
        assert time.monotonic() - began < 1.9
        assert one(found, "own.mute").value is None
        for _ in range(40):
            found += await bench.look(0)
            if any(r.metric == "own.mute" and "timeout" in r.text.lower() for r in found):
                break
            await asyncio.sleep(0.1)
    told = {r.metric: (r.value, r.text) for r in found}
    assert told["own.quick"][0] == 7 and told["own.here"][0] == 1
    assert told["own.mute"][0] is None and "timed out" in told["own.mute"][1]
    assert told["own.sleepy"][0] is None and "statement timeout" in told["own.sleepy"][1]


async def test_what_never_answers_is_unknown_after_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, {"name": "lag", "exec": ["lag"], "above": 1, "hold": 1})
    answers: list[Callable[[], ExecResult]] = [lambda: ExecResult(0, "2", "")]
    monkeypatch.setattr(bench.system.runtime, "exec", lambda *_: answers[0]())
    assert one(await bench.answered(), "declared.own.medium").value == 1

    ends = threading.Event()

    def hangs() -> ExecResult:
        ends.wait(60)
        return ExecResult(0, "3", "")

    answers[0] = hangs
    assert await bench.look(9) == []
    assert [(r.metric, r.value, r.text) for r in await bench.look(1)] == [
        ("own.lag", None, "no answer in 5 s"),
        ("declared.own.medium", None, "no answer in 5 s"),
    ]
    assert await bench.look(1) == [], "it is not asked again before it has answered"
    ends.set()
    found: list[Reading] = []
    for _ in range(60):
        found += await bench.look(0.1)
        if any(r.value == 3 for r in found):
            break
        await asyncio.sleep(0.05)
    assert found[-1].value == 2, "by how much 3 is above 1"


async def test_what_cannot_be_asked_is_unknown_with_why(tmp_path: Path) -> None:
    bench = Bench(
        tmp_path,
        {"name": "gone", "http": "http://127.0.0.1:9/", "above": 1},
        {"name": "wrong", "sql": "select * from nowhere", "on": "db"},
        {"name": "writes", "redis": "SET x 1", "on": "cache"},
        {"name": "odd", "sql": "select 'x'", "on": "db", "below": 1},
        {"name": "none", "sql": "select 1 where false", "on": "db"},
    )
    told = {r.metric: (r.value, r.text) for r in await bench.answered()}
    for metric, words in {
        "own.gone": "refused", "declared.own.medium": "is no number", "own.wrong": '"nowhere" does not exist',
        "own.writes": "no command that only looks", "own.none": "it answered nothing",
    }.items():  # fmt: skip
        assert told[metric][0] is None and words in told[metric][1], told


async def test_one_series_a_label_and_what_is_gone_clears(tmp_path: Path) -> None:
    table: dict[str, int] = {"eu": 9, "us": 1}
    async with http_server(lambda *_: (200, dict(table))) as url:
        bench = Bench(tmp_path, {"name": "depth", "http": url, "above": 5, "hold": 1})
        found = await bench.answered()
        assert {r.label: r.value for r in found if r.metric == "own.depth"} == {"eu": 9, "us": 1}
        assert one(found, "declared.own.medium", "depth eu").text == "depth of app (eu) is 9, above 5"
        del table["eu"]
        looks = [await bench.look() for _ in range(5)]
    gone = [[r.value for r in look if r.label == "depth eu"] for look in looks]
    assert gone == [[0.0], [0.0], [0.0], [], []]


async def test_labels_are_bounded_and_those_known_stay(tmp_path: Path) -> None:
    table = {f"l{n}": n for n in range(MOST_LABELS)}
    async with http_server(lambda *_: (200, dict(table))) as url:
        bench = Bench(tmp_path, {"name": "depth", "http": url})
        await bench.answered()
        table = {"new": 1, **table}
        found = await bench.look()
    assert {r.label for r in found} == {f"l{n}" for n in range(MOST_LABELS)}


async def test_secrets_are_masked_and_it_can_be_switched_off(tmp_path: Path) -> None:
    (tmp_path / "s.env").write_text("TOKEN=abcdefghij\n")
    async with http_server(lambda *_: (200, {"said": "Bearer abcdefghij"})) as url:
        bench = Bench(tmp_path, {"name": "said", "http": url, "path": "said"}, secrets="s.env")
        watch = SystemWatch(bench.system, bench.clock, time.time)
        found: list[Reading] = []
        for _ in range(40):
            await watch.start_due()
            await watch.settle(2)
            found += watch.take()
            if any(r.metric == "own.said" and r.value for r in found):
                break
            bench.clock.at += 1
            await asyncio.sleep(0.05)
        await watch.close()
    assert [r.text for r in found if r.metric == "own.said" and r.value] == ["Bearer •••"]
    blind = LoadedSystem(bench.system.manifest, tmp_path, bench.system.runtime, blind=frozenset({"declared"}))
    assert not [p for p in build_all(blind, bench.clock) if p.name == "declared"]
