"""What only the docker driver does: engines that are away, real OOM kills, crashes, events, nothing of exec."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from systems.runtimes import RuntimeEvent, RuntimeFailed, StaleFence, connect
from systems.runtimes.docker import look
from tests.systems.runtimes import docker_bench
from tests.systems.runtimes.docker_bench import ALWAYS, SLEEPER, TALKER, Compose, runtime_of
from tests.systems.supervisor.harness import PATIENCE_S, eventually

HOG = "x=aaaaaaaa; while :; do x=$x$x; done"


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
