"""What every runtime driver promises. A new driver joins by its line in conftest.BENCHES."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from systems.runtimes import DRIVERS, NotRunning, Runtime, RuntimeFailed, StaleFence, connect
from tests.systems.runtimes.conftest import Bench
from tests.systems.supervisor.harness import PATIENCE_S, eventually

MUTATIONS = [
    ("start", {}),
    ("stop", {}),
    ("restart", {}),
    ("kill", {}),
    ("signal", {"sig": "WINCH"}),
    ("pause", {}),
    ("resume", {}),
    ("limits", {"memory_mb": 500}),
    ("release", {"version": "1.1"}),
]


def test_fulfils_the_protocol(any_runtime: Runtime) -> None:
    assert isinstance(any_runtime, Runtime)
    assert any_runtime.driver in DRIVERS


def test_a_unit_that_is_not_there_is_refused_by_name(any_runtime: Runtime) -> None:
    assert set(any_runtime.specs()) == {u.unit for u in any_runtime.list()}
    assert "nope" not in any_runtime.specs()
    for op, more in (("state", {}), ("logs", {}), ("logs_since", {"cursor": None}), *MUTATIONS):
        with pytest.raises(RuntimeFailed, match="nope"):
            getattr(any_runtime, op)("nope", **more)


def test_lists_units(bench: Bench) -> None:
    bench.reach("web", "RUNNING")
    units = {u.unit: u for u in bench.runtime.list()}
    assert set(units) == {"web", "idle"}
    web, idle = units["web"], units["idle"]
    assert (web.state, web.fatal, web.restarts, web.release) == ("RUNNING", False, 0, "1.0")
    assert web.pid
    assert web.started_at
    assert abs(web.started_at - time.time()) < 3600
    assert (idle.state, idle.pid, idle.started_at, idle.release) == ("STOPPED", None, None, None)


def test_tells_how_units_are_run(bench: Bench) -> None:
    specs = bench.runtime.specs()
    assert set(specs) == {"web", "idle"}
    assert {"command", "restart policy"} <= set(specs["web"])
    assert all(setting.value and setting.coming is None for setting in specs["web"].values())


def test_start_stop_restart(bench: Bench) -> None:
    runtime = bench.runtime
    assert runtime.start("idle").state == "RUNNING"
    first = runtime.state("idle").pid
    assert runtime.start("idle").pid == first  # starting a running unit changes nothing
    bench.ready("idle")
    second = runtime.restart("idle", grace_s=2.0)
    assert (second.state, second.restarts, second.exit_code) == ("RUNNING", 0, -15)
    assert second.pid not in (None, first)
    bench.ready("idle")
    stopped = runtime.stop("idle")
    assert (stopped.state, stopped.pid, stopped.exit_code) == ("STOPPED", None, -15)
    assert runtime.stop("idle").state == "STOPPED"


def test_a_killed_unit_comes_back(bench: Bench) -> None:
    before = bench.reach("web", "RUNNING")
    bench.runtime.kill("web")
    eventually(lambda: bench.runtime.state("web").restarts == 1)
    after = bench.reach("web", "RUNNING")
    assert after.exit_code == -9
    assert after.pid != before.pid


def test_a_paused_unit_needs_kill_to_restart(bench: Bench) -> None:
    runtime = bench.runtime
    runtime.pause("web")
    eventually(lambda: (s := runtime.stats("web")) is not None and s.proc_state == "T")
    assert runtime.state("web").state == "RUNNING"  # nobody but a probe notices
    runtime.resume("web")
    eventually(lambda: (s := runtime.stats("web")) is not None and s.proc_state != "T")
    runtime.pause("web")
    eventually(lambda: (s := runtime.stats("web")) is not None and s.proc_state == "T")
    assert runtime.restart("web").exit_code == -9
    assert (runtime.state("web").state, runtime.state("web").restarts) == ("RUNNING", 0)  # it was wanted
    runtime.pause("web")
    runtime.kill("web")  # a crash, also of a paused one
    eventually(lambda: runtime.state("web").restarts == 1)
    assert bench.reach("web", "RUNNING").exit_code == -9


@pytest.mark.parametrize(("op", "options"), MUTATIONS)
def test_old_tokens_are_refused_everywhere(bench: Bench, op: str, options: dict) -> None:
    runtime = bench.runtime
    bench.reach("web", "RUNNING")
    runtime.signal("web", "WINCH", fence=7)
    before = runtime.state("web")
    with pytest.raises(StaleFence, match="older than 7"):
        getattr(runtime, op)("web", **options, fence=6)
    assert runtime.state("web") == before
    runtime.signal("web", "WINCH", fence=7)
    runtime.signal("web", "WINCH")
    runtime.start("idle", fence=1)  # tokens are per unit


def test_exec(bench: Bench) -> None:
    result = bench.runtime.exec("web", bench.echo, timeout_s=20)
    assert (result.code, result.out, result.timed_out) == (3, "hello\n", False)


def test_logs(bench: Bench) -> None:
    assert bench.runtime.logs("web") == ["one", "two", "three"]
    assert bench.runtime.logs("web", tail=2) == ["two", "three"]
    assert bench.runtime.logs("web", tail=0) == []
    assert bench.runtime.logs("idle") == []


def test_output_is_followed_and_every_line_comes_once(bench: Bench) -> None:
    runtime, cursors = bench.runtime, [""]

    def heard(count: int) -> list[bytes]:
        lines: list[bytes] = []

        def more() -> bool:
            said, cursor = runtime.logs_since("web", cursors[-1])
            cursors.append(cursor)
            for chunk in said.values():
                lines.extend(chunk.lines)
                assert (chunk.bytes, chunk.skipped) == (sum(len(line) + 1 for line in chunk.lines), 0)
            return len(lines) >= count

        eventually(more)
        return lines

    three = [b"one", b"two", b"three"]
    assert heard(3) == three  # from the beginning
    said, now = runtime.logs_since("web", None)  # from now on
    assert [c.lines for c in said.values() if c.lines] == []
    bench.again()
    assert heard(3) == three
    bench.again()
    assert heard(3) == three
    assert heard(0) == []
    cursors.append(now)
    assert heard(6) == three * 2
    assert not any(c.lines for c in runtime.logs_since("idle", "")[0].values())
    with pytest.raises(RuntimeFailed, match="nope"):
        runtime.logs_since("nope", None)
    with pytest.raises(RuntimeFailed):
        runtime.logs_since("web", "nonsense")


def test_stats(bench: Bench) -> None:
    bench.reach("web", "RUNNING")
    stats = bench.runtime.stats("web")
    assert stats is not None
    assert stats.rss_mb > 1
    assert stats.threads >= 1
    assert stats.fds >= 3
    assert (stats.zombies, stats.children) == (0, [])
    assert bench.runtime.stats("idle") is None


def test_whose_pids_they_are(bench: Bench) -> None:
    runtime, web = bench.runtime, bench.reach("web", "RUNNING")
    assert web.pid
    assert runtime.nearby("web") == Path(f"/proc/{web.pid}").exists()


def test_limits_and_releases(bench: Bench) -> None:
    runtime = bench.runtime
    assert runtime.limits("web", 500).memory_limit_mb == 500
    assert runtime.limits("web", None).memory_limit_mb is None
    before = runtime.state("web").pid
    after = runtime.release("web", "1.1")
    assert (after.release, after.state) == ("1.1", "RUNNING")
    assert after.pid != before
    with pytest.raises(RuntimeFailed, match=r"9\.9"):
        runtime.release("web", "9.9")
    assert runtime.state("web").release == "1.1"


def test_scale(bench: Bench) -> None:
    runtime = bench.runtime
    before = bench.reach("web", "RUNNING")

    def units() -> set[str]:
        return {u.unit for u in runtime.list()}

    with pytest.raises(RuntimeFailed, match="nope"):
        runtime.scale("nope", 2)
    if runtime.driver == "process":
        with pytest.raises(
            RuntimeFailed, match="cannot be 3 of them: give each replica a service of its own"
        ):
            runtime.scale("web", 3)
        assert units() == {"web", "idle"}
        return
    three = runtime.scale("web", 3, fence=3)
    assert [(u.unit, u.state, u.release) for u in three] == [
        (name, "RUNNING", "1.0") for name in ("web", "web-2", "web-3")
    ]
    assert len({u.pid for u in three}) == 3
    assert units() == {"web", "web-2", "web-3", "idle"}
    with pytest.raises(StaleFence):
        runtime.scale("web", 1, fence=2)
    runtime.stop("web-2", grace_s=1.0)
    assert [u.state for u in runtime.scale("web", 2)] == ["RUNNING", "RUNNING"]
    assert units() == {"web", "web-2", "idle"}
    assert [u.unit for u in runtime.scale("web", 1)] == ["web"]
    assert units() == {"web", "idle"}
    assert runtime.state("web") == before
    with pytest.raises(RuntimeFailed, match="to have none, stop it"):
        runtime.scale("web", 0)


def test_refusals_are_in_plain_words(bench: Bench) -> None:
    with pytest.raises(RuntimeFailed, match="'nope'"):
        bench.runtime.state("nope")
    with pytest.raises(RuntimeFailed, match="nope"):
        bench.runtime.restart("nope")
    for op, more in (("kill", {}), ("signal", {"sig": "HUP"}), ("pause", {}), ("resume", {})):
        with pytest.raises(NotRunning, match="idle is not running"):
            getattr(bench.runtime, op)("idle", **more)


async def test_events_are_pushed(bench: Bench) -> None:
    bench.reach("web", "RUNNING")
    stream = bench.runtime.events()
    first = asyncio.ensure_future(anext(stream))
    pid = bench.runtime.state("web").pid

    async def crash_until_heard() -> None:
        # the subscription has no acknowledgement in the protocol: wait for the first event of an idle restart
        while not first.done():
            await asyncio.to_thread(bench.runtime.restart, "idle")
            await asyncio.wait({first}, timeout=0.2)

    async with asyncio.timeout(PATIENCE_S):
        await crash_until_heard()
        bench.crash("web")
        seen = []
        async for event in stream:
            if event.unit == "web":
                seen.append(event)
            if event.unit == "web" and event.kind == "started":
                break
    gone = next(e for e in seen if e.kind == "exit")
    assert (gone.pid, gone.exit_code, gone.oom) == (pid, -9, False)
    assert seen[-1].pid not in (None, pid)
    assert abs(gone.at - time.time()) < 3600
    await stream.aclose()  # type: ignore[attr-defined]


def test_unknown_driver_and_missing_options_say_so(tmp_path) -> None:
    with pytest.raises(RuntimeFailed, match="kubernetes"):
        connect("kubernetes", {}, tmp_path)
    with pytest.raises(RuntimeFailed, match="socket"):
        connect("process", {}, tmp_path)
    with pytest.raises(RuntimeFailed, match="project"):
        connect("docker", {}, tmp_path)
