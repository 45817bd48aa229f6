"""What only the docker driver does: engines that are away, real OOM kills, networks, replacements, nothing of exec."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from systems.manifest import parse_manifest
from systems.probes.process import UnitProbe
from systems.runtimes import RuntimeEvent, RuntimeFailed, StaleFence, connect
from systems.runtimes import dockerlook as look
from systems.runtimes.docker import address
from systems.runtimes.dockerview import Past, epoch, exit_code, tag_of, with_tag
from systems.services import LoadedSystem
from tests.systems.runtimes import docker_bench
from tests.systems.runtimes.docker_bench import SLEEPER, TALKER, Compose
from tests.systems.supervisor.harness import PATIENCE_S, eventually, free_port

ALWAYS = {"Name": "unless-stopped"}
HOG = "x=aaaaaaaa; while :; do x=$x$x; done"


@pytest.fixture
def project() -> Iterator[Compose]:
    if why := docker_bench.why_not():
        pytest.skip(why)
    with docker_bench.compose("driver") as made:
        yield made


def runtime_of(project: Compose, tmp_path: Path):
    return connect("docker", {"project": project.project}, tmp_path)


def test_no_engine_is_a_clear_failure(tmp_path: Path) -> None:
    runtime = connect("docker", {"project": "shop", "engine": f"unix://{tmp_path}/none.sock"}, tmp_path)
    for call in (runtime.list, lambda: runtime.restart("a"), lambda: runtime.stats("a")):
        with pytest.raises(
            RuntimeFailed, match=r"no Docker engine answers at .*none\.sock.*--runtime process"
        ):
            call()


def test_an_empty_project_says_so(project: Compose, tmp_path: Path) -> None:
    runtime = runtime_of(project, tmp_path)
    assert runtime.list() == []
    with pytest.raises(RuntimeFailed, match="is it up"):
        runtime.state("web")


async def until_heard(project: Compose, seen: list[RuntimeEvent]) -> None:
    """The subscription has no acknowledgement: crash the container `other` until something is heard of it."""
    while not seen:
        await asyncio.to_thread(project.crash, "other")
        await asyncio.to_thread(eventually, lambda: project.inspect("other")["State"]["Running"])


async def test_a_real_oom_kill_is_told(project: Compose, tmp_path: Path) -> None:
    limits = {"mem_limit": "24m", "memswap_limit": "24m"}
    project.container("hog", HOG, image=project.image("1.0"), start=False, **limits)
    runtime = runtime_of(project, tmp_path)
    assert runtime.state("hog").memory_limit_mb == 24
    project.container("other", SLEEPER, image=project.image("1.0"), restart_policy=ALWAYS)
    stream, seen = runtime.events(), []

    async def listen() -> None:
        async for event in stream:
            seen.append(event)
            if {"oom", "exit"} <= {e.kind for e in seen if e.unit == "hog"}:
                return

    task = asyncio.ensure_future(listen())
    await until_heard(project, seen)
    await asyncio.to_thread(runtime.start, "hog")
    async with asyncio.timeout(PATIENCE_S):
        await task
    await stream.aclose()
    seen = [e for e in seen if e.unit == "hog"]
    kinds = [e.kind for e in seen if e.kind not in ("state", "oom", "fatal")]
    assert kinds == ["started", "exit"]
    assert next(e for e in seen if e.kind == "exit").exit_code == -9
    state = await asyncio.to_thread(eventually, lambda: (s := runtime.state("hog")).fatal and s)
    assert (state.state, state.exit_code, state.oom_kills) == ("FATAL", -9, 1)


def test_taken_down_stays_down(project: Compose, tmp_path: Path) -> None:
    image = project.image("1.0")
    project.container("web", TALKER, image=image, restart_policy=ALWAYS)
    project.container("loop", "exit 3", image=image, restart_policy=ALWAYS)
    runtime = runtime_of(project, tmp_path)

    def down() -> tuple[str, int | None, bool]:
        return (now := runtime.take_down("web")).state, now.exit_code, now.fatal

    assert [down(), down()] == [("FATAL", -9, True)] * 2
    assert runtime_of(project, tmp_path).state("web") == runtime.state("web")
    assert (runtime.start("web").state, runtime.state("web").restarts) == ("RUNNING", 0)  # it was wanted
    assert down() == ("FATAL", -9, True)
    assert (runtime.restart("web").state, runtime.state("web").restarts) == ("RUNNING", 0)
    runtime.pause("web")
    assert down() == ("FATAL", -9, True)
    eventually(lambda: runtime.state("loop").state == "BACKOFF")
    assert runtime.take_down("loop").state == "FATAL"
    assert runtime.state("loop").exit_code in (3, -9)  # of itself, or met while it ran
    runtime.start("web", fence=4)
    with pytest.raises(StaleFence):
        runtime.take_down("web", fence=3)


def test_a_killed_unit_without_a_policy_is_down_but_not_wanted_down(project: Compose, tmp_path: Path) -> None:
    project.container("web", TALKER, image=project.image("1.0"))
    runtime = runtime_of(project, tmp_path)
    runtime.kill("web")
    assert (runtime.state("web").state, runtime.state("web").exit_code) == ("FATAL", -9)
    assert runtime.start("web").state == "RUNNING"
    assert runtime.stop("web").state == "STOPPED"


def test_the_engines_kill_is_a_crash_too(project: Compose, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("systems.runtimes.dockerdriver.send", lambda *a: False)  # as on another machine
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
    monkeypatch.setattr("systems.runtimes.dockerdriver.visible", lambda *a: False)
    runtime = runtime_of(project, tmp_path)
    eventually(lambda: runtime.stats("web").children[0].cpu_pct > 20)
    far = runtime.stats("web")
    assert [c.pid for c in far.children] == [c.pid for c in near.children]
    assert (far.threads, far.proc_state) == (1, "S")
    assert abs(far.rss_mb - near.rss_mb) < 2
    assert eventually(lambda: (s := runtime.stats("web")).cpu_pct > 20 and s)


def test_exec_runs_out_of_time_and_tells_what_is_missing(project: Compose, tmp_path: Path) -> None:
    project.container("web", TALKER, image=project.image("1.0"))
    runtime = runtime_of(project, tmp_path)
    late = runtime.exec("web", ["sh", "-c", "echo begun; echo bad >&2; sleep 60"], timeout_s=4.0)
    assert (late.code, late.out, late.err, late.timed_out) == (-9, "begun\n", "bad\n", True)
    big = runtime.exec(
        "web", ["sh", "-c", "while :; do echo 0123456789abcdef; done | cat & sleep 1; kill $!"]
    )
    assert len(big.out) == look.OUTPUT_MAX
    with suppress(RuntimeFailed):  # newer engines refuse
        assert runtime.exec("web", ["no-such-program"]).code in (126, 127)


async def test_exec_never_shows_in_the_events(project: Compose, tmp_path: Path) -> None:
    project.container("web", TALKER, image=project.image("1.0"), restart_policy=ALWAYS)
    runtime = runtime_of(project, tmp_path)
    project.container("other", SLEEPER, image=project.image("1.0"), restart_policy=ALWAYS)
    stream, seen = runtime.events(), []

    async def listen() -> None:
        async for event in stream:
            seen.append(event)
            if (event.unit, event.kind) == ("web", "started"):
                return

    task = asyncio.ensure_future(listen())
    await until_heard(project, seen)
    await asyncio.to_thread(runtime.exec, "web", ["sh", "-c", "echo secret-of-the-injector"])
    await asyncio.to_thread(runtime.pause, "web")
    await asyncio.to_thread(runtime.resume, "web")
    await asyncio.to_thread(runtime.kill, "web")
    async with asyncio.timeout(PATIENCE_S):
        await task
    assert next(e.kind for e in seen if e.unit == "web") == "exit"
    assert "secret" not in repr(seen)
    await stream.aclose()


def test_a_prefix_is_all_that_can_be_seen(project: Compose, tmp_path: Path) -> None:
    image, label = project.image("1.0"), docker_bench.LABEL
    for service in ("shop-api-1", "shop-", "shopper", "other"):
        project.container(service, TALKER, image=image, restart_policy=ALWAYS)
    project.container("shop-api-1", SLEEPER, image=image, name="r2", labels={f"{label}container-number": "2"})
    options = {"project": project.project, "prefix": "shop-"}
    shop, whole = connect("docker", options, tmp_path), runtime_of(project, tmp_path)
    assert {u.unit for u in shop.list()} == set(shop.inspections()) == {"api-1", "api-1-2"}
    for unit in ("shop-api-1", "other", "shopper", "", "-"):
        with pytest.raises(RuntimeFailed, match=r"shop-\*\): there are api-1, api-1-2"):
            shop.restart(unit)
    assert eventually(lambda: shop.logs("api-1") == ["one", "two", "three"])
    shop.kill("api-1", fence=5)
    assert (shop.state("api-1").restarts, shop.state("api-1").exit_code) == (1, -9)
    assert whole.state("shop-api-1").restarts == 1
    assert eventually(lambda: shop.state("api-1").state == "RUNNING")
    connect("docker", options | {"prefix": "shop-a"}, tmp_path).signal(
        "pi-1", "WINCH", fence=1
    )  # notes of its own
    with pytest.raises(StaleFence):
        connect("docker", options, tmp_path).signal("api-1", "WINCH", fence=4)
    with pytest.raises(RuntimeFailed, match="prefix"):
        connect("docker", options | {"prefix": "a/b"}, tmp_path)


async def test_events_of_a_prefix_are_of_nobody_else(project: Compose, tmp_path: Path) -> None:
    image = project.image("1.0")
    for service in ("shop-web", "other"):
        project.container(service, TALKER, image=image, restart_policy=ALWAYS)
    runtime = connect("docker", {"project": project.project, "prefix": "shop-"}, tmp_path)
    stream, seen = runtime.events(), []

    async def listen() -> None:
        async for event in stream:
            seen.append(event)
            if event.kind == "started":
                return

    task = asyncio.ensure_future(listen())
    while not seen:  # the subscription has no acknowledgement
        await asyncio.to_thread(project.crash, "other")
        await asyncio.to_thread(eventually, lambda: project.inspect("other")["State"]["Running"])
        await asyncio.to_thread(runtime.restart, "web", grace_s=1.0)
    async with asyncio.timeout(PATIENCE_S):
        await task
    assert {e.unit for e in seen} == {"web"}
    await stream.aclose()


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


def test_a_cut_network_comes_back_with_its_names(project: Compose, tmp_path: Path) -> None:
    back, front = project.network("back"), project.network("front")
    made = project.container("db", SLEEPER, image=project.image("1.0"), network=back)
    project.api.connect_container_to_network(made, front, aliases=["store"])
    runtime = runtime_of(project, tmp_path)

    def names() -> dict[str, set[str]]:
        ends = project.inspect("db")["NetworkSettings"]["Networks"]
        return {n: set(e["Aliases"] or ()) - {made[:12]} for n, e in ends.items()}

    before = names()
    assert before == {back: {"db", "db-other"}, front: {"store"}}
    assert runtime.disconnect("db", front, fence=3) == [front]
    assert list(names()) == [back]
    assert runtime.disconnect("db") == [back]
    with pytest.raises(RuntimeFailed, match="not on the network"):
        runtime.disconnect("db", "nowhere")
    with pytest.raises(StaleFence):
        runtime.reconnect("db", fence=2)
    assert sorted(runtime_of(project, tmp_path).reconnect("db")) == [back, front]  # another process may mend
    assert names() == before
    assert runtime.reconnect("db") == []
    ends = runtime.networks("db")
    runtime.disconnect("db", front)
    other = connect(
        "docker", {"project": project.project, "state": "run/other.json"}, tmp_path
    )  # knows of no cut
    assert other.reconnect("db", ends=ends) == [front]
    assert names() == before


def test_a_release_keeps_data_networks_and_ports(project: Compose, tmp_path: Path) -> None:
    network = project.network("back")
    image = project.image("1.0")
    project.image("1.1")
    project.container(
        "web",
        "echo $GREETING; [ -e /data/kept ] && echo found; : > /data/kept; " + SLEEPER,
        image=image,
        network=network,
        volumes=["/data"],
        environment={"GREETING": "hello"},
        port_bindings={"8080/tcp": ("127.0.0.1", None)},
        mem_limit="64m",
        restart_policy=ALWAYS,
    )
    runtime = runtime_of(project, tmp_path)
    old = project.inspect("web")
    assert runtime.release("web", "1.1").release == "1.1"
    new = project.inspect("web")
    assert new["Id"] != old["Id"]
    assert new["Name"] == old["Name"]
    assert eventually(lambda: runtime.logs("web")[:2] == ["hello", "found"])
    assert new["HostConfig"]["Memory"] == 64 * 2**20
    assert new["NetworkSettings"]["Ports"]["8080/tcp"]
    assert {"web", "web-other"} <= set(new["NetworkSettings"]["Networks"][network]["Aliases"])
    assert {m["Name"] for m in new["Mounts"]} == {m["Name"] for m in old["Mounts"]}
    assert runtime.release("web", "1.0").release == "1.0"
    assert len(runtime.list()) == 1


def test_a_release_that_does_not_start_leaves_the_old_one(project: Compose, tmp_path: Path) -> None:
    project.container("web", TALKER, image=project.image("1.0"))
    project.broken_image("9.9")
    runtime = runtime_of(project, tmp_path)
    before = project.id_of("web")
    with pytest.raises(RuntimeFailed, match="refuses"):
        runtime.release("web", "9.9")
    assert project.id_of("web") == before
    assert (runtime.state("web").state, runtime.state("web").release) == ("RUNNING", "1.0")


def test_a_hung_process_and_its_zombies(project: Compose, tmp_path: Path) -> None:
    # sleep does not wait for the child it inherits by exec: a zombie
    project.container("web", "sleep 0.1 & exec sleep 600", image=project.image("1.0"), restart_policy=ALWAYS)
    runtime = runtime_of(project, tmp_path)
    eventually(lambda: runtime.stats("web").zombies == 1)
    runtime.signal("web", "STOP")
    eventually(lambda: runtime.stats("web").proc_state == "T")
    runtime.resume("web")
    eventually(lambda: runtime.stats("web").proc_state == "S")
    runtime.signal("web", "STOP")
    after = runtime.restart("web", grace_s=0.5)
    assert (after.state, after.exit_code, after.restarts) == ("RUNNING", -9, 0)


def test_replicas_and_one_off_containers(project: Compose, tmp_path: Path) -> None:
    image, label = project.image("1.0"), docker_bench.LABEL
    project.container("worker", SLEEPER, image=image)
    project.container("worker", SLEEPER, image=image, name="w2", labels={f"{label}container-number": "2"})
    project.container("shell", SLEEPER, image=image, labels={f"{label}oneoff": "True"})
    assert {u.unit for u in runtime_of(project, tmp_path).list()} == {"worker", "worker-2"}


def test_a_replica_shares_nothing_that_only_one_can_have(project: Compose, tmp_path: Path) -> None:
    network, image = project.network("back"), project.image("1.0")
    project.container(
        "web",
        TALKER,
        image=image,
        network=network,
        volumes=["/data"],
        environment={"GREETING": "hello"},
        port_bindings={"8080/tcp": ("127.0.0.1", free_port()), "9090/tcp": ("127.0.0.1", None)},
        mem_limit="64m",
        restart_policy=ALWAYS,
    )
    runtime = runtime_of(project, tmp_path)
    assert [u.unit for u in runtime.scale("web", 2)] == ["web", "web-2"]
    first, second = (runtime.inspections()[unit] for unit in ("web", "web-2"))
    assert (first["Name"], second["Name"]) == (f"/{project.project}-web-1", f"/{project.project}-web-2")
    assert second["Config"]["Env"] == first["Config"]["Env"]
    assert second["HostConfig"]["Memory"] == 64 * 2**20
    assert second["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert not second["NetworkSettings"]["Ports"].get("8080/tcp")
    assert second["NetworkSettings"]["Ports"]["9090/tcp"]
    assert {"web", "web-other"} <= set(second["NetworkSettings"]["Networks"][network]["Aliases"])
    assert not {m["Name"] for m in first["Mounts"]} & {m["Name"] for m in second["Mounts"]}
    assert runtime.exec("web-2", ["sh", "-c", "echo $GREETING"]).out == "hello\n"
    with pytest.raises(RuntimeFailed, match="one of several containers of a service"):
        runtime.scale("web-2", 2)
    runtime.kill("web-2")
    assert runtime.state("web-2").restarts == 1


def test_scaling_is_all_or_nothing_and_refused_where_it_cannot_be(project: Compose, tmp_path: Path) -> None:
    image = project.image("1.0")
    project.container("host", SLEEPER, image=image, network_mode="host")
    project.container("web", SLEEPER, image=image)
    project.container("web-3", SLEEPER, image=image)
    project.container("db", SLEEPER, image=image)
    project.api.create_container(
        image, name=f"{project.project}-db-3", command=["true"], labels=project.labels
    )
    runtime = runtime_of(project, tmp_path)
    with pytest.raises(RuntimeFailed, match="lives in the network of another"):
        runtime.scale("host", 2)
    with pytest.raises(RuntimeFailed, match="web-3 is the name of another service"):
        runtime.scale("web", 3)
    with pytest.raises(RuntimeFailed, match="already in use"):
        runtime.scale("db", 3)
    assert {u.unit for u in runtime.list()} == {"host", "web", "web-3", "db"}


@pytest.mark.parametrize(
    ("image", "tag", "next_image"),
    [
        ("shop-web:1.0", "1.0", "shop-web:2"),
        ("shop-web", None, "shop-web:2"),
        ("shop-web:latest", None, "shop-web:2"),
        ("reg.example:5000/shop/web", None, "reg.example:5000/shop/web:2"),
        ("reg.example:5000/shop/web:1.0", "1.0", "reg.example:5000/shop/web:2"),
        ("shop-web@sha256:0123", None, "shop-web:2"),
    ],
)
def test_names_of_images(image: str, tag: str | None, next_image: str) -> None:
    assert tag_of(image) == tag
    assert with_tag(image, "2") == next_image


def test_history_of_a_unit() -> None:
    past = Past()

    def tell(action: str, **more: str) -> None:
        past.note({"Action": action, "Actor": {"Attributes": more}})

    for _ in range(2):  # two crashes, the engine restarts
        tell("start")
        tell("die", exitCode="137")
    assert (past.restarts, past.exit_code, past.wanted) == (1, -9, False)
    tell("start")
    tell("kill", signal="15")
    tell("die", exitCode="143")
    tell("stop")
    assert (past.restarts, past.exit_code, past.wanted) == (2, -15, True)
    tell("start")  # wanted: no restart after a crash
    tell("die", exitCode="137")
    tell("update")
    tell("start")  # tended: wanted too
    tell("update")
    tell("oom")
    assert (past.restarts, past.oom_kills) == (2, 1)


def test_codes_and_times() -> None:
    assert [exit_code(c) for c in (0, 1, 127, 128, 137, 143, 255)] == [0, 1, 127, 128, -9, -15, 255]
    assert epoch("0001-01-01T00:00:00Z") is None
    assert epoch("2026-01-02T03:04:05.123456789Z") == pytest.approx(1767323045.123456789)


def test_a_look_at_all_asks_again_only_for_what_events_told_of(
    project: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for unit in ("web", "db"):
        project.container(unit, TALKER, image=project.image("1.0"), restart_policy=ALWAYS)
    runtime = runtime_of(project, tmp_path)
    runtime.list()
    asked: list[str] = []
    api = runtime.engine.api
    ask = api.inspect_container
    monkeypatch.setattr(api, "inspect_container", lambda container: asked.append(container) or ask(container))
    before = {u.unit: u.pid for u in runtime.list()}
    assert asked == []
    project.crash("web")
    eventually(lambda: {u.unit: u.pid for u in runtime.list()}["web"] not in (None, before["web"]))
    assert set(asked) == {project.id_of("web")}
    assert {u.unit: u.pid for u in runtime.list()}["db"] == before["db"]
