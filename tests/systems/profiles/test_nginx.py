"""The profile of nginx, against a real one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from systems.declared.calls import CallFailed, tell
from systems.probes.logs import LogsProbe
from systems.probes.tcp import TcpProbe
from systems.readings import Reading
from systems.services import LoadedSystem
from systems.state.sources.files import Files
from systems.tryout import try_all
from tests.systems.helpers import Clock, http_server, make_system, one
from tests.systems.profiles.conftest import Nginx
from tests.systems.profiles.looks import Bench


async def test_its_page_is_read(nginx: Nginx, tmp_path: Path) -> None:
    bench = Bench(nginx.system(tmp_path), "edge")
    first = await bench.look(0)
    assert first["own.connections", "active"].value == pytest.approx(3, abs=3)
    assert {label for metric, label in first if metric == "own.connections"} == {
        "active", "reading", "writing", "waiting",
    }  # fmt: skip
    assert (first["own.busy", ""].value or 0) >= 1
    assert first["own.requests", ""].value is None and "from now on" in first["own.requests", ""].text
    for _ in range(40):
        nginx.get("/")
    later = await bench.look(10)
    requests = later["own.requests", ""]
    assert 4 <= (requests.value or 0) <= 5, requests
    assert later["own.dropped", ""].value == 0
    assert later["declared.refuses.high", "dropped"].value == 0


async def test_what_it_drops_is_a_sign(tmp_path: Path) -> None:
    """Of a page as nginx writes it: connections cannot be dropped at will on every machine."""
    handled = iter([10, 10, 12])
    page = "Active connections: 2 \nserver accepts handled requests\n {} {} 40 \nReading: 0 Writing: 1 Waiting: 1 \n"
    accepts = iter([10, 30, 32])
    async with http_server(lambda *_: (200, page.format(next(accepts), next(handled)))) as url:
        edge = {"profile": "nginx", "address": url, "without": ["connections", "busy", "requests"]}
        bench = Bench(make_system(tmp_path, {"edge": edge}), "edge")
        await bench.look(0)
        bad, good = await bench.look(5), await bench.look(5)
    sign = bad["declared.refuses.high", "dropped"]
    assert sign.value == 4 and "edge drops connections that it has accepted: 4 /s" in sign.text
    assert good["declared.refuses.high", "dropped"].value == 0


async def test_a_page_that_is_not_switched_on_is_unknown_and_says_what_to_mend(
    bare_nginx: Nginx, tmp_path: Path
) -> None:
    system = bare_nginx.system(tmp_path)
    found = await Bench(system, "edge").look(0)
    assert found["own.connections", ""].value is None
    assert found["declared.refuses.high", "dropped"].value is None, "unknown, and no accusation"
    tried = await asyncio.to_thread(try_all, system)
    told = [line for line in tried.troubles if "reading connections" in line]
    assert told and "location = /nginx_status { stub_status; allow 127.0.0.1; deny all; }" in told[0]
    assert not any("config-test" in line for line in tried.troubles)


async def test_a_broken_configuration_is_known_before_a_reload(nginx: Nginx, tmp_path: Path) -> None:
    bench = Bench(nginx.system(tmp_path), "edge")
    good = await bench.look(0)
    assert good["own.config-test", ""].text == "test is successful"
    nginx.more.write_text("upstream u { serverr 127.0.0.1:1; }\n")
    try:
        await bench.look(31)
        bad = await bench.look(31)
        with pytest.raises(CallFailed, match="serverr"):
            _do(bench.system, "reload")
    finally:
        nginx.more.unlink()
    sign = bad["declared.own.medium", "config-test"]
    assert sign.value == 1
    assert sign.text.startswith(
        'edge would not take its configuration as it is now: unknown directive "serverr"'
    )
    again = await bench.look(31)
    assert again["declared.own.medium", "config-test"].value == 0


async def test_reload_takes_what_is_good_and_the_test_changes_nothing(nginx: Nginx, tmp_path: Path) -> None:
    system = nginx.system(tmp_path)
    before = nginx.workers()
    _do(system, "test-config")
    assert nginx.workers() == before and before
    _do(system, "reload")
    for _ in range(200):
        if nginx.workers() and not nginx.workers() & before:
            break
        await asyncio.sleep(0.05)
    assert not nginx.workers() & before, "the workers are others"
    assert nginx.get("/") == 200


def _do(system: LoadedSystem, name: str) -> None:
    """Its calls in their order, as the action makes them; the first that fails ends it."""
    edge = system.service("edge")
    (spec,) = [spec for spec in edge.actions if spec.name == name]
    for call in spec.do:
        tell(system, edge, call)


async def test_its_files_are_state(nginx: Nginx, tmp_path: Path) -> None:
    source = Files(nginx.system(tmp_path))
    nginx.more.write_text("server_tokens off;\n")
    try:
        found = {}
        for _ in range(5):  # one that was written this moment may not be whole yet
            found = {k: fact.value for facts in source.look().values() for k, fact in facts.items()}
    finally:
        nginx.more.unlink()
    assert found["nginx.conf: worker_processes"].startswith("1")
    assert found["conf.d: more.conf: server_tokens"] == "off;"


async def test_its_port_and_its_logs_are_read(nginx: Nginx, tmp_path: Path) -> None:
    system = nginx.system(tmp_path)
    edge, clock = system.service("edge"), Clock()
    assert one(await TcpProbe(clock).observe(system, edge), "tcp.ok").value == 1
    logs = LogsProbe(clock)
    await logs.observe(system, edge)
    assert nginx.get("/up") == 502
    said: list[Reading] = []
    for _ in range(40):
        clock.at += 1
        said += await logs.observe(system, edge)
        if any("Connection refused" in r.text for r in said):
            break
        await asyncio.sleep(0.1)
    assert any("Connection refused" in r.text for r in said), {r.metric for r in said}
