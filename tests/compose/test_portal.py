"""The portal half of docker-compose.yml, with three workers, looking after a little compose project."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.compose.engine import why_no_compose
from tests.compose.portal import Portal, running, until
from tests.systems.runtimes import docker_bench

pytestmark = pytest.mark.slow

UNITS = ("one", "two", "three", "four", "five", "six")
MANIFEST = """
system: little
runtime: {{driver: docker, project: {project}}}
services:
{services}
"""
OVER = ("succeeded", "failed", "cancelled", "expired", "refused")


@pytest.fixture(scope="module")
def little() -> Iterator[docker_bench.Compose]:
    """Something to look after: containers that wait."""
    if why := why_no_compose():
        pytest.skip(why)
    with docker_bench.compose("little") as project:
        image = project.image("1")
        for unit in UNITS:
            project.container(unit, docker_bench.SLEEPER, image=image)
        yield project


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    if why := why_no_compose():
        pytest.skip(why)
    with running() as made:
        made.up(scale={"worker": 3})
        made.wait_ready()
        yield made


@pytest.fixture(scope="module")
def client(portal: Portal, little: docker_bench.Compose) -> httpx.Client:
    """A program that asks for things to be done to the little project."""
    services = "\n".join(f"  {unit}: {{kind: worker, unit: {unit}}}" for unit in UNITS)
    portal.register("little", MANIFEST.format(project=little.project, services=services))
    portal.manage("agent", "on", "little")  # a new system is only watched
    return portal.interface("actions.run_action", "incidents.view_incident")


def workers(portal: Portal, count: int) -> None:
    """Wait until so many are ready and none more."""
    until(lambda: portal.worker().get("count") == count, 120, portal.health)


def restart_all(client: httpx.Client) -> list[dict[str, Any]]:
    """Ask for every unit to be restarted, by whichever worker, and wait for the ends."""
    asked = [
        client.post("/action/restart-service", json={"target": unit, "wait": False}).json() for unit in UNITS
    ]

    def ended() -> list[dict[str, Any]] | None:
        seen = [client.get(one["url"]).json() for one in asked]
        return seen if all(one["status"] in OVER for one in seen) else None

    return until(ended, 120, lambda: [client.get(one["url"]).text for one in asked])


def who_ran(portal: Portal, task: str) -> set[str]:
    """The workers that said they took such a task."""
    return set(re.findall(rf"^\S*?(worker-\d+)\s.*Task {re.escape(task)}\[", portal.logs("worker"), re.M))


def test_nothing_registered_is_ready_and_a_person_can_sign_in(portal: Portal):
    portal.wait_ready()
    assert portal.health()["systems"] == {}
    workers(portal, 3)
    person = portal.login()
    for page in ("/", "/incidents/", "/chaos/", "/settings/", "/static/css/portal.css"):
        assert person.get(page).status_code == 200, page
    assert "/login/" in str(httpx.get(portal.url, follow_redirects=True).url)


def test_several_workers_do_the_work(portal: Portal, client: httpx.Client, little: docker_bench.Compose):
    before = {unit: little.inspect(unit)["State"]["Pid"] for unit in UNITS}
    assert [one["status"] for one in restart_all(client)] == ["succeeded"] * len(UNITS)
    after = {unit: little.inspect(unit)["State"]["Pid"] for unit in UNITS}
    assert all(after[unit] not in (0, before[unit]) for unit in UNITS)
    assert len(who_ran(portal, "actions.execute")) >= 2, portal.logs("worker")


def test_web_and_watcher_cannot_change_the_engine(portal: Portal, little: docker_bench.Compose):
    code = (
        "import docker; from docker.errors import APIError; engine = docker.from_env()\n"
        f"target = engine.containers.get('{little.id_of('one')}'); print(target.status)\n"
        "try: target.kill()\n"
        "except APIError as error: print(error.status_code)"
    )
    for service in ("web", "watcher"):
        assert portal.execute(service, "python", "-c", code).split() == ["running", "403"]
        told = portal.execute(
            service, "sh", "-c", "id -u; ls /var/run/docker.sock 2>&1; touch /app/x 2>&1; true"
        )
        assert told.startswith("1000")
        assert "No such file" in told
        assert "Read-only" in told


def test_a_dead_unit_is_found_and_repaired(
    portal: Portal, client: httpx.Client, little: docker_bench.Compose
):
    portal.wait_whole(60)
    little.api.kill(little.id_of("two"))

    def over() -> dict[str, Any] | None:
        return next((i for i in client.get("/api/incidents").json() if i["state"] == "resolved"), None)

    incident = until(
        over, 180, lambda: client.get("/api/incidents").text + portal.logs("worker", "watcher")[-6000:]
    )
    assert "two" in incident["diagnosis"]
    assert little.inspect("two")["State"]["Running"]
    assert who_ran(portal, "agent.advance")


@pytest.mark.parametrize("store", ["redis", "postgres"])
def test_a_store_that_restarts_is_found_again(portal: Portal, client: httpx.Client, store: str):
    portal.compose("restart", store)
    portal.wait_ready()
    workers(portal, 3)
    assert [one["status"] for one in restart_all(client)] == ["succeeded"] * len(UNITS)


def test_a_killed_worker_is_missed_and_the_others_go_on(portal: Portal, client: httpx.Client):
    portal.compose("kill", "--signal", "KILL", "worker")
    until(lambda: "silent" in portal.worker().get("state", ""), 60, portal.health)
    portal.compose("up", "--detach", "--no-recreate", "--scale", "worker=2", "worker")
    portal.wait_ready()
    assert [one["status"] for one in restart_all(client)] == ["succeeded"] * len(UNITS)
    workers(portal, 2)


def test_everything_is_kept_when_it_is_taken_down(portal: Portal, client: httpx.Client):
    password = portal.password()
    portal.down(volumes=False)
    portal.up(build=False)
    portal.wait_whole()
    assert "with the password you have" in portal.logs("setup")
    assert portal.login(password).get("/incidents/").text.count("two")
    assert len(client.get("/action").json()) > 10  # the token holds, too
