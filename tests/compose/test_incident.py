"""Portal and mini production in containers, from the button to the postmortem, as a person does it; in the
middle one worker becomes three."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.compose.engine import why_no_compose
from tests.compose.portal import Portal, running, until

pytestmark = pytest.mark.slow

WAITING = re.compile(r"/approvals/([0-9a-f-]{36})/decide/")
PATIENCE_S = 240.0


def incidents(api: httpx.Client, number: int | None = None) -> Any:
    return api.get("/api/incidents" if number is None else f"/api/incidents/{number}").json()


def test_from_the_button_to_the_postmortem():
    if why := why_no_compose():
        pytest.skip(why)
    with running(profiles=["sandbox"]) as portal:
        portal.up()
        assert portal.wait_whole(420)["worker"]["count"] == 1
        _story(portal)


def _story(portal: Portal) -> None:
    person, api = portal.login(), portal.interface("incidents.view_incident")
    answer = portal.post(person, "/chaos/inject/", fault="db_auth_failure", system="shop")
    assert answer.status_code == 200, answer.text[:500]

    def said() -> str:
        return f"{incidents(api)}\n{portal.logs('worker', 'watcher', 'keeper')[-4000:]}"

    opened = until(lambda: incidents(api) or None, PATIENCE_S, said)[-1]
    waiting = until(lambda: WAITING.search(person.get("/approvals/").text), PATIENCE_S, said)
    portal.up(scale={"worker": 3}, build=False)  # it prepares the shop again, which must not mend it
    until(lambda: portal.worker().get("count") == 3, PATIENCE_S, portal.health)
    assert api.get(f"/api/incidents/{opened['number']}").json()["state"] != "resolved"
    portal.post(person, f"/approvals/{waiting[1]}/decide/", verdict="approve", reason="seen")
    number = opened["number"]
    until(lambda: incidents(api, number)["state"] == "resolved", PATIENCE_S, said)
    found = incidents(api, number)
    assert "app_credentials_mismatch" in found["diagnosis"], found["diagnosis"]
    assert any(event["kind"] == "verify" for event in found["events"])
    text = person.get(f"/incidents/{number}/postmortem.md").text
    assert "password" in text and "regenerate-db-creds" in text.lower().replace(" ", "-"), text
    journeys = portal.execute("web", "python", "manage.py", "status")
    assert "No open incidents" in journeys, journeys
