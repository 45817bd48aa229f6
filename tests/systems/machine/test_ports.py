"""Whose port it is: real sockets and real processes, and units whose pids are theirs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from systems.machine import sockets
from systems.machine.ports import Ports, Process, Units, declared
from systems.manifest import Service
from systems.runtimes.base import UnitState
from tests.systems.helpers import closed_port

LISTEN = "import socket, time; s = socket.create_server((%r, %d)); print(flush=True); time.sleep(60)"
EPHEMERAL = range(0)

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="of Linux")


@contextmanager
def listener(port: int, host: str = "127.0.0.1") -> Iterator[subprocess.Popen[bytes]]:
    """Another process that takes the port."""
    started = subprocess.Popen([sys.executable, "-c", LISTEN % (host, port)], stdout=subprocess.PIPE)
    try:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
    finally:
        started.kill()
        started.wait()


class Case:
    """One service on a port of its own, and its unit."""

    def __init__(self) -> None:
        self.port = int(closed_port().rpartition(":")[2])
        self.service = Service(name="api-1", kind="http", unit="api-1", tcp=f"127.0.0.1:{self.port}")
        self.ports = Ports()

    def look(
        self, state: UnitState, *others: UnitState, carriers: dict[str, set[str]] | None = None
    ) -> tuple[float | None, str]:
        table = sockets.table([self.port], EPHEMERAL)
        states = {s.unit: s for s in (state, *others)}
        names = {unit: f"{unit}-service" if unit != "api-1" else unit for unit in states}
        units = Units(states, names, carriers or {}, time.time())
        (found,) = self.ports.readings([self.service], units, table)
        assert (found.service, found.metric, found.label) == ("api-1", "port.taken", str(self.port))
        return found.value, found.text


def down() -> UnitState:
    return UnitState("api-1", "FATAL", None, fatal=True)


def running(pid: int, age_s: float = 60.0, unit: str = "api-1") -> UnitState:
    return UnitState(unit, "RUNNING", pid, started_at=time.time() - age_s)


def test_a_stranger_on_the_port_of_a_dead_unit_is_named() -> None:
    case = Case()
    assert case.look(down()) == (0.0, f"nobody listens on port {case.port}")
    with listener(case.port) as stranger:
        value, text = case.look(down())
        assert value == 1.0
        assert text.startswith(
            f"port {case.port} is held by pid {stranger.pid} ({Path(sys.executable).name} -c import socket"
        )
        assert "started 20" in text
        assert text.endswith("which is not of api-1")
    assert case.look(down())[0] == 0.0


def test_the_unit_itself_and_its_children_are_no_strangers() -> None:
    case = Case()
    with listener(case.port) as own:
        assert case.look(running(own.pid))[0] == 0.0
        assert case.look(running(os.getpid(), age_s=1.0))[0] == 0.0, "its parent is the unit"


def test_who_stands_before_a_running_unit_belongs_there_and_stays_so_when_it_is_down() -> None:
    case = Case()
    with listener(case.port), listener(int(closed_port().rpartition(":")[2])) as unit:
        assert case.look(running(unit.pid))[0] == 0.0
        assert case.look(down())[0] == 0.0


def test_one_that_keeps_starting_in_vain_does_not_acquit_the_stranger() -> None:
    case = Case()
    with listener(case.port), listener(int(closed_port().rpartition(":")[2])) as unit:
        assert case.look(running(unit.pid, age_s=1.0))[0] == 0.0, "too early to say"
        assert case.look(down())[0] == 1.0
        assert case.look(running(unit.pid, age_s=1.0))[0] == 1.0
        assert case.look(running(unit.pid, age_s=60.0))[0] == 1.0


def test_a_unit_that_lost_its_port_while_it_runs() -> None:
    case = Case()
    with listener(case.port) as own:
        assert case.look(running(own.pid))[0] == 0.0
    with listener(case.port), listener(int(closed_port().rpartition(":")[2])) as unit:
        assert case.look(running(unit.pid, age_s=2.0))[0] == 0.0
        assert case.look(running(unit.pid, age_s=60.0))[0] == 1.0


def test_another_unit_is_named_as_such_and_one_that_carries_the_calls_is_left_out() -> None:
    case = Case()
    with listener(case.port) as other:
        beside = running(other.pid, unit="web")
        assert case.look(down(), beside, carriers={"api-1": {"web-service"}})[0] == 0.0
        value, text = case.look(down(), beside)
        assert value == 1.0
        assert text.endswith(", of web-service, which is not of api-1")


def test_forwarders_into_containers_are_left_out() -> None:
    case = Case()
    with listener(case.port) as proxy:
        case.ports = Ports(look_at=lambda pid: Process(pid, "docker-proxy", "docker-proxy -proto tcp", 1.0))
        assert case.look(down())[0] == 0.0
        assert proxy.poll() is None


def test_what_cannot_be_looked_into_is_told_as_that_once_it_is_still_there() -> None:
    """A unit that ends while it is looked at leaves such a socket for a moment."""
    case = Case()
    with listener(case.port):
        case.ports = Ports(look_at=lambda pid: None)
        assert case.look(down())[0] == 0.0
        value, text = case.look(down())
        assert value == 1.0
        assert f"is held by a process that cannot be looked into, of user {os.getuid()}" in text


def test_another_address_of_the_machine_is_another_port() -> None:
    case = Case()
    with listener(case.port, "127.0.0.2"):
        assert case.look(down())[0] == 0.0
    with listener(case.port, ""):
        assert case.look(down())[0] == 1.0, "on every address"


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"tcp": "localhost:81"}, [("localhost", 81)]),
        ({"http": {"url": "http://127.0.0.1/x"}}, [("127.0.0.1", 80)]),
        ({"http": {"url": "https://[::1]:8443/"}, "tcp": "127.0.0.1:9"}, [("127.0.0.1", 9), ("::1", 8443)]),
        ({"tcp": "shop.example:81"}, []),
        ({"tcp": "192.0.2.7:81"}, []),
    ],
)
def test_only_addresses_of_this_machine_count(spec: dict[str, object], found: list[tuple[str, int]]) -> None:
    assert declared(Service.model_validate({"name": "s", "kind": "http", **spec})) == found


def test_the_far_end_that_takes_the_most_ports(tmp_path: Path) -> None:
    head = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    )
    rows = [f"   {n}: 0100007F:{40000 + n:04X} 0200000A:1538 01 0:0 0:0 0 0 0 {n} 1 x" for n in range(7)]
    rows += ["   8: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 33 0 4242 1 x", "garbage"]
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(head + "\n".join(rows[:-1]) + "\n")
    table = sockets.table([8080], range(32768, 61000), tmp_path)
    assert table.busiest == ("10.0.0.2:5432", 7)
    assert [(str(s.address), s.port, s.inode, s.uid) for s in table.listening] == [
        ("127.0.0.1", 8080, 4242, 33)
    ]
    assert sockets.table([8080], range(0), tmp_path / "none").is_read is False
