"""A new system is only watched; who turns the agent on or off, and who stops everything, by page, API and command."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from actions.models import ActionRequest, AuditEntry, Status
from opsportal import tokens
from opsportal.management.commands import setup
from opsportal.urls import urlpatterns
from systems.models import System
from tests.pages import make_incident, make_system, person

pytestmark = pytest.mark.django_db
RIGHTS = ("change_system", "add_policyrule", "view_incident")
MANIFEST = "system: {}\nruntime: {{driver: fake}}\nservices:\n  web: {{kind: http, unit: web}}\n"


class Program:
    """A person's token that holds all that is asked for here; what the person lacks, it lacks too."""

    def __init__(self, user: User) -> None:
        full = ["systems.change_system", "actions.add_policyrule", "incidents.view_incident"]
        secret, _ = tokens.create(user, "test", full)
        self._as = {"Authorization": f"Bearer {secret}"}

    def __call__(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        answer = Client().generic(method, path, _json(body), "application/json", headers=self._as)
        return answer.status_code, answer.json()


def _json(body: dict[str, Any] | None) -> str:
    return "" if body is None else json.dumps(body)


@pytest.fixture
def boss() -> User:
    return person("mira", *RIGHTS)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifest.yaml"
    path.write_text(MANIFEST.format("orders"))
    return path


def waiting(system: System, **changes: Any) -> ActionRequest:
    values: dict[str, Any] = {
        "system": system,
        "slug": "rotate-credentials",
        "target": "api",
        "requested_by": "agent",
        "status": Status.WAITING,
    } | changes
    return ActionRequest.objects.create(**values)


def test_a_new_system_is_only_watched_and_it_says_how_to_change_that(manifest: Path) -> None:
    out = StringIO()
    call_command("register_system", str(manifest), stdout=out)
    assert not System.objects.get(slug="orders").agent_on
    said = out.getvalue()
    assert "only watched" in said and "./ops manage agent on orders" in said
    assert "/api/systems/orders/agent" in said
    call_command("agent", "on", "orders", stdout=out)
    call_command("register_system", str(manifest), stdout=out)
    assert System.objects.get(slug="orders").agent_on, "registering again leaves it as a person set it"


def test_the_mini_production_is_turned_on_once_and_a_persons_off_stays(manifest: Path) -> None:
    def start() -> bool:
        command = setup.Command(stdout=StringIO(), stderr=StringIO())
        command._events = None
        command._systems(str(manifest), [])
        return System.objects.get(slug="orders").agent_on

    assert start()
    call_command("agent", "off", "orders", stdout=StringIO())
    assert not start() and not start()
    turned = AuditEntry.objects.filter(verb__startswith="agent.", system="orders").order_by("seq")
    assert [(e.verb, e.actor) for e in turned] == [("agent.on", "opsportal"), ("agent.off", "command line")]


@pytest.mark.parametrize("door", ["page", "api", "command"])
def test_turning_it_off_takes_back_what_the_agent_asked_there(door: str, boss: User, tmp_path: Path) -> None:
    system, other = make_system(tmp_path), System.objects.create(slug="b", title="B", manifest_path="/b")
    mine, approved = waiting(system, incident=make_incident(system)), waiting(system, status=Status.APPROVED)
    theirs, abroad = waiting(system, requested_by="tom"), waiting(other)
    if door == "page":
        client = Client()
        client.force_login(boss)
        client.post("/settings/systems/kiosk/", {"agent": "off", "why": "sale"})
        page = client.get("/settings/").content.decode()
        assert "Agent turned off" in page and "by mira" in page and "sale" in page
    elif door == "api":
        code, said = Program(boss)("POST", "/api/systems/kiosk/agent", {"on": False, "why": "sale"})
        assert (code, said["on"], said["withdrawn"], said["by"]) == (200, False, 2, "mira")
    else:
        call_command("agent", "off", "kiosk", "--reason", "sale", stdout=StringIO())
    by = "command line" if door == "command" else "mira"
    assert not System.objects.get(slug="kiosk").agent_on
    for request in (mine, approved):
        request.refresh_from_db()
        assert request.status == Status.CANCELLED
        assert request.status_why == f"withdrawn: {by} turned the agent off for kiosk: sale"
        assert AuditEntry.objects.filter(request_id=request.pk, verb="action.cancelled", actor=by).exists()
    for request in (theirs, abroad):
        request.refresh_from_db()
        assert request.status == Status.WAITING
    assert mine.incident is not None
    titles = list(mine.incident.events.values_list("title", flat=True))
    assert any("withdrawn" in t and "sale" in t for t in titles)
    entry = AuditEntry.objects.get(verb="agent.off")
    assert (entry.actor, entry.system, entry.data["why"]) == (by, "kiosk", "sale")


def test_who_may_not_turn_it_is_refused_at_every_door(tmp_path: Path) -> None:
    make_system(tmp_path)
    tom = person("tom", "view_incident", "approve_action")
    client, program = Client(), Program(tom)
    client.force_login(tom)
    assert client.post("/settings/systems/kiosk/", {"agent": "off"}).status_code == 403
    assert program("POST", "/api/systems/kiosk/agent", {"on": False})[0] == 403
    assert client.post("/settings/freeze/", {"mode": "stop"}).status_code == 403
    assert program("POST", "/api/stop", {})[0] == program("DELETE", "/api/stop")[0] == 403
    assert program("GET", "/api/stop") == (200, {"stopped": False, "note": ""})
    assert System.objects.get().agent_on and not AuditEntry.objects.filter(verb__startswith="agent.").exists()
    assert Client().get("/api/stop").status_code == 401


def test_what_is_no_answer_turns_nothing(boss: User, tmp_path: Path) -> None:
    make_system(tmp_path)
    client = Client()
    client.force_login(boss)
    assert client.post("/settings/systems/kiosk/", {}).status_code == 400
    assert Program(boss)("POST", "/api/systems/nowhere/agent", {"on": True})[0] == 404
    with pytest.raises(CommandError, match="there are: kiosk"):
        call_command("agent", "off", "nowhere")
    assert System.objects.get().agent_on


def test_the_stop_switch_by_api_is_the_one_of_the_pages(boss: User, tmp_path: Path) -> None:
    make_system(tmp_path)
    client, program = Client(), Program(boss)
    client.force_login(boss)
    code, said = program("POST", "/api/stop", {"note": "fire drill"})
    assert (code, said) == (200, {"stopped": True, "note": "all acting was stopped by mira: fire drill"})
    assert "all acting was stopped by mira" in client.get("/").content.decode()
    client.post("/settings/freeze/", {"mode": "stop", "do": "lift"})
    assert program("GET", "/api/stop") == (200, {"stopped": False, "note": ""})
    client.post("/settings/freeze/", {"mode": "stop"})
    assert program("GET", "/api/stop")[1]["stopped"]
    assert program("DELETE", "/api/stop")[1] == {"stopped": False, "note": ""}
    verbs = list(
        AuditEntry.objects.filter(verb__startswith="policy.").order_by("seq").values_list("verb", flat=True)
    )
    assert verbs == ["policy.stop", "policy.stop.lifted"] * 2


def _plain_pages(patterns: Any, before: str = "") -> list[str]:
    """The address of every route without an argument."""
    found: list[str] = []
    for one in patterns:
        path = before + str(one.pattern)
        if hasattr(one, "url_patterns"):
            found += _plain_pages(one.url_patterns, path)
        elif "<" not in path and "^" not in path and "(" not in path:
            found.append("/" + path)
    return found


def test_every_page_says_that_all_acting_is_stopped(tmp_path: Path) -> None:
    """Whatever route there is, also one that comes later: a whole page of ours carries the banner and the way out."""
    incident = make_incident(make_system(tmp_path))
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    call_command("agent", "stop", "--reason", "drill", stdout=StringIO())
    told = 0
    for path in [*_plain_pages(urlpatterns), f"/incidents/{incident.pk}/"]:
        if path.startswith(("/admin/", "/api/", "/logout", "/login")):
            continue
        answer = client.get(path)
        text = "" if answer.streaming else answer.content.decode(errors="replace")
        if answer.status_code == 200 and "<html" in text and 'class="nav' in text:
            assert "all acting was stopped by command line: drill" in text, path
            assert "Let actions start again" in text, path
            told += 1
    assert told >= 8
