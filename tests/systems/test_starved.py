"""Whether the watcher is starved: told from counters, with hysteresis in looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from systems.starved import BAD_LOOKS, GOOD_LOOKS, Gauges, Strain, gauges

WELL = {"ran": 0.25, "waited": 0.02, "runnable": 2.0, "pressed": 0.05}
# measured on two cores: one loop that spins beside it, two, and sixteen
ONE_LOOP = {"ran": 0.2, "waited": 0.22, "runnable": 3.0, "pressed": 0.3}
TWO_LOOPS = {"ran": 0.13, "waited": 0.46, "runnable": 5.4, "pressed": 0.85}
SIXTEEN = {"ran": 0.05, "waited": 0.78, "runnable": 18.8, "pressed": 0.97}


class Machine:
    """Counters that go on by so much each second."""

    def __init__(self, cores: int = 2) -> None:
        self.strain = Strain(cores)
        self.at = Gauges(100.0, 1_000_000.0, 0.0, 0.0, 0.0, 1.0, 0.0)
        self.strain.look(self.at)

    def run(
        self, looks: int, late_s: float = 0.0, jump_s: float = 0.0, **rates: float | None
    ) -> Sequence[bool]:
        found = []
        for _ in range(looks):
            more: dict[str, Any] = {"runnable": rates.get("runnable", 1.0)}
            for name in ("ran", "waited", "stolen", "pressed"):
                before, rate = getattr(self.at, name), rates.get(name, 0.0)
                more[name] = None if before is None or rate is None else before + rate
            self.at = replace(self.at, steady=self.at.steady + 1, wall=self.at.wall + 1 + jump_s, **more)
            found.append(self.strain.look(self.at, late_s).starved)
        return found


@pytest.mark.parametrize("load", [WELL, ONE_LOOP, TWO_LOOPS])
def test_an_ordinary_busy_machine_is_not_starvation(load: dict[str, float]) -> None:
    assert not any(Machine().run(120, **load))


def test_sixteen_loops_are_seen_after_few_looks_and_told_with_a_reason() -> None:
    machine = Machine()
    machine.run(5, **WELL)
    assert machine.run(6, **SIXTEEN)[-1]
    state = machine.strain.state
    assert state.since is not None and abs(state.since - 1_000_005) <= 4
    assert "waits for a processor 78% of the time" in state.why


def test_it_is_over_only_after_some_good_looks_in_a_row() -> None:
    machine = Machine()
    machine.run(6, **SIXTEEN)
    since = machine.strain.state.since
    assert all(machine.run(GOOD_LOOKS - 3, **WELL)), "too early"
    machine.run(4, **SIXTEEN)
    assert machine.strain.state.since == since, "one starvation, not two"
    assert not machine.run(GOOD_LOOKS + 5, **WELL)[-1]
    assert machine.strain.state.why == ""


def test_one_bad_look_is_none_but_a_long_stall_is_believed_at_once() -> None:
    assert not any(Machine().run(1, late_s=2.0))
    assert Machine().run(BAD_LOOKS, late_s=2.0)[-1]
    assert Machine().run(1, late_s=6.0) == [True]


def test_stolen_time_and_a_jumping_clock_count_too() -> None:
    stolen, jumping = Machine(), Machine()
    assert stolen.run(3, stolen=1.2)[-1] and "the host took 60%" in stolen.strain.state.why
    assert jumping.run(3, jump_s=-30)[-1] and "the clock jumped by -30 s" in jumping.strain.state.why


def test_where_the_machine_tells_nothing_only_lateness_counts() -> None:
    machine = Machine()
    machine.at = Gauges(100.0, 1_000_000.0)
    machine.strain.look(machine.at)
    assert not any(machine.run(20, runnable=None))
    assert machine.run(3, late_s=3.0)[-1]


def test_this_machine_can_be_read() -> None:
    found = gauges()
    assert found.ran is not None and found.ran > 0
    assert found.waited is not None and found.runnable is not None and found.runnable >= 1
