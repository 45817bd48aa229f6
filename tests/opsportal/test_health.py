"""/healthz tells each part's state, and is 200 only when all are ready."""

import pytest
from django.test import Client

from opsportal import heartbeat
from opsportal.readiness import Readiness
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
    assert found["sandbox"] == {"ok": True, "state": "shop: whole"}


def test_an_ill_system_does_not_make_the_portal_unready(client: Client, db):
    heartbeat.beat("worker")
    heartbeat.beat("watcher", systems={"shop": {"whole_once": True, "state": "waiting for api-1"}})
    status, found = parts(client)
    assert status == 200
    assert found["sandbox"]["state"] == "shop: waiting for api-1"


def test_a_system_never_seen_whole_does(client: Client, db):
    heartbeat.beat("worker")
    heartbeat.beat("watcher", systems={"shop": {"whole_once": False, "state": "waiting for api-1"}})
    assert parts(client)[0] == 503


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
    readiness = Readiness()
    assert readiness.describe(system) == {"whole_once": False, "state": "waiting for api, browse"}
    readiness.note(system, [Reading("api", "unit.up", 1), Reading("", "journey.ok", 1, label="browse")])
    assert readiness.describe(system) == {"whole_once": True, "state": "whole"}
    readiness.note(system, [Reading("api", "unit.up", 0)])
    assert readiness.describe(system) == {"whole_once": True, "state": "waiting for api"}
    readiness.note(system, [Reading("api", "unit.up", None)])
    assert readiness.troubles(system) == ["api"]
