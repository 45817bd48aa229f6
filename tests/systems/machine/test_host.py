"""What the machine has left: the real one, and ones made of files."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from systems.graph import HOST
from systems.machine import disks, gauges
from systems.machine.part import Machine
from systems.machine.processes import Processes
from systems.probes.host import HostProbe
from systems.readings import Reading
from systems.runtimes.base import UnitState
from systems.runtimes.proctable import Row
from systems.services import LoadedSystem
from systems.watch import SystemWatch
from tests.systems.helpers import Clock, make_system, one

pytestmark = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="of Linux")


def system_of(base: Path, units: int = 1, **more: Any) -> LoadedSystem:
    services: dict[str, Any] = {f"s{n}": {"kind": "http", "unit": f"s{n}"} for n in range(units)}
    system = make_system(base, services, near=True, **more)
    for name in services:  # as if this very process were each of them
        system.runtime.set_state(name, pid=os.getpid())  # type: ignore[attr-defined]
    return system


def look(probe: HostProbe, system: LoadedSystem) -> list[Reading]:
    assert system.machine is not None
    return probe.read(system, system.machine)


# -- the part ------------------------------------------------------------------------------------------------------


def test_the_machine_is_a_part_only_where_units_are_of_it(tmp_path: Path) -> None:
    system = system_of(tmp_path)
    assert isinstance(system.machine, Machine) and system.service("host") is system.machine
    assert system.graph.kinds["host"] == HOST and "host" not in system.services
    assert make_system(tmp_path, {"s": {"kind": "http", "unit": "s"}}).machine is None, "elsewhere"
    assert make_system(tmp_path, {"s": {"kind": "http"}}, near=True).machine is None, "no units"
    assert system_of(tmp_path, host="off").machine is None
    named = make_system(tmp_path, {"host": {"kind": "http", "unit": "host"}}, near=True)
    assert named.machine is not None and named.machine.name == "host-machine"


def test_what_it_is_short_of_reaches_its_units_and_nothing_is_sought_there(tmp_path: Path) -> None:
    services = {
        "web": {"kind": "http", "unit": "web", "depends_on": ["api"]},
        "api": {"kind": "http", "unit": "api"},
        "bank": {"kind": "external"},
    }
    graph = make_system(tmp_path, services, near=True).graph
    assert dict(graph.callers(["host"])) == {"web": 1, "api": 1}
    assert dict(graph.dependencies(["web"])) == {"api": 1}
    assert dict(graph.callers(["api"])) == {"web": 1}
    assert graph.near(["api"], 3) == {"api", "web"}
    assert graph.part("host") == graph.part("web") != graph.part("bank")


# -- the real one --------------------------------------------------------------------------------------------------


def test_the_real_machine_is_told_plausibly_and_cheaply(tmp_path: Path) -> None:
    system, probe = system_of(tmp_path), HostProbe()
    first = {r.metric: r for r in look(probe, system)}
    time.sleep(0.1)
    began = time.thread_time()
    second = {r.metric: r.value for r in look(probe, system)}
    spent = time.thread_time() - began
    assert first["host.cpu_pct"].value is None, "of one look nothing is known"
    assert 0 <= (second["host.cpu_pct"] or 0) <= 100
    assert first["host.load1"].value is not None
    for name in ("memory_available_pct", "fds_used_pct", "pids_used_pct"):
        value = first[f"host.{name}"].value
        assert value is not None and 0 <= value <= 100, name
    assert 0 < (first["host.disk_used_pct"].value or 0) <= 100
    assert first["host.disk_used_pct"].text.endswith("GB free")
    assert " of " in first["host.memory_available_pct"].text
    if Path("/proc/pressure/io").exists():
        assert 0 <= (first["host.psi_io_full"].value or 0) <= 100
    assert {r.service for r in first.values()} == {"host"}
    assert spent < 0.1


async def test_clocks_of_the_stores_are_compared(tmp_path: Path) -> None:
    services = {
        "s": {"kind": "http", "unit": "s"},
        "db": {"kind": "postgres", "postgres": {"dsn": os.environ["DATABASE_URL"]}},
        "cache": {"kind": "redis", "redis": {"url": os.environ["REDIS_URL"]}},
        "dead": {"kind": "redis", "redis": {"url": "redis://127.0.0.1:1/0"}},
    }
    system = make_system(tmp_path, services, near=True)
    assert system.machine is not None
    found = await HostProbe().observe(system, system.machine)
    right = one(found, "host.clock_offset_s")
    assert abs(right.value or 0) < 2 and right.text == "against cache, db"
    ahead = HostProbe(now=lambda: time.time() + 90)
    off = one(await ahead.observe(system, system.machine), "host.clock_offset_s")
    assert off.value == pytest.approx(90, abs=2)
    assert one(found, "host.clock_synced").value in (0.0, 1.0)


def test_where_no_unit_is_seen_to_be_of_it_nothing_is_told(tmp_path: Path) -> None:
    system = system_of(tmp_path)
    system.runtime.near = False  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="none of the units"):
        look(HostProbe(), system)


def test_a_runtime_that_falls_silent_does_not_hide_the_machine(tmp_path: Path) -> None:
    system, probe = system_of(tmp_path), HostProbe()
    look(probe, system)
    system.runtime.list = _silent  # type: ignore[method-assign]
    assert one(look(probe, system), "host.load1").value is not None


def _silent() -> list[UnitState]:
    from systems.runtimes.base import RuntimeFailed

    raise RuntimeFailed("no answer")


def test_a_port_of_a_service_that_somebody_else_holds(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        services = {"api": {"kind": "http", "unit": "api", "tcp": f"127.0.0.1:{port}"}}
        system = make_system(tmp_path, services, near=True)
        system.runtime.crash("api", fatal=True)  # type: ignore[attr-defined]
        found = one(look(HostProbe(), system), "port.taken", str(port))
        assert (found.service, found.value) == ("api", 1.0)
        assert f"pid {os.getpid()} (" in found.text


# -- ones made of files --------------------------------------------------------------------------------------------


class Made:
    """A /proc of files: `busy` and `idle` ticks so far, and what else is written into it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.busy, self.idle = folder, 0, 0
        for name in ("pressure", "sys/fs", "sys/kernel", "net"):
            (folder / name).mkdir(parents=True)
        self.write("sys/kernel/pid_max", "1000")
        self.spend(0, 0)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def spend(self, busy: int, idle: int) -> None:
        self.busy, self.idle = self.busy + busy, self.idle + idle
        self.write("stat", f"cpu {self.busy} 0 0 {self.idle} 0 0 0 0 0 0\ncpu0 0\n")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path / "proc")


def test_every_figure_from_files(tmp_path: Path, made: Made) -> None:
    made.write("loadavg", "3.00 2.00 1.00 4/250 999\n")
    made.write(
        "meminfo",
        "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 250 kB\nSwapTotal: 100 kB\nSwapFree: 10 kB\n",
    )
    made.write(
        "pressure/memory",
        "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=7.25 avg60=0 total=1\n",
    )
    made.write("sys/fs/file-nr", "900\t0\t1000\n")
    probe, system = HostProbe(proc=made.folder), system_of(tmp_path)
    look(probe, system)
    made.spend(75, 25)
    told = {r.metric: r.value for r in look(probe, system)}
    assert told["host.cpu_pct"] == 75.0
    assert told["host.load1"] == pytest.approx(3 / (os.cpu_count() or 1), abs=0.01)
    assert (told["host.memory_available_pct"], told["host.swap_used_pct"]) == (25.0, 90.0)
    assert (told["host.psi_memory"], told["host.psi_memory_full"]) == (12.5, 7.25)
    assert (told["host.fds_used_pct"], told["host.pids_used_pct"]) == (90.0, 25.0)
    assert "host.psi_io" not in told, "what the kernel does not measure is not told"


def test_a_machine_that_tells_nothing_is_unknown_and_not_well(tmp_path: Path, made: Made) -> None:
    (made.folder / "stat").unlink()
    probe, system = HostProbe(proc=made.folder), system_of(tmp_path)
    look(probe, system)
    told = {r.metric: r.value for r in look(probe, system) if not r.label}
    assert {
        name: told[name] for name in ("host.cpu_pct", "host.load1", "host.memory_available_pct")
    } == dict.fromkeys(("host.cpu_pct", "host.load1", "host.memory_available_pct"))


@pytest.mark.parametrize("text", ["", "garbage", "cpu a b c d\n", "cpu\n"])
def test_odd_files_are_unknown(made: Made, text: str) -> None:
    for name in (
        "stat",
        "meminfo",
        "loadavg",
        "pressure/cpu",
        "sys/fs/file-nr",
        "sys/net/ipv4/ip_local_port_range",
    ):
        made.write(name, text)
    proc = made.folder
    assert (gauges.memory(proc), gauges.load(proc), gauges.files(proc), gauges.ephemeral(proc)) == (None,) * 4
    assert gauges.times(proc) is None and gauges.pressure("cpu", proc) == {}


# -- who takes it --------------------------------------------------------------------------------------------------


class Neighbours:
    """Processes by hand: pid -> (seconds of CPU, parent). Unit `s0` is pid 10, and so on."""

    def __init__(self, proc: Path, cores: int = 2) -> None:
        self.clock, self.proc = Clock(), proc
        self.rows: dict[int, Row] = {}
        self.processes = Processes(cores, self.clock, lambda: dict(self.rows), proc)

    def put(self, pid: int, cpu_s: float, *, ran: float = 0.0, waited: float = 0.0, parent: int = 1) -> None:
        self.rows[pid] = Row(pid, parent, "R", cpu_s, 1, 5_000_000, 1.0, f"prog-{pid}")
        file = self.proc / f"{pid}/task/{pid}/schedstat"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{int(ran * 1e9)} {int(waited * 1e9)} 5\n")


def test_who_takes_the_machine_and_who_waits_for_it(tmp_path: Path) -> None:
    near = Neighbours(tmp_path)
    pids = {"s0": 10, "s1": 11}
    for pid in (10, 11, 99, 12):
        near.put(pid, 0.0, parent=10 if pid == 12 else 1)
    assert near.processes.look(pids) is None, "one look tells nothing"
    near.clock.at += 5
    near.put(10, 0.5, ran=0.5, waited=2.0)
    near.put(12, 0.0, ran=0.0, waited=2.0, parent=10)  # its child waits as well
    near.put(11, 2.0, ran=2.0, waited=2.5)  # it gets nearly as much as it wants
    near.put(99, 7.5)
    found = near.processes.look(pids)
    assert found is not None
    assert found.others_pct == pytest.approx(75.0)
    assert found.by_cpu().startswith("pid 99 (prog-99) 150 %, pid 11 ")
    assert found.waiting == {"s0": pytest.approx(0.8)}
    near.clock.at += 60
    assert near.processes.look(pids) is None, "the last look is of another time"


def saturated(tmp_path: Path, made: Made, others: float) -> Callable[[], Reading]:
    """Looks at a busy machine of which others take so much of each second; both units wait most of the time."""
    near, system = Neighbours(made.folder), system_of(tmp_path, units=2)
    for name, pid in (("s0", 10), ("s1", 11)):
        system.runtime.set_state(name, pid=pid)  # type: ignore[attr-defined]
    probe = HostProbe(near.clock, proc=made.folder, processes=near.processes)
    ticks = [0]

    def step() -> Reading:
        ticks[0] += 1
        at = ticks[0] * 2.5
        near.clock.at += 2.5
        made.spend(500, 0)
        for pid in (10, 11):
            near.put(pid, at * (2 - others) / 2, ran=0.1 * at, waited=0.7 * at)
        near.put(99, at * others)
        found = [r for r in look(probe, system) if r.metric == "host.units_waiting"]
        return found[0] if found else Reading("host", "host.units_waiting", None)

    step(), step()
    return step


def test_units_that_wait_because_of_others_are_counted(tmp_path: Path, made: Made) -> None:
    found = saturated(tmp_path, made, others=1.8)()
    assert found.value == 2.0
    assert found.text.startswith(
        "s0 70% of the time, s1 70% of the time; others use 90 % of the machine; most: pid 99"
    )


def test_units_that_use_the_machine_up_themselves_are_not(tmp_path: Path, made: Made) -> None:
    assert saturated(tmp_path, made, others=0.2)().value == 0.0


# -- disks ---------------------------------------------------------------------------------------------------------


def test_each_file_system_once_and_none_that_is_read_as_a_volume(tmp_path: Path) -> None:
    here = disks.device(tmp_path)
    assert disks.device(tmp_path / "not/there/yet") == here
    (mount,) = disks.mounts([tmp_path, tmp_path / "a/b"])
    assert os.path.ismount(mount)
    assert disks.mounts([tmp_path], {here}) == []
    system = system_of(tmp_path)
    told = [r.label for r in look(HostProbe(), system) if r.metric == "host.disk_used_pct"]
    assert str(mount) in told


async def test_whose_port_it_is_is_asked_at_once_when_something_happens_to_a_unit(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        services = {"api": {"kind": "http", "unit": "api", "tcp": f"127.0.0.1:{port}"}, "db": {"kind": "x"}}
        watch = SystemWatch(make_system(tmp_path, services, near=True), time.monotonic, time.time)
        try:
            await watch.start_due(everything=True)
            await watch.settle(5)
            watch.take()
            watch.system.runtime.crash("api", fatal=True)  # type: ignore[attr-defined]
            found = one(await watch.quick("api"), "port.taken")
            assert (found.service, found.value, found.label) == ("api", 1.0, str(port))
        finally:
            await watch.close()
