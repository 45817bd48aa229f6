"""A service that cannot start because a stranger has its port, and a machine that others use up: they are named, and
nothing is started again and again."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.management import create_permissions

from opsportal import wiring
from systems.probes import journeys
from systems.probes.host import HostProbe
from systems.runtimes import fake
from tests import runbooks
from tests.outside import quiet
from tests.outside.ward import Clock, Ward
from tests.systems.helpers import closed_port

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="of Linux")
BUSY = "load 11.2 on 2 cores; most: pid 4711 (cc1plus) 98 %"


@pytest.fixture
def port() -> int:
    return int(closed_port().rpartition(":")[2])


@pytest.fixture
def near(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, port: int
) -> Iterator[Ward]:
    """A ward whose units count as being of this machine; api-1 listens on `port`."""
    settings.OPSPORTAL_DATA = tmp_path / "data"
    for app in apps.get_app_configs():  # another test may have emptied their table
        create_permissions(app, verbosity=0)
    runbooks.load()
    manifest = quiet.MANIFEST.replace("driver: fake,", "driver: fake, near: true,").replace(
        "  api-1:\n    kind: http\n", f'  api-1:\n    kind: http\n    tcp: "127.0.0.1:{port}"\n'
    )
    clock = Clock(monkeypatch)
    made = Ward(tmp_path, f"near-{uuid.uuid4().hex[:6]}", clock, manifest)
    (tmp_path / "proc").mkdir()  # of the real machine the sockets alone: it may be busy
    (tmp_path / "proc/net").symlink_to("/proc/net")
    made.probes = (*made.probes, HostProbe(clock=clock.time, proc=tmp_path / "proc"))
    monkeypatch.setattr(journeys, "run_journey", made.run_journey)
    made.settle()
    yield made
    wiring.connect()
    fake.forget()


def dies(ward: Ward) -> None:
    """api-1 ends at every start; its peer goes on."""
    ward.runtime.crash("api-1", exit_code=1, fatal=True)
    for metric in ("http.ok", "ready.ok"):
        ward.set("api-1", metric, 0, "status 404")


def test_a_stranger_on_the_port_of_a_dead_service_is_named_and_nothing_is_started_again(
    near: Ward, port: int
) -> None:
    argv = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as stranger:
        try:
            for op in ("restart", "start"):
                near.on(op, "api-1", lambda: near.runtime.crash("api-1", exit_code=1, fatal=True))
            dies(near)
            near.look_until(lambda: near.numbers and near.incident["state"] == "handed_over")
            near.look(30)
            told = json.dumps(near.incident)
        finally:
            stranger.kill()
    assert near.calls == [], "starting it again would be in vain"
    assert near.requests() == []
    program = Path(sys.executable).name
    assert (
        f"Port {port} of api-1 is held by pid {stranger.pid} ({program} -m http.server"
        in near.incident["headline"]
    )
    assert "http.server" in told
    assert len(near.numbers) == 1


def test_with_its_port_free_it_is_simply_started_again(near: Ward) -> None:
    near.on("restart", "api-1", lambda: near.heal("api-1"))
    near.on("start", "api-1", lambda: near.heal("api-1"))
    dies(near)
    near.look_until(lambda: near.numbers and near.incident["state"] == "resolved")
    assert [call.split()[1] for call in near.calls] == ["api-1"]


def test_a_busy_machine_is_told_with_the_trouble_of_others_and_opens_nothing(near: Ward) -> None:
    near.probes = near.probes[:2]
    near.set("host", "host.cpu_pct", 99.4, BUSY)
    near.look(90)
    assert near.numbers == [], "busy is no trouble"
    near.on("restart", "api-1", lambda: near.heal("api-1"))
    dies(near)
    near.look_until(lambda: near.numbers and near.incident["state"] == "resolved")
    assert [call.split()[1] for call in near.calls] == ["api-1"]
    assert f"the machine (host) is saturated: {BUSY}" in near.titles(), "it had begun long before"


def test_a_machine_that_others_use_up_is_the_cause_and_nobody_is_restarted(near: Ward) -> None:
    near.probes = near.probes[:2]
    near.set("host", "host.cpu_pct", 100.0, BUSY)
    waits = "api-1 81% of the time; others use 95 % of the machine; most: pid 4711 (cc1plus) 98 %"
    near.set("host", "host.units_waiting", 6, waits)
    near.starved = True
    for name in ("api-1", "api-2", "web-1"):
        near.set(name, "app.p50_ms", 5000)
        near.set(name, "http.ok", 0, "no answer in 1 s")
    near.look(50)
    assert near.numbers == []
    near.look_until(lambda: near.numbers and near.incident["state"] == "handed_over", most=200)
    assert near.calls == []
    assert near.incident["diagnosis"] == "host:host_saturated"
    assert "cc1plus" in near.incident["headline"]


def test_the_dashboard_has_a_line_about_the_machine_and_no_card(near: Ward) -> None:
    near.probes = near.probes[:2]
    near.set("host", "host.cpu_pct", 34, "load 1.2 on 2 cores")
    near.set("host", "host.memory_available_pct", 61, "4.9 of 8.0 GB are free")
    near.set("host", "host.disk_used_pct", 99, "0.1 GB free", "/data")
    near.look(4)
    page = near.page("/")
    assert "34 % CPU, load 1.2 on 2 cores; memory: 4.9 of 8.0 GB are free; /data 99 % full" in page
    assert "the file system /data of the machine is nearly full" in page
    assert 'id="node-api-1"' in page
    assert 'id="node-host"' not in page
