"""What came of a declared action: refused, failed half-way, nobody knows, read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from actions import service
from actions.models import ActionRequest, Fence, Status
from incidents.memo import memo
from systems.runtimes.base import ExecResult
from systems.services import LoadedSystem
from tests.actions.declared.conftest import Jobs, Tool, declare, declared
from tests.actions.declared.test_contract import run

pytestmark = pytest.mark.django_db


def pause(jobs: Jobs, ill: str) -> ActionRequest:
    request = service.propose("tiny", "stop-job", "front", {"job": "nightly"}, requested_by="bob")
    jobs.ill = ill
    return service.execute(request.pk)


def settle_now(request: ActionRequest) -> None:
    """All the time that it had is over."""
    assert request.undo is not None
    ActionRequest.objects.filter(pk=request.pk).update(undo=request.undo | {"settles_at": 0})


def test_what_was_refused_did_not_take_place(system: LoadedSystem, jobs: Jobs) -> None:
    done = pause(jobs, "refuses")
    assert done.status == Status.FAILED and "answered 409" in done.status_why
    assert not Fence.objects.exclude(held_by=None).exists()


@pytest.mark.parametrize("ill", ["drops", "fails"])
def test_what_was_sent_and_not_answered_is_read_back_and_never_sent_again(
    system: LoadedSystem, jobs: Jobs, ill: str
) -> None:
    done = pause(jobs, ill)
    assert (done.status, jobs.state["nightly"]) == (Status.SUCCEEDED, "paused")
    assert "read back from the target: it is applied" in done.status_why
    service.sweep()
    assert len(jobs.seen) == 1
    assert jobs.seen[0][2]["Idempotency-Key"] == f"{done.pk}-1"


def test_what_may_still_come_is_not_said_to_be_not_applied(system: LoadedSystem, jobs: Jobs) -> None:
    done = pause(jobs, "idle")
    assert done.status == Status.FAILED and "state is on" in done.status_why  # it answered, and did nothing
    jobs.server.RequestHandlerClass.do_POST = lambda handler: handler.connection.close()  # type: ignore[attr-defined]
    lost = pause(jobs, "")
    assert lost.status == Status.UNKNOWN
    service.resolve_unknown()
    lost.refresh_from_db()
    assert lost.status == Status.UNKNOWN  # it may be on its way
    assert Fence.objects.exclude(held_by=None).exists()
    settle_now(lost)
    service.resolve_unknown()
    lost.refresh_from_db()
    assert lost.status == Status.FAILED and "it is not applied" in lost.status_why


def test_without_a_check_a_person_says_how_it_ended(system: LoadedSystem, tool: Tool, alice: Any) -> None:
    tool.result = ExecResult(-9, timed_out=True)
    done = run("tell-crew", "crew", {}, alice)
    assert done.status == Status.UNKNOWN and "did not end within" in done.status_why
    service.sweep()
    done.refresh_from_db()
    assert done.status == Status.UNKNOWN
    assert len([argv for argv, _ in tool.calls if argv[1] == "close"]) == 1
    from actions.execution import resolve_by_person

    assert resolve_by_person(done.pk, alice, True, "I saw it")
    done.refresh_from_db()
    assert done.status == Status.SUCCEEDED


def test_calls_go_in_order_and_stop_at_the_first_that_fails(
    system: LoadedSystem, base: Path, jobs: Jobs, alice: Any
) -> None:
    specs = declared(jobs.url)
    two = [{"http": {"post": f"{jobs.url}/jobs/{job}/pause"}} for job in ("{job}", "hourly")]
    missing = {"redis": ["HSET", "no", "such", "command", "form"], "on": "cache"}
    specs["front"][0] |= {"do": [two[0], missing, two[1]]}
    declare(base, specs)
    done = run("stop-job", "front", {"job": "nightly"}, alice)
    assert done.status == Status.FAILED
    assert "pause: 200; but then: cache:" in done.status_why
    assert jobs.state["hourly"] == "on" and jobs.state["nightly"] == "paused"
    undo = service.undo(done.pk, requested_by="bob")
    if undo.status == Status.WAITING:
        service.decide(undo.pk, alice, True)
    assert service.execute(undo.pk).status == Status.SUCCEEDED
    assert jobs.state["nightly"] == "on"


def test_a_target_that_cannot_be_asked_leaves_it_undone(system: LoadedSystem, jobs: Jobs) -> None:
    request = service.propose("tiny", "stop-job", "front", {"job": "nightly"}, requested_by="bob")
    jobs.server.shutdown()
    jobs.server.server_close()
    done = service.execute(request.pk)
    assert done.status == Status.CANCELLED and "not run" in done.status_why
    with pytest.raises(service.ActionRefused, match="stop-job: GET http://127"):
        service.propose("tiny", "stop-job", "front", {"job": "nightly"}, requested_by="bob")


@pytest.mark.parametrize(("state", "outcome"), [("paused", "failed"), ("on", "held")])
def test_what_its_own_trial_speaks_against_the_agent_does_not_ask_for(
    base: Path, system: LoadedSystem, jobs: Jobs, state: str, outcome: str
) -> None:
    actions = declared(jobs.url)
    memo.forget()
    actions["front"][0]["beforehand"] = {"http": f"{jobs.url}/jobs/hourly", "path": "state", "is": "on"}
    declare(base, actions)
    jobs.state["hourly"] = state
    shown = service.preview("tiny", "stop-job", "front", {"job": "nightly"})
    assert shown["trial"] == {"outcome": outcome, "on": "a copy", "found": [f"state: {state}"]}
    request = service.propose("tiny", "stop-job", "front", {"job": "nightly"}, requested_by="agent")
    assert (request.status == Status.REFUSED) is (outcome == "failed"), request.status_why
    assert jobs.state["nightly"] == "on"


def test_trial_that_cannot_be_made_stands_in_nobodys_way(
    base: Path, system: LoadedSystem, jobs: Jobs
) -> None:
    actions = declared(jobs.url)
    memo.forget()
    actions["front"][0]["beforehand"] = {"http": f"{jobs.url}/jobs/none", "path": "state", "is": "on"}
    declare(base, actions)
    request = service.propose("tiny", "stop-job", "front", {"job": "nightly"}, requested_by="agent")
    assert request.status != Status.REFUSED
    assert request.preview["trial"]["outcome"] == "not_tried"
