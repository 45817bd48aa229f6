"""Declared actions where people and programs meet them: REST, approvals, grants, what can be done."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from actions import grants, service
from actions.models import Status
from knowledge import validation
from opsportal import tokens
from systems.describe import describe
from systems.models import System
from systems.services import LoadedSystem
from tests.actions.conftest import person
from tests.actions.declared.conftest import LOGIN, Jobs, Tool, declare

pytestmark = pytest.mark.django_db
RUN, READ = "actions.run_action", tokens.READ


@pytest.fixture
def call() -> Any:
    token, _ = tokens.create(person("bob", RUN, READ), "test", (RUN, READ))
    headers = {"Authorization": f"Bearer {token}"}

    def ask(path: str, body: Any = None) -> tuple[int, Any]:
        client = Client()
        if body is None:
            answer = client.get(path, headers=headers)
        else:
            answer = client.post(path, json.dumps(body), content_type="application/json", headers=headers)
        return answer.status_code, answer.json()

    return ask


def test_rest_lists_it_with_the_schema_of_its_parameters(system: LoadedSystem, call: Any, jobs: Jobs) -> None:
    code, kinds = call("/action")
    found = {kind["action"]: kind for kind in kinds}
    assert code == 200 and "restart-service" in found
    stop, flag, limit = found["stop-job"], found["set-flag"], found["set-limit"]
    assert (stop["title"], stop["risk"], stop["targets"]) == ("Stop a scheduled job", "medium", ["front"])
    assert f"GET {jobs.url}/jobs" in stop["params"]["job"]["description"]
    assert flag["params"]["to"]["enum"] == ["on", "off", "'off'; drop table x"]
    assert (limit["params"]["limit"]["minimum"], limit["params"]["limit"]["maximum"]) == (1, 50)
    assert limit["params"]["limit"]["type"] == "integer"
    assert LOGIN.split()[1] not in json.dumps(kinds)


def test_rest_tries_runs_and_refuses_it(system: LoadedSystem, call: Any, jobs: Jobs) -> None:
    code, dry = call("/action/stop_job", {"params": {"job": "nightly"}, "dry_run": True})
    assert (code, dry["action"], dry["target"], jobs.seen) == (200, "stop-job", "front", [])
    assert dry["preview"]["command"] == f"POST {jobs.url}/jobs/nightly/pause"
    assert dry["preview"]["changes"] == ["state: on -> paused"]
    code, done = call("/action/stop-job", {"params": {"job": "nightly"}, "target": "front"})
    assert (code, done["status"], jobs.state["nightly"]) == (200, "succeeded", "paused")
    assert jobs.seen[0][2]["Authorization"] == LOGIN
    code, back = call(f"/action/{done['id']}/rollback", {})
    assert (code, back["status"], jobs.state["nightly"]) == (200, "succeeded", "on")
    code, problem = call("/action/stop-job", {"params": {"job": "weekly"}, "target": "front"})
    assert code == 422 and "must be one of: nightly, hourly" in problem["detail"]
    code, problem = call("/action/stop-jobs", {})
    assert code == 404 and "stop-job" in problem["near"]


def test_the_approval_card_shows_call_loss_and_undo(system: LoadedSystem, flags: Any, alice: Any) -> None:
    request = service.propose("tiny", "set-flag", "db", {"flag": "it's", "to": "on"}, requested_by="agent")
    assert request.status == Status.WAITING
    client = Client()
    client.force_login(alice)
    for page in ("/approvals/", f"/approvals/{request.pk}/"):
        text = client.get(page).content.decode()
        for words in (
            "Set a feature flag on db",
            "set state = &#x27;on&#x27; where name = &#x27;it&#x27;&#x27;s&#x27;",
            "3 runs would be gone",
            "It is taken back by: update",
        ):
            assert words in text, (page, words)
    client.post(f"/approvals/{request.pk}/decide/", {"verdict": "approve", "digest": request.digest})
    assert service.execute(request.pk).status == Status.SUCCEEDED


def test_a_grant_may_list_it_and_access_needs_its_own_word(
    system: LoadedSystem, row: System, base: Any
) -> None:
    given = {"scope": "game_day", "scope_id": "1", "requester": "agent", "created_by": "ann", "reason": "x"}
    assert grants.give(row, actions=["tell-crew"], minutes=5, **given).actions == ["tell-crew"]
    with pytest.raises(ValueError, match="tell-crowd is none"):
        grants.give(row, actions=["tell-crowd"], minutes=5, **given)
    in_, out = {"sql": "grant select on t to r"}, {"sql": "revoke select on t from r"}
    let_in = {"name": "let-in", "title": "Let them in", "risk": "low", "do": in_, "undo": out}
    shut = {"name": "shut-out", "title": "Shut them out", "risk": "low", "do": out, "undo": in_}
    declare(base, {"db": [let_in, shut]})
    asked = service.propose("tiny", "let-in", "db", {}, requested_by="agent")
    assert (asked.status, asked.risk) == (Status.WAITING, "high")
    assert "access:let-in/db" in asked.effects
    assert "reaccess:shut-out/db" in service.effects_of("tiny", "shut-out", "db", {})


def test_it_is_told_what_can_be_done(system: LoadedSystem, tool: Tool, base: Any, capsys: Any) -> None:
    lines = {line.split()[0]: line for line in describe(system)}
    assert "can restart, roll back" not in lines["crew"] and "close-zone, tell-crew" in lines["crew"]
    assert lines["db"].endswith("set-flag")
    with pytest.raises(CommandError, match="to mend"):
        call_command("register_system", str(base / "manifest.yaml"), "--check")
    assert "stop-job: front" in capsys.readouterr().out


def test_a_runbook_may_name_it(system: LoadedSystem) -> None:
    book = """---
id: stuck_job
title: A job is stuck
category: jobs
applies_to: any
symptoms: {http_errors: certain}
summary: "{component} waits for a job"
actions: [{action: stop-job, params: {job: nightly}}]
---
"""
    problems = [str(p) for p in validation.problems_of(book)[1]]
    assert not [p for p in problems if "unknown action" in p]
    wrong = [str(p) for p in validation.problems_of(book.replace("stop-job", "stop-jobs"))[1]]
    assert any("unknown action 'stop-jobs'; did you mean stop-job?" in p for p in wrong)
