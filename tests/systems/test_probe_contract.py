"""What holds for every probe in the registry, whatever it reads."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from systems.probes import PROBES
from systems.probes.base import FileProbe, Probe
from systems.readings import Reading
from systems.services import LoadedSystem

from .helpers import Clock, closed_port, make_system, silent_server


def everything(base: Path, address: str) -> LoadedSystem:
    """A system in which every probe has something to read, and all of it is dead."""
    dsn = f"postgresql://u:p@{address}/d"
    service: dict[str, Any] = {
        "kind": "http",
        "unit": "s",
        "http": {"url": f"http://{address}/", "timeout_s": 0.2},
        "ready": {"url": f"http://{address}/", "timeout_s": 0.2},
        "tcp": address,
        "state": {"tls": [address]},
        "metrics": f"http://{address}/m",
        "postgres": {"dsn": dsn},
        "redis": {"url": f"redis://{address}/0", "queues": [{"name": "q"}]},
        "config": {"file": "none.yaml", "golden": "none-either.yaml"},
        "env": {"file": "none.env", "golden": "none-either.env"},
        "release": {"link": "none"},
        "volumes": [{"path": "none"}],
        "logs": [{"file": "none.log"}],
        "readings": [
            {"name": "page", "http": f"http://{address}/", "timeout_s": 0.2, "above": 1},
            {"name": "rows", "sql": "select 1", "timeout_s": 0.2, "is_not": [2]},
            {"name": "key", "redis": "GET x", "timeout_s": 0.2, "baseline": "above"},
        ],
        "words": [{"name": "quota", "pattern": "quota"}],
    }
    scraped = {"kind": "http", "metrics": {"promql": {"job": "s"}, "queries": {"app.rps": "sum(x)"}}}
    rule = {"name": "r", "service": "s", "url": f"http://{address}/{{key}}", "field": "x", "sql_service": "s"}
    system = make_system(
        base,
        {"s": service, "scraped": scraped},
        prometheus={"url": f"http://{address}/", "timeout_s": 0.2},
        journeys=[{"name": "j", "steps": [{"get": f"http://{address}/"}], "timeout_s": 0.2}],
        links=[
            {"name": "l", "service": "s", "source": "s", "target": "s", "address": address, "direct": address}
        ],
        consistency=[{**rule, "sql": "select 1, 1"}],
        near=True,
    )
    system.runtime._units.clear()  # type: ignore[attr-defined]
    return system


def bad(reading: Reading, kind: str) -> bool:
    """Unknown, or a measured failure; never a made-up good value."""
    failing = reading.metric.endswith((".ok", ".valid")) and reading.value == 0
    neutral = (
        reading.metric.startswith("log.")
        or reading.label == "quota"
        or reading.metric
        in (
            "config.drift",
            "env.drift",
            "link.direct_ok",
        )
    )
    taken = kind == "silent" and reading.metric.startswith("tcp.")  # the port is open, that much is true
    return reading.value is None or failing or neutral or taken


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("kind", ["refused", "silent"])
async def test_a_dead_source_gives_unknown_or_failed_readings_and_no_exception(
    tmp_path: Path, name: str, kind: str
) -> None:
    async with silent_server() as silent:
        system = everything(tmp_path, silent if kind == "silent" else closed_port())
        probes, mine = (
            PROBES[name].build(system, Clock()),
            {"prometheus": "scraped", "host": "host"}.get(name, "s"),
        )
        assert probes, "the system of this test gives the probe nothing to read"
        for probe in probes:
            probe.timeout_s = min(probe.timeout_s, 0.6)
            assert probe.applies(system.service(mine))
            readings = await probe.observe(system, system.service(mine))
            assert readings, "silence is not a reading"
            assert all(bad(r, kind) for r in readings), readings
            assert {r.service for r in readings} == {mine}
            await probe.close()


@pytest.mark.parametrize("name", PROBES)
async def test_a_probe_is_named_as_in_the_registry_and_ignores_what_is_not_its_own(
    tmp_path: Path, name: str
) -> None:
    kind = PROBES[name]
    assert kind.name == name
    system = make_system(tmp_path, {"bare": {"kind": "x"}})
    for probe in kind.build(system, Clock()):
        assert not probe.applies(system.service("bare"))
        assert probe.interval_s > 0
        assert probe.timeout_s > 0
        await probe.close()


class Broken(Probe):
    """Works once, then breaks in a way nobody thought of."""

    name = "broken"
    main = ("x.main",)

    def applies(self, service: Any) -> bool:
        return True

    async def measure(self, system: LoadedSystem, service: Any) -> list[Reading]:
        self.main_calls = getattr(self, "main_calls", 0) + 1
        if self.main_calls > 1:
            raise ZeroDivisionError("oops")
        return [
            Reading("s", "x.one", 1.0),
            Reading("s", "x.two", 2.0, label="l"),
            Reading("s", "log.template", 1.0),
        ]


async def test_everything_read_before_becomes_unknown_when_a_probe_breaks(tmp_path: Path) -> None:
    system = make_system(tmp_path, {"s": {"kind": "x"}})
    probe = Broken(Clock())
    await probe.observe(system, system.service("s"))
    found = await probe.observe(system, system.service("s"))
    assert [(r.metric, r.label, r.value, r.text) for r in found] == [
        ("x.main", "", None, "oops"),
        ("x.one", "", None, "oops"),
        ("x.two", "l", None, "oops"),
    ]


async def test_a_read_that_hangs_in_its_thread_is_not_started_again(tmp_path: Path) -> None:
    import threading

    release, started = threading.Event(), []

    class Hanging(FileProbe):
        name = "hanging"
        timeout_s = 0.1
        main = ("x.main",)

        def applies(self, service: Any) -> bool:
            return True

        def read(self, system: LoadedSystem, service: Any) -> list[Reading]:
            started.append(1)
            release.wait(10)
            return [Reading("s", "x.main", 1.0)]

    system = make_system(tmp_path, {"s": {"kind": "x"}})
    probe = Hanging(Clock())
    try:
        first = await probe.observe(system, system.service("s"))
        second = await probe.observe(system, system.service("s"))
    finally:
        release.set()
    assert [r.value for r in first + second] == [None, None]
    assert second[0].text == "the last read still hangs"
    assert len(started) == 1
    await asyncio.sleep(0)
