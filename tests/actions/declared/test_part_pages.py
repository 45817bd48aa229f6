"""A part's page: what applies to it, the form of each action, its dry run, and asking for it."""

from __future__ import annotations

import pytest
from django.test import Client

from actions.models import ActionRequest, AuditEntry, Status
from systems.services import LoadedSystem
from tests.actions.conftest import person
from tests.actions.declared.conftest import Jobs

pytestmark = pytest.mark.django_db
PART = "/systems/tiny/parts/front/"
STOP = f"{PART}do/stop-job/"


@pytest.fixture
def bob() -> Client:
    client = Client()
    client.force_login(person("bob", "actions.run_action"))
    return client


def test_it_lists_what_applies_declared_actions_first(system: LoadedSystem, bob: Client) -> None:
    text = bob.get(PART).content.decode()
    assert "Stop a scheduled job" in text and STOP in text and "declared by the manifest" in text
    assert "Close a zone" not in text, "that is of another part"
    assert text.index("Stop a scheduled job") < text.index("restart-service")
    for path in ("/systems/tiny/parts/nobody/", "/systems/none/parts/front/", f"{PART}do/close-zone/"):
        assert bob.get(path).status_code == 404, path
    assert bob.get(f"{PART}do/stop-jobs/").status_code == 404


def test_the_form_has_the_inventory_and_the_dry_run_changes_nothing(
    system: LoadedSystem, bob: Client, jobs: Jobs
) -> None:
    text = bob.get(STOP).content.decode()
    assert '<option value="nightly"' in text and '<option value="hourly"' in text
    shown = bob.post(STOP, {"p_job": "nightly", "do": "preview"}).content.decode()
    assert f"POST {jobs.url}/jobs/nightly/pause" in shown and "state: on -&gt; paused" in shown
    assert jobs.seen == [] and not ActionRequest.objects.exists()
    wrong = bob.post(STOP, {"p_job": "weekly", "do": "preview"}).content.decode()
    assert "must be one of" in wrong


def test_asking_needs_a_reason_and_goes_through_the_gate(
    system: LoadedSystem, bob: Client, jobs: Jobs
) -> None:
    assert "Say why" in bob.post(STOP, {"p_job": "nightly", "do": "ask"}).content.decode()
    assert not ActionRequest.objects.exists()
    answer = bob.post(STOP, {"p_job": "nightly", "do": "ask", "reason": "it eats the disk"}, follow=True)
    row = ActionRequest.objects.get()
    assert (row.requested_by, row.reason, row.params) == ("bob", "it eats the disk", {"job": "nightly"})
    assert row.status == Status.SUCCEEDED and jobs.state["nightly"] == "paused"
    assert answer.redirect_chain == [(f"/approvals/{row.pk}/", 302)]
    assert AuditEntry.objects.filter(request_id=row.pk, actor="bob", verb="action.approved").exists()


def test_what_is_risky_waits_for_somebody_else(system: LoadedSystem, bob: Client) -> None:
    path = "/systems/tiny/parts/db/do/set-flag/"
    text = bob.get(path).content.decode()
    assert "it&#x27;s" in text and "&#x27;off&#x27;; drop table x" in text
    answer = bob.post(path, {"p_flag": "it's", "p_to": "on", "do": "ask", "reason": "launch"}, follow=True)
    assert "waits for somebody else" in answer.content.decode()
    assert ActionRequest.objects.get().status == Status.WAITING


def test_a_number_is_checked_as_the_gate_checks_it(system: LoadedSystem, bob: Client) -> None:
    path = "/systems/tiny/parts/web-1/do/set-limit/"
    assert "from 1 to 50" in bob.get(path).content.decode()
    refused = bob.post(path, {"p_limit": "900", "do": "ask", "reason": "x"})
    assert refused.status_code == 422 and "less than or equal to 50" in refused.content.decode()
    bob.post(path, {"p_limit": "20", "do": "ask", "reason": "x"})
    assert ActionRequest.objects.get().params == {"limit": 20}


def test_an_inventory_that_does_not_answer_is_said(system: LoadedSystem, bob: Client, jobs: Jobs) -> None:
    jobs.server.shutdown()
    jobs.server.server_close()
    text = bob.get(STOP).content.decode()
    assert "cannot be found out now" in text


def test_who_may_not_run_looks(system: LoadedSystem) -> None:
    client = Client()
    client.force_login(person("rita"))
    text = client.get(PART).content.decode()
    assert "You may look, but not ask" in text and STOP not in text
    assert client.get(STOP).status_code == 403
    assert client.post(STOP, {"p_job": "nightly", "do": "ask", "reason": "x"}).status_code == 403
