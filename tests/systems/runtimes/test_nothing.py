"""The driver none: a system that is only watched."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path

import pytest

from systems.describe import describe, doubts
from systems.manifest import ManifestError, parse_manifest
from systems.probes import PROBES
from systems.probes.process import UnitProbe
from systems.runtimes import Runtime, RuntimeFailed, connect
from systems.services import LoadedSystem, from_manifest
from systems.watcher import Watcher
from tests.systems.helpers import http_server, one

TEXT = """
system: far
runtime: {driver: none}
services:
  web: {kind: http, http: {url: "URL"}}
  db: {kind: postgres, unit: null, tcp: "127.0.0.1:1"}
"""


def far(folder: Path, url: str = "http://127.0.0.1:1/") -> LoadedSystem:
    file = folder / "manifest.yaml"
    file.write_text(TEXT.replace("URL", url))
    return from_manifest(file)


def test_everything_that_needs_a_unit_is_refused_and_says_why(tmp_path: Path) -> None:
    runtime = connect("none", {}, tmp_path)
    assert (runtime.list(), runtime.specs()) == ([], {})
    given = {"sig": "HUP", "argv": ["true"], "cursor": None, "memory_mb": 5.0, "version": "1", "n": 2}
    refused = 0
    for name, member in inspect.getmembers(Runtime, inspect.isfunction):
        wanted = inspect.signature(member).parameters
        if name.startswith("_") or "unit" not in wanted:
            continue
        refused += 1
        with pytest.raises(RuntimeFailed, match=r"no unit 'web'.* only watched"):
            getattr(runtime, name)("web", **{k: v for k, v in given.items() if k in wanted})
    assert refused >= 15


async def test_its_events_never_come_and_never_end(tmp_path: Path) -> None:
    stream = connect("none", {}, tmp_path).events()
    waiting = asyncio.ensure_future(anext(stream))
    assert await asyncio.wait({waiting}, timeout=0.2) == (set(), {waiting})
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


def test_services_have_no_unit_unless_somebody_says_so_by_mistake(tmp_path: Path) -> None:
    system = far(tmp_path)
    assert [s.unit for s in system.services.values()] == [None, None]
    assert not any(UnitProbe().applies(s) for s in system.services.values())
    assert PROBES["logs"]().applies(system.service("web")) is False
    with pytest.raises(ManifestError, match=r"5: services\.web\.unit: .*driver is none"):
        parse_manifest(TEXT.replace("{kind: http,", "{kind: http, unit: web,"))
    with pytest.raises(RuntimeFailed, match="takes no options, and there are: socket"):
        connect("none", {"socket": "x"}, tmp_path)


async def test_it_is_watched_by_its_probes(tmp_path: Path) -> None:
    async with http_server(lambda *_: (200, "ok")) as url:
        system = far(tmp_path, url)
        watcher = Watcher(lambda: [system], persist=False)
        (tick,) = await watcher.tick_once()
        await watcher.close()
    assert one(tick.readings, "http.ok").value == 1.0
    assert one(tick.readings, "tcp.ok").text == "refused"
    assert not [r for r in tick.readings if r.metric.startswith(("unit.", "proc."))]


def test_it_is_described_as_what_it_is(tmp_path: Path) -> None:
    system = far(tmp_path)
    web, db, _ = describe(system)
    assert "watches http; not ours to control (runtime: none)" in web and "tcp" in db
    assert doubts(system) == []
