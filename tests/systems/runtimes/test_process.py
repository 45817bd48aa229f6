"""What only the process driver does: a supervisor that is away, process tables, long paths."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from systems.runtimes import RuntimeFailed, connect
from systems.runtimes.base import Setting
from systems.runtimes.process import ProcessRuntime
from systems.runtimes.proctable import LINUX, child_name
from tests.systems.supervisor.harness import PATIENCE_S, SLEEPER, Running, eventually

FAMILY = """
import os, subprocess, sys, time
busy = subprocess.Popen([sys.executable, "-m", "job", "thumb-render"])
if os.fork() == 0:
    os._exit(0)  # never waited for: a zombie
time.sleep(600)
"""


def test_no_supervisor_is_a_clear_failure(tmp_path: Path) -> None:
    runtime = connect("process", {"socket": "run/none.sock"}, tmp_path)
    for call in (runtime.list, lambda: runtime.restart("a"), lambda: runtime.stats("a")):
        with pytest.raises(RuntimeFailed, match=r"run/none\.sock does not answer"):
            call()


def test_what_the_file_says_by_now_is_to_come(tmp_path: Path) -> None:
    running = Running(tmp_path, {"a": {"command": SLEEPER, "env": {"COLOUR": "red"}}})
    runtime = connect("process", {"socket": "run/supervisor.sock"}, tmp_path)
    try:
        assert runtime.specs()["a"]["restart policy"] == Setting("3 in 15 s")
        file = next(tmp_path.glob("*.yaml"))
        whole = file.read_text()
        file.write_text(whole.replace("red", "blue") + " ")
        found = runtime.specs()["a"]
        assert found["environment: COLOUR"] == Setting("red", "blue")
        assert found["restart policy"].coming is None
        file.write_text("services: [")  # says nothing of what is to come
        assert runtime.specs()["a"]["environment: COLOUR"] == Setting("red")
    finally:
        running.close()


def test_a_hung_supervisor_is_a_failure_in_time(tmp_path: Path, monkeypatch) -> None:
    running = Running(tmp_path, {"a": {"command": SLEEPER}})
    monkeypatch.setattr("systems.runtimes.process.ProcessRuntime._ask.__defaults__", (0.2,), raising=False)
    runtime = connect("process", {"socket": "run/supervisor.sock"}, tmp_path)
    running.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(RuntimeFailed, match="no answer in time"):
            runtime.list()
    finally:
        running.process.send_signal(signal.SIGCONT)
        running.close()


def test_children_zombies_and_cpu(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("while True: pass")
    running = Running(tmp_path, {"batch": {"command": ["{python}", "-c", FAMILY]}})
    runtime = connect("process", {"socket": "run/supervisor.sock"}, tmp_path)
    try:

        def hot():
            stats = runtime.stats("batch")
            ready = stats and stats.zombies and stats.children and stats.children[0].cpu_pct > 20
            return stats if ready else None

        stats = eventually(hot)
        assert stats.zombies == 1
        (child,) = stats.children
        assert child.name == "thumb-render"
        assert "job thumb-render" in child.cmdline
        assert child.state == "R"
        assert child.rss_mb > 1
        if LINUX:
            assert child.private_mb
            assert 0 < child.private_mb < child.rss_mb  # it shares the interpreter with its parent
        assert stats.cpu_pct < child.cpu_pct
    finally:
        running.close()


async def test_events_survive_a_restarted_supervisor(tmp_path: Path) -> None:
    services = {"a": {"command": SLEEPER}}
    running = Running(tmp_path, services)
    runtime = connect("process", {"socket": "run/supervisor.sock"}, tmp_path)
    assert isinstance(runtime, ProcessRuntime)
    stream = runtime.events()
    first = asyncio.ensure_future(anext(stream))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not first.done():
                await asyncio.to_thread(runtime.restart, "a")
                await asyncio.wait({first}, timeout=0.2)
            old = running.status("a")["pid"]
            running.kill()
            running = await asyncio.to_thread(Running, tmp_path, services)
            async for event in stream:
                if event.unit == "a" and event.pid not in (None, old):
                    break
    finally:
        await stream.aclose()  # type: ignore[attr-defined]
        running.close()


def test_logs_of_any_bytes(tmp_path: Path) -> None:
    code = (
        r"import os, signal; os.write(1, b'\x00\xff\x1b[31mred\n' + b'x' * 3_000_000 + b'\nlast\npart');"
        " signal.pause()"
    )
    running = Running(tmp_path, {"a": {"command": ["{python}", "-c", code], "log": "a.log"}})
    runtime = connect("process", {"socket": "run/supervisor.sock"}, tmp_path)
    try:
        eventually(lambda: (tmp_path / "a.log").stat().st_size > 3_000_000)
        assert runtime.logs("a", tail=2) == ["last", "part"]
        assert sum(map(len, runtime.logs("a", tail=100))) < 1_100_000
    finally:
        running.close()


def test_a_long_socket_path_leaves_nothing_behind(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 70) / ("e" * 50)
    deep.mkdir(parents=True)
    running = Running(deep, {"a": {"command": SLEEPER}})
    try:
        runtime = connect("process", {"socket": "run/supervisor.sock"}, deep)
        for _ in range(5):
            assert runtime.state("a").pid
        links = [p for p in Path("/tmp").glob("sv*/d") if p.is_symlink()]
        assert not [p for p in links if p.readlink().is_relative_to(deep)]
    finally:
        running.close()


@pytest.mark.parametrize(
    ("cmdline", "name"),
    [
        ([sys.executable, "-m", "batch.jobs", "thumb-render"], "thumb-render"),
        (["/usr/bin/python3.11 -m batch.jobs report-export --rows 5"], "report-export"),
        (["python3", "-m", "api"], "api"),
        (["python3", "-u", "-m", "shop.worker", "--fast"], "worker"),
        (["python3", "/srv/jobs/nightly.py"], "nightly"),
        (["python3", "-c", "while 1: pass"], "python"),
        (["postgres: app shop 127.0.0.1(5000) idle"], "app"),
        (["postgres: checkpointer "], "checkpointer"),
        (["/usr/sbin/nginx", "-g", "x"], "nginx"),
        ([], "kworker"),
    ],
)
def test_names_people_recognise(cmdline: list[str], name: str) -> None:
    assert child_name(cmdline, "kworker") == name
