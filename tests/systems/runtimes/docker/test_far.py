"""The docker driver on an engine of another machine, or behind a proxy."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from pathlib import Path

import pytest

from systems.manifest import parse_manifest
from systems.probes.process import UnitProbe
from systems.runtimes import RuntimeFailed, connect
from systems.runtimes.docker.engine import address
from systems.services import LoadedSystem
from tests.systems.runtimes import docker_bench
from tests.systems.runtimes.docker_bench import ALWAYS, SLEEPER, TALKER, Compose, runtime_of
from tests.systems.supervisor.harness import eventually


def test_the_engines_kill_is_a_crash_too(project: Compose, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("systems.runtimes.docker.reach.send", lambda *a: False)  # as on another machine
    project.container("web", TALKER, image=project.image("1.0"), restart_policy=ALWAYS)
    runtime = runtime_of(project, tmp_path)
    before = runtime.state("web")
    runtime.kill("web")
    after = runtime.state("web")
    assert (after.state, after.restarts, after.exit_code) == ("RUNNING", 1, -9)
    assert after.pid != before.pid
    other = runtime_of(project, tmp_path).state("web")  # another process of ours knows as much
    assert (other.restarts, other.exit_code) == (1, -9)
    runtime.signal("web", "WINCH")


def test_stats_of_another_machines_engine(project: Compose, tmp_path: Path, monkeypatch) -> None:
    script = f"(while :; do :; done) & {SLEEPER}"
    project.container("web", script, image=project.image("1.0"))
    runtime = runtime_of(project, tmp_path)
    near = eventually(lambda: (s := runtime.stats("web")) and s.children and s)
    monkeypatch.setattr("systems.runtimes.docker.reach.visible", lambda *a: False)
    runtime = runtime_of(project, tmp_path)
    eventually(lambda: runtime.stats("web").children[0].cpu_pct > 20)
    far = runtime.stats("web")
    assert [c.pid for c in far.children] == [c.pid for c in near.children]
    assert (far.threads, far.proc_state) == (1, "S")
    assert abs(far.rss_mb - near.rss_mb) < 2
    assert eventually(lambda: (s := runtime.stats("web")).cpu_pct > 20 and s)


def test_behind_a_proxy_that_only_lets_read(project: Compose, tmp_path: Path) -> None:
    """Its engine answers by tcp://, GET passes and POST is refused: what we see is told, what we do fails."""
    project.container("web", TALKER, image=project.image("1.0"), restart_policy=ALWAYS)
    project.image("1.1")
    with docker_bench.read_only_proxy() as url:
        runtime = connect("docker", {"project": project.project, "engine": url}, tmp_path)
        (before,) = runtime.list()
        assert (before.unit, before.state, before.release) == ("web", "RUNNING", "1.0")
        assert eventually(lambda: runtime.logs("web") == ["one", "two", "three"])
        assert runtime.stats("web").proc_state == "S"
        assert not runtime.nearby("web")
        for op, more in (
            ("restart", {}),
            ("stop", {}),
            ("kill", {}),
            ("take_down", {}),
            ("signal", {"sig": "HUP"}),
            ("pause", {}),
            ("exec", {"argv": ["true"]}),
            ("limits", {"memory_mb": 100}),
            ("release", {"version": "1.1"}),
        ):
            with pytest.raises(RuntimeFailed, match=r"refuses \(\w+ web\): 403 Forbidden Only looking"):
                getattr(runtime, op)("web", **more)
        assert runtime.state("web") == before


@pytest.mark.parametrize("shell", [True, False], ids=["shell", "no shell"])
def test_a_far_engine_is_told_by_its_own_kill_only_where_nothing_else_works(
    project: Compose, tmp_path: Path, shell: bool
) -> None:
    """After its own kill, of whatever signal, the engine forgets the restart that it promised."""
    hears = "trap 'echo heard' HUP; while :; do sleep 0.05; done"
    project.container("web", hears, image=project.image("1.0"), restart_policy=ALWAYS)
    if not shell:
        project.take_shell("web")
    with docker_bench.far_engine() as url:
        runtime = connect("docker", {"project": project.project, "engine": url}, tmp_path)
        assert eventually(lambda: runtime.state("web").state == "RUNNING")
        runtime.signal("web", "HUP")
        assert eventually(lambda: "heard" in runtime.logs("web"))
        if shell:
            project.crash("web")
            assert eventually(lambda: (now := runtime.state("web")).restarts == 1 and now.state == "RUNNING")


@pytest.mark.parametrize("ahead_s", [-40.0, 40.0])
def test_the_clock_of_another_machine_is_what_its_events_are_asked_by(
    project: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    """With ours the engine would wait until its own has come there, or refuse a time before its last event."""
    project.container("web", SLEEPER, image=project.image("1.0"), restart_policy=ALWAYS)
    clock, real = time.time, time.monotonic()
    monkeypatch.setattr(time, "time", lambda: clock() - ahead_s)
    runtime = runtime_of(project, tmp_path)
    for _ in range(2):
        assert runtime.restart("web", grace_s=0.1).state == "RUNNING"
        assert runtime.state("web").exit_code is not None
    assert time.monotonic() - real < abs(ahead_s) / 2
    assert runtime.engine.now() == pytest.approx(clock(), abs=1.0)


def test_the_engine_is_the_one_that_the_docker_command_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / ".docker"))
    assert address() == {"base_url": "unix:///var/run/docker.sock"}
    name = "desktop-linux"
    meta = tmp_path / ".docker/contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    endpoints = {"docker": {"Host": "unix:///home/me/.docker/desktop/docker.sock", "SkipTLSVerify": False}}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints}))
    (tmp_path / ".docker/config.json").write_text(json.dumps({"currentContext": name}))
    assert address()["base_url"] == "unix:///home/me/.docker/desktop/docker.sock"
    monkeypatch.setenv("DOCKER_HOST", "unix:///other.sock")
    assert address()["base_url"].endswith("///other.sock")
    monkeypatch.delenv("DOCKER_HOST")
    (tmp_path / ".docker/config.json").write_text("no json")
    assert address() == {"base_url": "unix:///var/run/docker.sock"}


KEPT_ALIVE = "02"


def timers(url: str) -> set[str]:
    """What the kernel waits for on our connections to a port."""
    port = f":{int(url.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return {row[5].partition(":")[0] for row in rows if row[2].endswith(port) and row[3] == "01"}


async def test_events_and_the_probe_through_a_proxy(project: Compose, tmp_path: Path) -> None:
    project.container("web", TALKER, image=project.image("1.0"), restart_policy=ALWAYS)
    with docker_bench.read_only_proxy() as url:
        runtime = connect("docker", {"project": project.project, "engine": url}, tmp_path)
        manifest = parse_manifest("system: far\nservices: {web: {kind: worker}}\nruntime: {driver: docker}")
        system, probe = LoadedSystem(manifest, tmp_path, runtime), UnitProbe()
        readings = {r.metric: r.value for r in await probe.observe(system, system.service("web"))}
        assert (readings["unit.up"], readings["unit.restarts"]) == (1.0, 0.0)
        stream = runtime.events()
        exits = asyncio.ensure_future(anext(e async for e in stream if e.kind == "exit"))
        while not exits.done():
            await asyncio.to_thread(project.crash, "web")
            await asyncio.wait({exits}, timeout=0.5)
            await asyncio.to_thread(eventually, lambda: project.inspect("web")["State"]["Running"])
        assert exits.result().exit_code == -9
        assert KEPT_ALIVE in timers(url)  # so that an end which goes without a word is noticed
        await stream.aclose()
    gone = {r.metric: r for r in await UnitProbe().observe(system, system.service("web"))}
    assert (gone["unit.up"].value, gone["unit.up"].text) == (None, "refused")
