"""What is seen of units, administration pages, names, certificates, clocks, uses and groups."""

import asyncio
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from systems.readings import Reading
from systems.redact import MASK
from systems.runtimes.base import Setting
from systems.runtimes.docker.specs import specs_of
from systems.runtimes.fake import FakeRuntime
from systems.state.facts import Fact, Read
from systems.state.sources import build, names
from systems.state.sources.clock import OURS, Clocks
from systems.state.sources.groups import Groups
from systems.state.sources.http import Http, flatten
from systems.state.sources.names import Names
from systems.state.sources.tls import Tls
from systems.state.sources.units import Units
from systems.state.sources.uses import Uses
from systems.state.types import RUNTIME
from tests.systems.helpers import http_server, make_system
from tests.systems.state.looking import Looking


@pytest.fixture
def units(tmp_path: Path) -> tuple[Looking, FakeRuntime]:
    system = make_system(tmp_path, {"api": {"kind": "http", "unit": "api"}})
    assert isinstance(system.runtime, FakeRuntime)
    system.runtime.set_spec("api", restart_policy="always", image="shop:1.4")
    return Looking(system, Units(system)), system.runtime


async def test_how_a_unit_is_run_and_what_it_may_take(units: tuple[Looking, FakeRuntime]):
    looking, runtime = units
    assert await looking() == []
    runtime.limits("api", 64)
    runtime.set_spec("api", restart_policy="never", image="shop:1.5", **{"environment: TOKEN": "hunter2"})
    changes = {c.what: c for c in await looking()}
    assert (changes["memory limit"].kind, changes["memory limit"].before, changes["memory limit"].after) == (
        "limit", "none", "64 MB",
    )  # fmt: skip
    assert (changes["restart policy"].kind, changes["image"].kind) == ("spec", "release")
    assert changes["environment: TOKEN"].after == MASK
    runtime.set_spec("api", restart_policy="always", image="shop:1.5")
    assert len(await looking()) == 2


async def test_a_unit_that_is_started_anew_or_stopped_is_an_act(units: tuple[Looking, FakeRuntime]):
    looking, runtime = units
    await looking()
    runtime.restart("api")
    (started,) = await looking()
    assert (started.kind, started.words) == ("act", "api was started anew")
    runtime.stop("api")
    (stopped,) = await looking()
    assert stopped.words == "api was stopped"
    runtime.start("api")
    assert [(c.words, c.actor) for c in await looking()] == [("api was started anew", "")]
    runtime.crash("api")
    assert [(c.words, c.actor) for c in await looking()] == [
        ("api was started again by its runtime, after it had ended by itself", RUNTIME)
    ]


async def test_what_the_unit_file_says_now_waits_for_the_next_start(units: tuple[Looking, FakeRuntime]):
    looking, runtime = units
    await looking()
    runtime.specs = lambda: {
        "api": {"restart policy": Setting("always", "never"), "image": Setting("shop:1.4")}
    }  # type: ignore[method-assign]
    (change,) = await looking()
    assert change.pending and (change.before, change.after) == ("always", "never")


def test_containers_are_told_in_the_same_words():
    raw: dict[str, Any] = {
        "Config": {"Image": "shop:1.4", "Cmd": ["serve"], "Env": ["PORT=80"], "Labels": {}},
        "HostConfig": {"RestartPolicy": {"Name": "always"}, "NanoCpus": 500_000_000, "PidsLimit": 100},
        "NetworkSettings": {"Networks": {"back": {"Aliases": ["api"]}}},
        "Mounts": [{"Destination": "/data", "Name": "vol", "RW": True}],
        "Id": "x" * 64,
    }
    spec = {name: s.value for name, s in specs_of({"api": raw})["api"].items()}
    assert spec["restart policy"] == "always" and spec["cpus"] == "0.5" and spec["network back"] == "api"
    assert spec["mount /data"] == "vol (read and write)" and spec["environment: PORT"] == "80"


async def test_a_proxy_tells_its_pools(tmp_path: Path):
    pools: dict[str, Any] = {"api": {"sent_to": "api", "seen": 1, "members": [{"name": "a", "up": True}]}}
    async with http_server(lambda *_: (200, pools)) as url:
        state = {"http": [{"url": f"{url}/pools", "only": ["*.sent_to", "*.members.*.name"]}]}
        system = make_system(tmp_path, {"proxy": {"kind": "proxy", "state": state}})
        looking = Looking(system, Http(system, system.service("proxy")))
        assert await looking() == []
        pools["api"] |= {"sent_to": "backup", "seen": 2}
        pools["api"]["members"] = []
        assert {c.words for c in await looking()} == {
            "`api.sent_to` of proxy changed from api to backup", "`api.members.a.name` of proxy is gone; it was a",
        }  # fmt: skip
        await looking.source.close()


def test_a_list_in_another_order_is_the_same():
    a, b = {"name": "a", "w": 1}, {"name": "b", "w": 2}
    assert (
        dict(flatten([a, b]))
        == dict(flatten([b, a]))
        == {"a.name": "a", "a.w": "1", "b.name": "b", "b.w": "2"}
    )


async def test_a_name_that_resolves_elsewhere_or_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    system = make_system(tmp_path, {"db": {"kind": "x", "tcp": "db.shop.internal:5432"}})
    looking = Looking(system, Names(system))
    answers: dict[str, str | None] = {"db.shop.internal": "10.0.0.1"}
    monkeypatch.setattr(names, "resolve", answers.get)
    assert await looking() == []
    answers["db.shop.internal"] = "no such name"
    (change,) = await looking()
    assert change.words == "`db.shop.internal` of db changed from 10.0.0.1 to no such name"
    answers["db.shop.internal"] = None  # nobody could say
    assert await looking() == []


def test_names_are_asked_of_the_machine():
    assert names.resolve("localhost") is not None
    assert names.resolve("no-such-name.invalid") in ("no such name", None)


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """host:port of a server that shows what stands in the folder at each handshake."""

    def serve() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
            try:
                context.wrap_socket(client, server_side=True).close()
            except OSError:
                client.close()

    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{listening.getsockname()[1]}", tmp_path
    listening.close()


def certify(folder: Path, name: str, days: int) -> None:
    argv = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
        str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-subj", f"/CN={name}", "-days", str(days),
    ]  # fmt: skip
    subprocess.run(argv, check=True, capture_output=True)


async def test_a_certificate_that_is_replaced_and_one_that_has_run_out(tls_server: tuple[str, Path]):
    end, folder = tls_server
    certify(folder, "shop", 30)
    system = make_system(folder, {"web": {"kind": "x", "state": {"tls": [end]}}})
    looking = Looking(system, Tls(system))
    assert await looking() == []
    certify(folder, "other", 1)
    (change,) = await looking()
    assert (
        change.kind == "certificate"
        and "CN=shop" in (change.before or "")
        and "CN=other" in (change.after or "")
    )
    later = Looking(system, Tls(system))
    read = await later.source.read()
    (fact,) = read["web", f"tls {end}"].values()
    assert fact.ends is not None
    assert [c.kind for c in later.settled.take(read, fact.ends + 1, fact.ends + 2, _nothing_hidden)] == [
        "deadline"
    ]


def _nothing_hidden() -> Any:
    from systems.redact import Redactor

    return Redactor()


async def test_the_clock_that_differs_from_most_is_the_one_that_is_off(tmp_path: Path):
    system = make_system(tmp_path, {n: {"kind": "x", "http": {"url": "http://x"}} for n in ("a", "b", "c")})
    clocks = Clocks(system)
    offsets = {"a": 0.3, "b": 0.1, "c": 61.0}

    async def told(service: Any) -> float:
        return offsets[service.name]

    clocks._offset = told  # type: ignore[method-assign,assignment]
    read = await clocks.read()
    assert (
        read["c", "clock"]["clock"].value == "about 80 s ahead" or "60 s" in read["c", "clock"]["clock"].value
    )
    assert read["a", "clock"]["clock"].value == read[OURS, "clock"]["clock"].value == "in step"
    offsets.update(a=-60.0, b=-60.2, c=-59.9)
    read = await clocks.read()
    assert read["a", "clock"]["clock"].value == "in step"
    assert read[OURS, "clock"]["clock"].value == "about 60 s ahead"
    await clocks.close()


async def test_a_use_that_reaches_its_limit_is_told_once_and_again_when_it_falls(tmp_path: Path):
    system = make_system(tmp_path, {"db": {"kind": "x"}})
    uses = Uses(lambda: {"db": 100})
    looking = Looking(system, uses)
    said = []
    for share in (50, 95, 96, 91, 85, 95, 70, 95, 60):
        uses.feed(
            [Reading("db", "disk.used_pct", float(share), label="/data"), Reading("db", "proc.fds", 5.0)]
        )
        said += await looking.words()
    assert said == [
        "`disk space (/data)` of db changed from below its limit to near its limit",
        "`disk space (/data)` of db changed from near its limit to below its limit",
    ]


async def test_a_group_that_is_not_alike_any_more(tmp_path: Path):
    system = make_system(tmp_path, {n: {"kind": "x", "group": "api"} for n in ("api-1", "api-2")})
    now = [0.0]
    values = {"api-1": "INFO", "api-2": "INFO"}
    roles = {"api-1": "primary", "api-2": "standby"}

    def latest() -> list[Read]:
        return [
            {(m, "file"): {"log.level": Fact(v, "config"), "primary or standby": Fact(roles[m], "act")}}
            for m, v in values.items()
        ]

    looking = Looking(system, Groups(system, latest, lambda: now[0]))
    assert await looking() == []
    values["api-1"] = "DEBUG"
    assert await looking() == []  # the other one may be next
    now[0] += 5
    (change,) = await looking()
    assert change.kind == "invariant" and change.component == "api"
    assert change.words.endswith("changed from alike to DEBUG on api-1, INFO on api-2")
    roles["api-2"] = "primary"
    await looking()
    now[0] += 5
    assert "2 (api-1, api-2)" in (await looking())[0].words


async def test_what_there_is_to_read_follows_from_the_manifest(tmp_path: Path):
    system = make_system(tmp_path, {"a": {"kind": "x"}})
    assert [s.name for s in build(system).every] == ["files", "units", "uses"]
    await asyncio.gather(*(s.close() for s in build(system).every))
