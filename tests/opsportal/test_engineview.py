"""The view of the engine: looks pass, whatever changes something does not; with the real engine, where one answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import docker.errors
import httpx
import pytest
import uvicorn

from opsportal.containers.engineview import View, refusal, without_values
from systems.runtimes.base import RuntimeFailed
from systems.runtimes.docker.driver import DockerRuntime
from tests.systems.runtimes import docker_bench

PASSES = [
    "/_ping",
    "/version",
    "/v1.41/info",
    "/events",
    "/v1.41/containers/json",
    "/v1.41/containers/0a1b/json",
    "/v1.41/containers/shop-api-1/logs",
    "/v1.41/containers/shop_api.1/stats",
    "/v1.41/containers/shop-api-1/top",
    "/v1.41/images/corner-shop/api:1.4.2/json",
    "/v1.41/images/registry:5000/team/api@sha256:0a1b/json",
]
REFUSED = [
    "/",
    "/v1.41/containers/x/export",
    "/v1.41/containers/x/archive",
    "/v1.41/containers/x/attach/ws",
    "/v1.41/containers/x/changes",
    "/v1.41/containers/../volumes",
    "/v1.41/containers/json/../../volumes",
    "/v1.41/containers/x/json/",
    "/v1.41/containers/x%2fexport/json",
    "/v1.41/images/../containers/x/export/json",
    "/v1.41/images/a//json",
    "/v1.41/images/get",
    "/v1.41/volumes",
    "/v1.41/secrets",
    "/v1.41/exec/x/json",
    "/v1.41/containers/x/json\n",
]


@pytest.mark.parametrize("path", PASSES)
def test_looks_pass(path: str):
    assert refusal("GET", path, "") == ""
    assert refusal("HEAD", path, "") == ""


@pytest.mark.parametrize("path", REFUSED)
def test_other_paths_do_not(path: str):
    assert "cannot be seen" in refusal("GET", path, "")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "get"])
def test_other_methods_do_not(method: str):
    assert "reading only" in refusal(method, "/v1.41/containers/json", "")


def test_processes_can_be_listed_and_their_environments_cannot():
    top = "/v1.41/containers/x/top"
    assert refusal("GET", top, "ps_args=-eo+pid%2Cppid%2Cargs") == ""
    assert "only here" in refusal("GET", top, "ps_args=eww")
    assert "only here" in refusal("GET", top, "ps_args=-eo+pid&ps_args=axe")


def test_the_values_of_the_environment_are_left_out():
    seen = without_values({"Config": {"Env": ["A=1", "PASSWORD=a=b", "C"]}, "ContainerConfig": {"Env": None}})
    assert seen == {"Config": {"Env": ["A=", "PASSWORD=", "C="]}, "ContainerConfig": {"Env": []}}


@contextmanager
def served(view: Any, **where: Any) -> Iterator[uvicorn.Server]:
    """An ASGI application on a server of its own, in a thread."""
    where = {"host": "127.0.0.1", "port": 0} | where
    config = uvicorn.Config(view, log_level="warning", lifespan="off", timeout_graceful_shutdown=1, **where)
    server = uvicorn.Server(config)
    up, startup = threading.Event(), server.startup

    async def started(*args: Any, **kwargs: Any) -> None:
        await startup(*args, **kwargs)
        up.set()

    server.startup = started  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert up.wait(30)
    yield server
    server.should_exit = True
    thread.join(15)


def address(server: uvicorn.Server) -> str:
    return f"127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"


def test_without_an_engine_it_says_so(tmp_path: Path):
    with served(View(str(tmp_path / "none.sock"))) as server:
        answer = httpx.get(f"http://{address(server)}/version")
        assert answer.status_code == 503
        assert "no Docker engine answers" in answer.json()["message"]


def test_an_endless_answer_flows_and_ends_with_its_reader(tmp_path: Path):
    """A stand-in engine that says one thing, and then nothing until its reader has gone."""
    left = threading.Event()

    async def engine(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-engine", b"yes")]})
        await send({"type": "http.response.body", "body": scope["query_string"], "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    path = str(tmp_path / "engine.sock")
    with (
        served(engine, uds=path),
        served(View(path)) as server,
        httpx.stream("GET", f"http://{address(server)}/events?since=1", timeout=10) as answer,
    ):
        assert answer.headers["x-engine"] == "yes"
        assert answer.headers["transfer-encoding"] == "chunked"
        pieces = answer.iter_bytes()
        assert next(pieces) == b"since=1"
        assert not left.is_set()
        answer.close()
        assert left.wait(10)


@pytest.fixture(scope="module")
def view() -> Iterator[str]:
    if why := docker_bench.why_not():
        pytest.skip(why)
    with served(View(docker_bench.SOCKET)) as server:
        yield f"tcp://{address(server)}"


@pytest.fixture(scope="module")
def project() -> Iterator[docker_bench.Compose]:
    if why := docker_bench.why_not():
        pytest.skip(why)
    with docker_bench.compose("view") as made:
        secret = {"PASSWORD": "hidden"}
        made.container("talk", docker_bench.TALKER, image=made.image("1"), environment=secret)
        yield made


def test_the_sdk_looks_through_it_and_changes_nothing(view: str, project: docker_bench.Compose):
    api = docker.APIClient(base_url=view, version="auto", timeout=10)
    talk = project.id_of("talk")
    assert talk in [row["Id"] for row in api.containers()]
    seen = api.inspect_container(talk)
    assert "PASSWORD=" in seen["Config"]["Env"]
    assert "hidden" not in json.dumps(seen)
    assert seen["State"]["Pid"] == project.inspect("talk")["State"]["Pid"]
    assert api.inspect_image(f"{project.project}:1")["Id"] == seen["Image"]
    for change in (
        lambda: api.stop(talk, timeout=0),
        lambda: api.kill(talk),
        lambda: api.exec_create(talk, ["true"]),
        lambda: api.remove_container(talk, force=True),
        lambda: list(api.export(talk)),
        lambda: api.get_archive(talk, "/bin"),
    ):
        with pytest.raises(docker.errors.APIError) as refused:
            change()
        assert refused.value.status_code == 403
        assert "view of the engine" in refused.value.explanation
    assert project.inspect("talk")["State"]["Running"]
    api.close()


def test_events_and_logs_flow(view: str, project: docker_bench.Compose):
    api = docker.APIClient(base_url=view, version="auto", timeout=10)
    events = api.events(
        since=int(time.time()) - 1,
        filters={"label": f"com.docker.compose.project={project.project}", "event": ["pause"]},
        decode=True,
    )
    project.api.pause(project.id_of("talk"))
    assert next(iter(events))["Action"] == "pause"
    project.api.unpause(project.id_of("talk"))
    lines = api.logs(project.id_of("talk"), stream=True, follow=True)
    assert b"".join(next(lines) for _ in range(3)).split() == [b"one", b"two", b"three"]
    api.close()


def test_the_driver_looks_through_it(view: str, project: docker_bench.Compose, tmp_path: Path):
    runtime = DockerRuntime({"project": project.project, "engine": view}, tmp_path)
    assert [unit.state for unit in runtime.list()] == ["RUNNING"]
    assert runtime.stats("talk") is not None
    assert runtime.logs("talk") == ["one", "two", "three"]
    with pytest.raises(RuntimeFailed, match="reading only"):
        runtime.restart("talk")
