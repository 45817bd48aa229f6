from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from systems.runtimes import ExecResult, Runtime, UnitState, connect
from systems.runtimes.fake import FakeRuntime
from tests.systems.runtimes import docker_bench
from tests.systems.supervisor.harness import SLEEPER, Running, eventually

ECHO = [sys.executable, "-c", "import sys; print('hello'); sys.exit(3)"]


@dataclass
class Bench:
    """A runtime with units web (releases 1.0, 1.1; a log of three lines) and idle (stopped)."""

    runtime: Runtime
    crash: Callable[[str], None]  # ends the unit's process from outside the runtime
    echo: list[str] = field(default_factory=lambda: ECHO)  # says hello, ends with 3

    def again(self) -> None:
        """web starts again and says its lines."""
        self.runtime.restart("web", grace_s=1.0)
        if isinstance(self.runtime, FakeRuntime):
            self.runtime.say("web", "one", "two", "three")

    def ready(self, unit: str) -> None:
        """Its program has set its traps: the first process of a container ignores a TERM that it does not expect."""
        if self.runtime.driver == "docker":
            eventually(lambda: docker_bench.catches_term(self.runtime.state(unit).pid))

    def reach(self, unit: str, state: str) -> UnitState:
        def there() -> UnitState | None:
            now = self.runtime.state(unit)
            return now if now.state == state else None

        found: UnitState = eventually(there, f"{unit} {state}")
        return found


def _process(tmp_path: Path) -> Iterator[Bench]:
    for version in ("1.0", "1.1"):
        (tmp_path / "rel" / version).mkdir(parents=True)
    (tmp_path / "rel/current").symlink_to("1.0")
    lines = "import signal\nfor w in ('one', 'two', 'three'): print(w, flush=True)\nsignal.pause()"
    running = Running(
        tmp_path,
        {
            "web": {
                "command": ["{python}", "-c", lines],
                "release": "rel",
                "log": "web.log",
                "grace_s": 0.3,
            },
            "idle": {"command": SLEEPER, "autostart": False},
        },
    )
    runtime = connect("process", {"socket": "run/supervisor.sock"}, tmp_path)

    def crash(unit: str) -> None:
        import os
        import signal

        pid = runtime.state(unit).pid
        assert pid
        os.kill(pid, signal.SIGKILL)

    eventually(lambda: len(runtime.logs("web")) == 3)
    yield Bench(runtime, crash)
    running.close()


def _fake(tmp_path: Path) -> Iterator[Bench]:
    runtime = connect("fake", {"units": ["web", "idle"], "releases": {"web": ["1.0", "1.1"]}}, tmp_path)
    assert isinstance(runtime, FakeRuntime)
    runtime.set_state("idle", state="STOPPED", pid=None, started_at=None)
    runtime.set_spec("web", command="talk", restart_policy="always")
    runtime.say("web", "one", "two", "three")
    runtime.on_exec(ECHO, ExecResult(3, "hello\n"))
    yield Bench(runtime, lambda unit: runtime.crash(unit, -9))


def _docker(tmp_path: Path) -> Iterator[Bench]:
    if why := docker_bench.why_not():
        pytest.skip(why)
    with docker_bench.compose("contract") as project:
        image = project.image("1.0")
        project.image("1.1")
        always = {"Name": "unless-stopped"}
        project.container("web", docker_bench.TALKER, image=image, restart_policy=always)
        idle = project.image("latest")
        project.container("idle", docker_bench.SLEEPER, image=idle, start=False, restart_policy=always)
        runtime = connect("docker", {"project": project.project}, tmp_path)
        eventually(lambda: len(runtime.logs("web")) == 3)
        yield Bench(runtime, project.crash, ["sh", "-c", "echo hello; exit 3"])


BENCHES = {"process": _process, "docker": _docker, "fake": _fake}


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    yield from BENCHES[request.param](tmp_path)


@pytest.fixture(params=[*BENCHES, "none"])
def any_runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Runtime]:
    """What holds whether there are units or not: the driver none has none."""
    if request.param == "none":
        yield connect("none", {}, tmp_path)
        return
    for bench in BENCHES[request.param](tmp_path):
        yield bench.runtime


@pytest.fixture
def project() -> Iterator[docker_bench.Compose]:
    """An empty compose project."""
    if why := docker_bench.why_not():
        pytest.skip(why)
    with docker_bench.compose("driver") as made:
        yield made
