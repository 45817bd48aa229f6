"""Figures that are made of an answer: patterns in texts, differences, shares, rates, and what stands for nothing."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from systems.declared.asking import ask
from systems.declared.calls import CallFailed, look
from systems.declared.figuring import Rising
from systems.declared.series import Series, Value, series
from systems.declared.tried import try_readings
from systems.manifest import ManifestError, parse_manifest
from systems.manifest.declared import Ask
from systems.manifest.watched import ReadingSpec
from systems.runtimes.base import ExecResult
from systems.services import LoadedSystem
from tests.systems.helpers import http_server, make_system

PAGE = "Active connections: 2 \nserver accepts handled requests\n 30 26 40 \n"


@pytest.fixture
def system(tmp_path: Path) -> LoadedSystem:
    stores: dict[str, dict[str, Any]] = {
        "db": {"kind": "postgres", "postgres": {"dsn": os.environ["DATABASE_URL"]}},
        "cache": {"kind": "redis", "redis": {"url": os.environ["REDIS_URL"]}},
    }
    return make_system(tmp_path, {"app": {"kind": "http", "unit": "app"}, **stores})


def asked(system: LoadedSystem, **reading: Any) -> Series | str:
    return ask(system, system.service("app"), ReadingSpec.model_validate({"name": "r", **reading}))


async def from_page(system: LoadedSystem, page: str, **reading: Any) -> Series | str:
    async with http_server(lambda *_: (200, page)) as url:
        return await asyncio.to_thread(asked, system, http=url, **reading)


async def test_a_pattern_finds_figures_in_a_text(system: LoadedSystem) -> None:
    assert await from_page(system, PAGE, find=r"Active connections: (\d+)") == series("2")
    both = r"(?P<accepts>\d+) (?P<handled>\d+) \d+"
    assert await from_page(system, PAGE, find=both) == series({"accepts": "30", "handled": "26"})
    assert await from_page(system, PAGE, find="(nothing)|SERVER ACCEPTS") == series("server accepts")
    assert await from_page(system, '{"a": 17}', find=r'"a": (\d+)') == series("17"), "JSON is a text then"
    less = await from_page(system, PAGE, find=both, path="accepts", minus="handled")
    share = await from_page(system, PAGE, find=both, path="handled", percent_of="accepts")
    assert isinstance(less, dict) and isinstance(share, dict)
    assert less[""] == Value(4.0, "4.0") and share[""] is not None and round(share[""].number or 0, 1) == 86.7


async def test_where_there_is_nothing_it_is_unknown_or_what_stands_for_it(system: LoadedSystem) -> None:
    assert "fits the pattern" in str(await from_page(system, "<html>", find=r"connections: (\d+)"))
    assert await from_page(system, "<html>", find=r"connections: (\d+)", absent=0) == series(0)
    assert "nothing stands at 'master_link_status'" in str(
        asked(system, redis="INFO replication", path="master_link_status", on="cache")
    )
    assert asked(
        system, redis="INFO replication", path="master_link_status", on="cache", absent="up"
    ) == series("up")
    assert asked(system, sql="select 1 where false", on="db", absent=0) == series(0)
    assert asked(system, sql="select null::int", on="db", absent=0) == series(0)
    assert "percent_of" not in str(asked(system, redis="INFO clients", path="connected_clients", on="cache"))
    zero = {"find": r"(?P<a>\d+) (?P<b>\d+)", "path": "a", "percent_of": "b"}
    assert "b is 0" in str(await from_page(system, "3 0", **zero))


async def test_what_stands_for_nothing_stands_for_no_failure(system: LoadedSystem) -> None:
    async with http_server(lambda *_: (404, "no")) as url:
        found = await asyncio.to_thread(asked, system, http=url, find="x(y)", absent=0)
    assert isinstance(found, str) and "answered 404" in found
    assert "is no number" in str(
        await from_page(system, "a b", find="(?P<x>a) (?P<y>b)", path="x", minus="y")
    )


def test_an_exit_code_may_be_an_answer(system: LoadedSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    done = {
        "good": ExecResult(0, "", "all is well"),
        "bad": ExecResult(1, "", "[emerg] no"),
        "odd": ExecResult(2, "", "x"),
    }
    monkeypatch.setattr(system.runtime, "exec", lambda unit, argv, *_: done[argv[0]])
    app = system.service("app")

    def said(word: str) -> Any:
        return look(system, app, Ask(exec=[word], exits=[0, 1], find=r"\[emerg\] (.+)|all is (well)"))

    assert (said("good"), said("bad")) == ("well", "no"), "either output is searched"
    with pytest.raises(CallFailed, match="odd ended with 2"):
        said("odd")
    with pytest.raises(CallFailed, match="bad ended with 1"):
        look(system, app, Ask(exec=["bad"], find="no"))


def test_a_counter_is_told_as_what_it_rises_by() -> None:
    rising = Rising()
    assert rising.a_second(series({"a": 10, "b": 5}), 100.0) == {}, "its first count tells nothing"
    found = rising.a_second(series({"a": 30, "b": 5, "c": 7}), 110.0)
    assert {k: v.number for k, v in found.items() if v} == {"a": 2.0, "b": 0.0}
    again = rising.a_second(series({"a": 4, "c": 7}), 120.0)
    assert {k: v.number for k, v in again.items() if v} == {"a": 0.4, "c": 0.0}, "it was started anew"
    assert rising.a_second(series({"a": 4}), 120.0) == {}, "no time has passed"
    word = rising.a_second(series("x"), 130.0)[""]
    assert word is not None and word.number is None, "what is no number is not made one"


async def test_a_first_look_says_what_is_counted_and_what_to_mend(tmp_path: Path) -> None:
    async with http_server(lambda _, path, __: (200, "17") if path == "/n" else (404, "no")) as url:
        readings = [
            {"name": "count", "http": f"{url}/n", "rate": True, "unit": "/s", "mend": "unseen"},
            {"name": "page", "http": f"{url}/page", "mend": "switch the page on"},
        ]
        system = make_system(tmp_path, {"app": {"kind": "http", "readings": readings}})
        answered, troubles = await try_readings(system, 5)
    assert answered == ["app: reading count answered 17 so far; what counts is how much it rises a second"]
    assert len(troubles) == 1 and troubles[0].endswith("answered 404: no; switch the page on")


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        ('find: "(x"', "not a regular expression"),
        ('find: "(?<!x)y"', "look-behind"),
        ('sql: "select 1", http: null, on: db, find: "xy"', "find is for the texts of http and exec"),
        ("exits: [1]", "exits belongs to exec"),
        ("minus: b", "minus and percent_of belong to a path"),
        ("percent_of: b", "minus and percent_of belong to a path"),
        ("rate: true, is: 3", "a rate is a number"),
    ],
)
def test_mistakes_are_named(reading: str, words: str) -> None:
    text = f"""system: s
runtime: {{driver: none}}
services:
  db: {{kind: postgres, postgres: {{dsn: "postgresql://a@h/d"}}}}
  app:
    kind: http
    readings:
      - {{name: r, {"" if "http" in reading else 'http: "http://h/", '}{reading}}}
"""
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text)
    assert any(p.startswith("manifest.yaml:8: ") and words in p for p in caught.value.problems), (
        caught.value.problems
    )
