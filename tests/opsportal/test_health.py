"""/healthz tells each part's state, and is 200 only when all are ready."""

import socket
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import connection
from django.test import Client
from django.utils import timezone

from incidents.picture import taken
from incidents.signals.judging.engine import Engine
from opsportal import health, heartbeat
from opsportal.containers import alive
from opsportal.readiness import Readiness
from systems.models import System
from systems.readings import Reading

WHOLE = {"shop": {"whole_once": True, "state": "whole"}}


@pytest.fixture(autouse=True)
def no_signs_of_life():
    for key in heartbeat.client().keys("opsportal:alive:*"):
        heartbeat.client().delete(key)


def parts(client: Client) -> tuple[int, dict]:
    answer = client.get("/healthz")
    return answer.status_code, answer.json()["parts"]


def test_not_ready_before_the_processes_live(client: Client, db):
    status, found = parts(client)
    assert status == 503
    assert {name for name, part in found.items() if part["ok"]} == {"postgres", "redis"}
    assert found["worker"]["state"] == "not started"


def test_ready_when_all_live(client: Client, db):
    heartbeat.beat("worker")
    heartbeat.beat("watcher", systems=WHOLE)
    status, found = parts(client)
    assert status == 200
    assert set(found) == {"postgres", "redis", "worker", "watcher"}
    assert client.get("/healthz").json()["systems"] == WHOLE


@pytest.mark.parametrize("whole_once", [True, False])
def test_an_ill_system_does_not_make_the_portal_unready(client: Client, db, whole_once: bool):
    ill = {"shop": {"whole_once": whole_once, "state": "waiting for api-1"}}
    heartbeat.beat("worker")
    heartbeat.beat("watcher", systems=ill)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["systems"]) == (200, ill)


def test_a_system_that_was_not_seen_yet_does_not_either(client: Client, db):
    System.objects.create(slug="shop", title="Shop", manifest_path="/x")
    heartbeat.beat("worker")
    heartbeat.beat("watcher", systems={})
    assert parts(client)[0] == 200


class Silent:
    """Accepts connections and never says a word, like a server that is stopped (SIGSTOP) or swaps."""

    def __enter__(self) -> int:
        self._server = socket.create_server(("127.0.0.1", 0))
        port: int = self._server.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._server.close()


@pytest.fixture
def fresh_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks of this test's own: one that hangs is the answer to the next question, too."""
    looks = {"postgres": health.Look(health._postgres), "redis": health.Look(health._redis)}
    monkeypatch.setattr(health, "_LOOKS", looks)


@pytest.mark.parametrize("which", ["redis", "postgres", "both"])
def test_a_store_that_hangs_is_told_in_time(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, fresh_looks: None, which: str
):
    """Whatever hangs, each asker has an answer, and one thread waits for it, not one for each."""
    assert health.WITHIN_S < 2
    with Silent() as port:
        if which != "postgres":
            settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
            heartbeat.client.cache_clear()
        if which != "redis":
            monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
            monkeypatch.setitem(connection.settings_dict, "PORT", str(port))
        before = threading.active_count()
        silent = {"redis", "postgres"} if which == "both" else {which}
        for number in range(3):
            status, found = parts(client)
            assert status == 503
            assert silent == {name for name in ("redis", "postgres") if not found[name]["ok"]}
            if not number:
                assert all("hangs" in found[name]["state"] for name in silent), found
            if which != "postgres":
                assert found["watcher"]["state"] == "unknown: Redis does not answer"
        assert threading.active_count() <= before + 2
    heartbeat.client.cache_clear()


def test_several_workers_are_counted_and_one_is_enough(client: Client, db, monkeypatch):
    now = time.time()
    monkeypatch.setattr(heartbeat.time, "time", lambda: now - 20)
    heartbeat.beat("worker", "w1")
    monkeypatch.setattr(heartbeat.time, "time", lambda: now)
    heartbeat.beat("watcher", systems=WHOLE)
    assert parts(client)[1]["worker"]["state"] == "silent for 20 s"
    heartbeat.beat("worker", "w2")
    heartbeat.beat("worker", "w3")
    status, found = parts(client)
    assert status == 200
    assert (found["worker"]["state"], found["worker"]["count"]) == ("2 ready, 1 silent", 2)


def test_who_leaves_or_is_long_gone_is_forgotten(db, monkeypatch):
    heartbeat.beat("worker")
    heartbeat.leave("worker")
    monkeypatch.setattr(heartbeat.time, "time", lambda at=time.time: at() - 2 * heartbeat.GONE_S)
    heartbeat.beat("worker", "w1")
    monkeypatch.undo()
    assert heartbeat.signs("worker") == []


def test_the_file_of_a_health_check_is_touched_with_redis_away(tmp_path, monkeypatch, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setenv("OPSPORTAL_ALIVE_FILE", str(tmp_path / "alive"))
    heartbeat.client.cache_clear()
    try:
        with pytest.raises(redis.RedisError):
            heartbeat.beat("worker")
    finally:
        heartbeat.client.cache_clear()
    assert alive.trouble(str(tmp_path / "alive")) == ""


def test_silence_is_noticed(client: Client, db, monkeypatch):
    monkeypatch.setattr(heartbeat, "FRESH_S", -1.0)
    heartbeat.beat("worker")
    status, found = parts(client)
    assert status == 503
    assert found["worker"]["state"].startswith("silent for")


def test_redis_away(client: Client, db, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    heartbeat.client.cache_clear()
    try:
        status, found = parts(client)
    finally:
        heartbeat.client.cache_clear()
    assert status == 503
    assert found["redis"]["state"].startswith("no connection")
    assert found["worker"]["state"] == "unknown: Redis does not answer"


MANIFEST = """
system: tiny
runtime: {driver: fake}
services:
  api: {kind: http, http: {url: "http://127.0.0.1:1/"}}
  partner: {kind: external, unit: null}
journeys:
  - {name: browse, steps: [{get: "http://127.0.0.1:1/"}]}
"""


def test_readiness_waits_for_units_and_journeys(tmp_path):
    from systems.services import from_manifest

    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    system = from_manifest(tmp_path / "manifest.yaml")
    engine, readiness, at = Engine(system.graph), Readiness(), timezone.now()

    def look(*readings: Reading, times: int = 1) -> dict[str, Any]:
        nonlocal at
        for _ in range(times):
            at += timedelta(seconds=1)
            engine.feed(at, readings)
            readiness.note(system, taken(engine, at))
        return readiness.describe(system)

    well = [Reading("api", "unit.up", 1, "RUNNING"), Reading("api", "unit.uptime_s", 60)]
    assert look() == {"whole_once": False, "state": "waiting for api, browse"}
    assert look(*well)["state"] == "waiting for browse"
    assert look(*well, Reading("api", "journey.ok", 1, label="browse"), times=8) == {
        "whole_once": True,
        "state": "whole",
    }
    assert look(Reading("api", "unit.up", 0, "EXITED"), times=3) == {
        "whole_once": True,
        "state": "waiting for api",
    }
    assert look(Reading("api", "unit.up", None), times=3)["state"] == "waiting for api"
