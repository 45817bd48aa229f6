"""What the engine tells of processes that are out of our sight."""

from __future__ import annotations

from systems.runtimes.docker.look import NOTHING, Table, descendants, table


def ps(*rows: tuple[int, int, str, int]) -> list[list[str]]:
    """(pid, ppid, state, seconds of CPU)."""
    return [[str(pid), str(ppid), state, "1", "2048", str(s), f"job {pid}"] for pid, ppid, state, s in rows]


def shares(told: Table) -> dict[int, float]:
    return {row.pid: row.cpu_pct for row in told.rows}


def test_cpu_is_of_the_time_since_the_last_table() -> None:
    """An old process that begins to burn is seen at once, one that has calmed down is no longer."""
    first = table(ps((1, 0, "Ss", 0), (7, 1, "S", 900), (8, 1, "R", 900)), NOTHING, 100.0)
    assert set(shares(first).values()) == {0.0}
    second = table(ps((1, 0, "Ss", 0), (7, 1, "S", 900), (8, 1, "R", 905), (9, 8, "R", 2)), first, 105.0)
    assert shares(second) == {1: 0.0, 7: 0.0, 8: 100.0, 9: 40.0}


def test_a_pid_that_is_used_again_is_no_negative_share() -> None:
    first = table(ps((1, 0, "S", 0), (7, 1, "S", 900)), NOTHING, 100.0)
    assert shares(table(ps((1, 0, "S", 0), (7, 1, "S", 1)), first, 105.0))[7] == 0.0


def test_a_look_too_soon_makes_no_burst_of_a_whole_second() -> None:
    first = table(ps((1, 0, "S", 0), (7, 1, "S", 0)), NOTHING, 100.0)
    assert shares(table(ps((1, 0, "S", 0), (7, 1, "S", 1)), first, 100.2))[7] == 25.0


def test_descendants_are_those_of_the_container_alone() -> None:
    rows = table(ps((1, 0, "S", 0), (7, 1, "S", 0), (8, 7, "Z", 0), (20, 0, "S", 0)), NOTHING, 1.0).rows
    assert [(row.pid, row.state) for row in descendants(rows, 1)] == [(7, "S"), (8, "Z")]
