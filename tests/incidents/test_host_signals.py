"""Series of a machine's figures into the engine: what opens, what is only told, and what is nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from incidents.signals import CATALOG
from incidents.signals.judging.engine import Engine
from systems.readings import Reading
from tests.systems.helpers import make_system

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP_S = 2.5
# One look each: `host.cpu_pct` of a machine of two processors, as it was read.
QUIET = [3.1, 4.8, 2.2, 7.9, 5.0, 12.4, 3.3, 2.9, 31.0, 4.1]
COMPILE = [9.0, 62.4, 100.0, 99.8, 100.0, 74.1, 12.0, 5.2, 3.9, 4.4]  # eight seconds of all processors
NIGHTLY = [99.0, 100.0, 98.2, 100.0, 100.0, 97.5, 100.0, 99.1, 100.0, 100.0]


class Host:
    """A machine and one service on it, looked at every 2.5 seconds."""

    def __init__(self, base: Path) -> None:
        system = make_system(base, {"api": {"kind": "http", "unit": "api"}}, near=True)
        self.engine, self.at = Engine(system.graph), 0.0
        self.opened: dict[str, float] = {}
        self.holding: set[str] = set()

    def live(
        self, metric: str, values: Sequence[float | None], *, starved: bool = False, service: str = "host"
    ) -> None:
        for value in values:
            self.at += STEP_S
            now = START + timedelta(seconds=self.at)
            reading = Reading(service, metric, value, "load 11.2 on 2 cores; most: pid 7 (make) 98 %", "")
            for change in self.engine.feed(now, [reading], starved=starved):
                name = change.key.signal.id
                if change.opened:
                    self.opened[name] = self.at
                    self.holding.add(name)
                else:
                    self.holding.discard(name)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_quiet_machine_and_a_short_compile_job_are_nothing(host: Host) -> None:
    host.live("host.cpu_pct", [*QUIET * 4, *COMPILE, *QUIET, *COMPILE, *QUIET * 4])
    host.live("host.memory_available_pct", [61.0, 60.2, 44.0, 12.0, 5.1, 58.0] * 5)
    host.live("host.psi_memory_full", [0.0, 0.0, 25.0, 3.0, 0.0] * 5)
    host.live("host.units_waiting", [0.0, 0.0, 2.0, 2.0, 0.0] * 5)
    host.live("host.swap_used_pct", [0.0] * 10)
    host.live("host.clock_synced", [0.0] * 10)
    host.live("host.clock_offset_s", [0.0, -0.07, 0.3, 1.2] * 3)
    host.live("host.disk_used_pct", [91.2] * 10)
    assert host.opened == {}


def test_a_saturated_machine_is_context_and_says_so_also_to_a_starved_watcher(host: Host) -> None:
    host.live("host.cpu_pct", NIGHTLY, starved=True)
    assert set(host.opened) == {"host_cpu_saturated"}
    state = next(s for s in host.engine.states() if s.signal == "host_cpu_saturated")
    signal = CATALOG["host_cpu_saturated"]
    assert not signal.opens_by(state.text)
    assert (
        signal.describe(state)
        == "the machine (host) is saturated: load 11.2 on 2 cores; most: pid 7 (make) 98 %"
    )
    host.live("host.cpu_pct", QUIET)
    assert host.holding == set()


def test_units_that_are_held_up_for_a_minute_open(host: Host) -> None:
    host.live("host.units_waiting", [0.0] * 4 + [2.0] * 20, starved=True)
    assert host.opened == {}, "not for less than a minute"
    host.live("host.units_waiting", [3.0] * 6, starved=True)
    assert set(host.opened) == {"host_units_wait"}
    assert CATALOG["host_units_wait"].opens
    host.live("host.units_waiting", [0.0] * 8)
    assert host.holding == set()


def test_a_moment_in_which_nobody_waits_starts_the_minute_anew(host: Host) -> None:
    host.live("host.units_waiting", ([2.0] * 20 + [0.0]) * 4)
    assert host.opened == {}


@pytest.mark.parametrize(
    ("metric", "bad", "well", "signal"),
    [
        ("host.memory_available_pct", [1.4] * 5, [40.0] * 4, "host_memory_gone"),
        ("host.psi_memory_full", [45.0] * 8, [0.0] * 4, "host_memory_pressed"),
        ("host.psi_io_full", [72.0] * 8, [3.0] * 4, "host_io_pressed"),
        ("host.disk_used_pct", [99.2] * 3, [80.0] * 3, "host_disk_full"),
        ("host.inodes_used_pct", [99.9] * 3, [80.0] * 3, "host_inodes_full"),
        ("host.fds_used_pct", [97.0] * 3, [10.0] * 3, "host_files_gone"),
        ("host.pids_used_pct", [97.0] * 3, [10.0] * 3, "host_pids_gone"),
        ("host.ephemeral_ports_used_pct", [95.0] * 3, [10.0] * 3, "host_ports_gone"),
        ("host.clock_offset_s", [-41.0] * 4, [0.0] * 3, "host_clock_off"),
    ],
)
def test_what_runs_out_is_told_and_is_over_again(
    host: Host, metric: str, bad: list[float], well: list[float], signal: str
) -> None:
    host.live(metric, well)
    assert host.opened == {}
    host.live(metric, bad)
    assert set(host.opened) == {signal}
    host.live(metric, well)
    assert host.holding == set()


def test_a_taken_port_is_a_sign_at_once_and_opens_nothing_by_itself(host: Host) -> None:
    host.live("port.taken", [0.0, 1.0], service="api")
    assert set(host.opened) == {"port_taken"}
    assert not CATALOG["port_taken"].opens
