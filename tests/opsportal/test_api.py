"""REST: tokens, names, what runs at once, what waits, and errors that say what to mend."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.test import Client

from actions.models import ActionRequest, AuditEntry, Status
from incidents import timeline
from incidents.facts import Noted
from incidents.models import Incident
from opsportal import tokens
from opsportal.models import ApiToken
from systems.models import ChangeRow, System
from systems.runtimes.fake import FakeRuntime
from systems.state.types import REQUESTS
from tests.actions.conftest import _data_dir, base, person, row, runtime, system

__all__ = ["_data_dir", "base", "row", "runtime", "system"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("system")]
RUN, APPROVE, READ = "actions.run_action", "actions.approve_action", tokens.READ


class Api:
    """A client with a token."""

    def __init__(self, user: User, *permissions: str) -> None:
        self.token, self.row = tokens.create(user, "test", permissions)
        self.client = Client()

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        sent = {"data": "" if body is None else json.dumps(body), "content_type": "application/json"}
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = getattr(self.client, method)(path, headers=headers, **(sent if method == "post" else {}))
        return answer.status_code, answer.json()


@pytest.fixture
def bob() -> Api:
    return Api(person("bob", RUN, READ), RUN, READ)


@pytest.fixture
def alice() -> Api:
    return Api(person("alice", RUN, READ, APPROVE), RUN, READ, APPROVE)


def test_low_risk_runs_at_once(bob: Api, runtime: FakeRuntime) -> None:
    code, answer = bob.call("post", "/action/restart-service", {"target": "web-1", "reason": "hangs"})
    assert (code, answer["status"]) == (200, "succeeded")
    assert ("restart", "web-1") in [(op, unit) for op, unit, _ in runtime.calls]
    assert bob.call("get", answer["url"]) == (200, answer)
    assert AuditEntry.objects.filter(actor="bob", verb="action.approved").count() == 1
    act = ChangeRow.objects.get(source=REQUESTS)
    assert (act.component, act.after, act.pending, act.ref) == ("web-1", "succeeded", False, answer["id"])
    assert "web-1" in act.touched and act.last_old <= act.first_new


@pytest.mark.parametrize("name", ["restart-web", "restart_web", "Restart-Web", "rolling-restart"])
def test_spellings(bob: Api, name: str) -> None:
    body = {"target": "web"} if name == "rolling-restart" else None
    code, answer = bob.call("post", f"/action/{name}", body)
    assert (code, answer["action"], answer["target"]) == (200, "rolling-restart", "web")


def test_high_risk_waits_for_somebody_else(bob: Api, alice: Api, runtime: FakeRuntime) -> None:
    code, answer = bob.call("post", "/action/restart-db")
    assert (code, answer["status"], answer["target"]) == (202, "waiting", "db")
    assert runtime.calls == []
    assert bob.call("post", answer["url"] + "/approve")[0] == 403
    code, own = alice.call("post", "/action/restart-db")
    assert alice.call("post", own["url"] + "/approve")[0] == 403
    code, decided = alice.call("post", answer["url"] + "/approve", {"reason": "go"})
    assert (code, decided["status"]) == (200, "approved")
    assert alice.call("post", answer["url"] + "/approve")[0] == 403
    assert alice.call("post", own["url"] + "/reject")[0] == 403


def test_dry_run_changes_nothing(bob: Api, runtime: FakeRuntime) -> None:
    code, answer = bob.call("post", "/action/restart-db", {"dry_run": True})
    assert (code, answer["status"], answer["risk"]) == (200, "dry run", "high")
    assert answer["preview"]["blast_radius"]
    assert not ActionRequest.objects.exists()
    assert runtime.calls == []


def test_rollback(bob: Api, system: Any) -> None:
    system.path("etc/web-1.yaml").write_text("delay_s: 5\n")
    _, answer = bob.call("post", "/action/restore-config", {"target": "web-1"})
    code, back = bob.call("post", answer["url"] + "/rollback")
    assert (code, back["status"], back["undo_of"]) == (200, "succeeded", answer["id"])
    _, now = bob.call("get", answer["url"])
    assert (now["status"], now["undone_by"]) == ("rolled_back", [back["id"]])
    assert system.path("etc/web-1.yaml").read_text() == "delay_s: 5\n"


@pytest.mark.parametrize(("path", "body", "code", "words"), [
    ("/action/restart-servise", {}, 404, "restart-service"),
    ("/action/zzzzzz", {}, 404, "clear-cache"),
    ("/action/restart-service", {}, 422, "web-1"),
    ("/action/restart-service", {"target": "web-9"}, 422, "web-1"),
    ("/action/restart-service", {"target": "web-1", "params": {"force": True}}, 422, "grace_s"),
    ("/action/restart-service", {"target": "web-1", "params": {"grace_s": 1e9}}, 422, "30"),
    ("/action/restart-service", {"target": "web-1", "system": "other"}, 422, "other"),
    ("/action/restart-service", {"target": 7}, 422, "target"),
    ("/action/clear-cache", {"params": {"pattern": "*"}}, 422, "literal"),
])  # fmt: skip
def test_errors_say_what_to_mend(bob: Api, path: str, body: Any, code: int, words: str) -> None:
    got, answer = bob.call("post", path, body)
    assert got == code
    assert words in answer["detail"]
    assert not ActionRequest.objects.exists()


def test_who_may_not(bob: Api, runtime: FakeRuntime) -> None:
    def code() -> int:
        return bob.call("post", "/action/restart-service", {"target": "web-1"})[0]

    reader = Api(bob.row.user, READ)
    assert reader.call("post", "/action/restart-service", {"target": "web-1"})[0] == 403
    assert reader.call("post", "/break/api_down")[0] == 403
    assert Client().post("/action/restart-service").status_code == 401
    bob.row.user.user_permissions.clear()
    assert code() == 403
    User.objects.filter(username="bob").update(is_active=False)
    assert code() == 401
    User.objects.filter(username="bob").update(is_active=True)
    with pytest.raises(CommandError, match="no live token"):
        call_command("revoke_token", "bob", "--name", "another")
    assert code() == 403
    call_command("revoke_token", "bob", "--name", bob.row.name)
    assert code() == 401
    assert runtime.calls == []


def test_a_session_is_no_token(runtime: FakeRuntime) -> None:
    client = Client()
    client.force_login(person("carol", RUN))
    assert client.post("/action/restart-service", {"target": "web-1"}).status_code == 401
    assert runtime.calls == []


def test_an_expired_token_and_a_stored_hash(bob: Api) -> None:
    assert bob.token not in str(ApiToken.objects.values().get(pk=bob.row.pk))
    ApiToken.objects.filter(pk=bob.row.pk).update(expires_at=Now())
    assert bob.call("get", "/api/incidents")[0] == 401


def test_incidents(bob: Api, row: System) -> None:
    incident = Incident.objects.create(system=row, fingerprint="x", title="The api is slow", started_at=Now())
    code, found = bob.call("get", "/api/incidents?open=true")
    assert (code, [i["number"] for i in found]) == (200, [incident.number])
    assert bob.call("get", "/api/incidents?open=false") == (200, [])
    code, one = bob.call("get", f"/api/incidents/{incident.number}")
    assert (code, one["title"], one["events"]) == (200, "The api is slow", [])
    assert bob.call("get", "/api/incidents/999999")[0] == 404


def test_a_long_timeline_is_read_page_by_page(bob: Api, row: System) -> None:
    incident = Incident.objects.create(system=row, fingerprint="x", title="The api is slow", started_at=Now())
    for number in range(7):
        timeline.record(incident.pk, Noted(), f"note {number}")
    seen, after = [], 0
    while after is not None:
        code, one = bob.call("get", f"/api/incidents/{incident.number}?limit=3&events_after={after}")
        assert code == 200 and len(one["events"]) <= 3
        seen += [e["seq"] for e in one["events"]]
        after = one["events_next"]
    assert seen == list(range(1, 8))
    assert (one["symptoms"], one["symptom_count"]) == ([], 0)


def test_the_catalogue_and_the_documents(bob: Api) -> None:
    code, found = bob.call("get", "/action")
    assert code == 200
    assert {"restart-service", "clear-cache", "regenerate-db-creds"} <= {a["action"] for a in found}
    schema = Client().get("/api/openapi.json").json()
    assert {"/action/{slug}", "/break/{fault}", "/api/incidents"} <= set(schema["paths"])
    page = Client().get("/api/docs").content.decode()
    assert "/static/ninja/" in page
    assert "cdn" not in page
    assert "https://" not in page.replace("https://django-ninja", "")


def test_create_token_command() -> None:
    out = StringIO()
    call_command(
        "create_token", "robot", "--service", "--perm", RUN, "--days", "1", stdout=out, stderr=StringIO()
    )
    found = tokens.find(out.getvalue().strip())
    assert found is not None
    assert found.has_perm(RUN)
    assert not found.has_perm(APPROVE)
    with pytest.raises(CommandError, match="no user"):
        call_command("create_token", "nobody", stderr=StringIO())
    with pytest.raises(CommandError, match="unknown permission"):
        call_command("create_token", "robot", "--perm", "x.y", stderr=StringIO())
    person("plain")
    with pytest.raises(CommandError, match="cannot do more"):
        call_command("create_token", "plain", "--perm", RUN, stderr=StringIO())
    assert not ApiToken.objects.filter(user__username="plain").exists()


def test_a_waiting_request_is_seen_by_its_status(bob: Api) -> None:
    _, answer = bob.call("post", "/action/restart-db")
    assert ActionRequest.objects.get(pk=answer["id"]).status == Status.WAITING
