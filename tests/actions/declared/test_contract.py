"""Actions that a manifest declares keep the contract of those of the catalogue, whichever way they go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actions import registry, risk, service
from actions.base import Action, ActionContext
from actions.models import ActionRequest, AuditEntry, Risk, Status
from agent.roles.planner import NotWhole, whole
from incidents.findings import PlannedStep
from systems.services import LoadedSystem
from tests.actions.conftest import undone
from tests.actions.declared.conftest import EVIL, KEY, LOGIN, TABLE, Jobs, Tool, declare, declared

pytestmark = pytest.mark.django_db
EACH = {
    "stop-job": ("front", {"job": "nightly"}),
    "set-flag": ("db", {"flag": "beta", "to": "on"}),
    "set-limit": ("web-1", {"limit": 20}),
    "close-zone": ("crew", {"zone": "north"}),
}


def run(slug: str, target: str, params: dict[str, Any], alice: Any) -> ActionRequest:
    request = service.propose("tiny", slug, target, params, requested_by="agent")
    if request.status == Status.WAITING:
        request = service.decide(request.pk, alice, True)
    assert request.status == Status.APPROVED, request.status_why
    return service.execute(request.pk)


def state(jobs: Jobs, flags: Any, cache: Any, tool: Tool) -> dict[str, Any]:
    rows = flags.execute(f"select name, state from {TABLE}".encode()).fetchall()
    return {"jobs": dict(jobs.state), "flags": dict(rows), "limit": cache.get(KEY), "zones": set(tool.closed)}


@pytest.mark.parametrize("slug", EACH)
def test_contract(
    system: LoadedSystem, jobs: Jobs, flags: Any, cache: Any, tool: Tool, alice: Any, slug: str
) -> None:
    target, params = EACH[slug]
    before = state(jobs, flags, cache, tool)
    shown = service.preview("tiny", slug, target, params)
    for part in ("command", "changes", "blast_radius", "undo", "if_rejected", "risk", "risk_why"):
        assert shown[part], part
    assert set(shown["blast_radius"]) <= set(system.services) and target in shown["blast_radius"]
    assert state(jobs, flags, cache, tool) == before  # a dry run changes nothing
    request = run(slug, target, params, alice)
    assert request.status == Status.SUCCEEDED, request.result
    assert "read back" in request.status_why
    after = state(jobs, flags, cache, tool)
    assert sum(after[k] != before[k] for k in before) == 1
    action = registry.get(slug, system)
    ctx = ActionContext(system, target, undo=request.undo)
    assert action.read_back(ctx, action.Params.model_validate(request.params)) == "applied"
    stored = json.dumps([request.preview, request.undo, request.result, shown])
    assert LOGIN.split()[1] not in stored
    assert not AuditEntry.objects.filter(data__icontains=LOGIN.split()[1]).exists()
    assert shown["undoable"] and not shown["undo"].startswith("Cannot be undone")
    back = undone(request.pk, alice)
    assert back.status == Status.ROLLED_BACK, back.result
    assert state(jobs, flags, cache, tool) == before


def test_effects_tell_the_same_of_the_same_and_ask_nobody(system: LoadedSystem, jobs: Jobs) -> None:
    jobs.server.shutdown()
    jobs.server.server_close()
    for slug, (target, params) in EACH.items():
        action = registry.get(slug, system)
        assert type(action).effects is not Action.effects
        ctx = ActionContext(system, target)
        found = action.effects(ctx, action.Params.model_validate(params))
        assert found == action.effects(ctx, action.Params.model_validate(params))
        assert all(":" in word and word == word.strip() and len(word) <= 300 for word in found)
    action = registry.get("stop-job", system)
    ctx = ActionContext(system, "front")
    assert action.effects(ctx, action.Params(job="nightly")) == {"declared:stop-job/front?job=nightly"}
    assert len({action.effects(ctx, action.Params(job=job)) for job in ("a b", "a%20b", "a", "x" * 200)}) == 4


def test_one_effect_is_one_question(system: LoadedSystem, row: Any, jobs: Jobs) -> None:
    from django.db.models.functions import Now

    from incidents.models import Incident

    incident = Incident.objects.create(system=row, fingerprint="x", title="x", started_at=Now())
    params = {"job": "nightly"}
    first = service.propose(
        "tiny", "stop-job", "front", params, requested_by="agent", incident_id=incident.pk
    )
    earlier = service.already("tiny", "stop_job", "front", params, incident.pk)
    assert earlier is not None and earlier.request == first.pk
    assert service.already("tiny", "stop-job", "front", {"job": "hourly"}, incident.pk) is None


def test_nothing_but_what_is_listed(system: LoadedSystem, jobs: Jobs, tool: Tool, flags: Any) -> None:
    for slug, target, params, words in (
        ("stop-job", "front", {"job": "weekly"}, "must be one of: nightly, hourly"),
        ("stop-job", "front", {"job": " nightly"}, "must be one of"),
        ("stop-job", "front", {"job": "nightly/../hourly"}, "must be one of"),
        ("stop-job", "front", {"job": "nightly\r\nX: y"}, "must be one of"),
        ("stop-job", "front", {"job": ""}, "at least 1 character"),
        ("stop-job", "front", {}, "job: Field required"),
        ("stop-job", "front", {"job": "nightly", "force": True}, "Extra inputs"),
        ("set-flag", "db", {"flag": "beta'; drop table x; --", "to": "on"}, "must be one of: beta, it's"),
        ("set-flag", "db", {"flag": "beta", "to": "maybe"}, "'on', 'off'"),
        ("set-limit", "web-1", {"limit": 51}, "less than or equal to 50"),
        ("set-limit", "web-1", {"limit": 1.5}, "valid integer"),
        ("close-zone", "crew", {"zone": "north south"}, "must be one of"),
        ("stop-job", "web-1", {"job": "nightly"}, "does not run on 'web-1'"),
    ):
        with pytest.raises(service.ActionRefused, match=words):
            service.propose("tiny", slug, target, params, requested_by="bob")
    assert jobs.seen == [] and not tool.closed
    assert ActionRequest.objects.count() == 0


def test_a_list_may_hold_anything(system: LoadedSystem, jobs: Jobs) -> None:
    jobs.state |= {"": "on", "a\0b": "on", "\ud800": "on", "x" * 201: "on", "grüße": "on"}
    with pytest.raises(service.ActionRefused, match=r"one of: nightly, hourly, .*, \.\., grüße$"):
        service.propose("tiny", "stop-job", "front", {"job": "weekly"}, requested_by="bob")
    jobs.state |= {str(n): "on" for n in range(100)}
    with pytest.raises(service.ActionRefused, match="and 65 more"):
        service.propose("tiny", "stop-job", "front", {"job": "weekly"}, requested_by="bob")
    jobs.state |= {str(n): "on" for n in range(600)}
    with pytest.raises(service.ActionRefused, match="500 values or more"):
        service.propose("tiny", "stop-job", "front", {"job": "nightly"}, requested_by="bob")
    assert jobs.seen == []


def test_what_is_not_listed_any_more_is_not_done(system: LoadedSystem, jobs: Jobs) -> None:
    request = service.propose("tiny", "stop-job", "front", {"job": "hourly"}, requested_by="bob")
    assert request.status == Status.APPROVED
    del jobs.state["hourly"]
    done = service.execute(request.pk)
    assert done.status == Status.CANCELLED and "must be one of" in done.status_why
    assert jobs.seen == []


def test_a_listed_value_stays_the_value_whatever_stands_in_it(
    system: LoadedSystem, jobs: Jobs, flags: Any, tool: Tool, alice: Any
) -> None:
    """Names in a target's own lists are data of whoever could write there."""
    done = run("stop-job", "", {"job": EVIL}, alice)
    assert done.status == Status.SUCCEEDED, done.status_why
    assert jobs.state == {"nightly": "on", "hourly": "on", EVIL: "paused", "..": "on"}
    quoted = run("set-flag", "db", {"flag": "it's", "to": "'off'; drop table x"}, alice)
    assert quoted.status == Status.SUCCEEDED, quoted.status_why
    rows = flags.execute(f"select name, state from {TABLE}".encode()).fetchall()
    assert dict(rows) == {"beta": "off", "it's": "'off'; drop table x"}
    # what could not stay one value is not sent
    dots = service.propose("tiny", "stop-job", "front", {"job": ".."}, requested_by="bob")
    assert service.execute(dots.pk).status == Status.FAILED
    option = run("close-zone", "crew", {"zone": "-all"}, alice)
    assert option.status == Status.FAILED and "read as an option" in option.status_why
    assert [path for _, path, _ in jobs.seen] == [
        "/jobs/a%2Fb%20%3Fx%3D1%26y%3D%27%3B%20drop%20table%20t%20--%22%3Cb%3E/pause"
    ]
    assert [argv for argv, _ in tool.calls if argv[1] == "close"] == []


def test_what_would_be_gone_is_counted_and_asked_about(system: LoadedSystem, flags: Any, alice: Any) -> None:
    params = {"flag": "it's", "to": "on"}
    shown = service.preview("tiny", "set-flag", "db", params)
    assert shown["loss"] == {"runs": 3} and "3 runs would be gone" in shown["changes"]
    assert (shown["risk"], shown["risk_why"]) == ("high", "3 runs would be gone")
    request = service.propose("tiny", "set-flag", "db", params, requested_by="agent")
    assert request.status == Status.WAITING
    flags.execute(f"update {TABLE} set runs = 5 where name = 'it''s'".encode())
    service.decide(request.pk, alice, True)
    done = service.execute(request.pk)
    assert done.result and done.result["lost"] == {"runs": 5}  # measured when it was done
    nothing = service.preview("tiny", "set-flag", "db", {"flag": "beta", "to": "on"})
    assert (nothing["loss"], nothing["risk"]) == ({}, "medium")
    flags.execute(f"update {TABLE} set runs = null".encode())
    unknown = service.preview("tiny", "set-flag", "db", {"flag": "beta", "to": "on"})
    assert (unknown["loss"], unknown["risk"]) == ({"runs": None}, "high")


def test_a_loss_that_came_after_the_approval_stops_it(system: LoadedSystem, flags: Any) -> None:
    request = service.propose("tiny", "set-flag", "db", {"flag": "beta", "to": "on"}, requested_by="agent")
    assert request.status == Status.APPROVED
    flags.execute(f"update {TABLE} set runs = 1 where name = 'beta'".encode())
    done = service.execute(request.pk)
    assert done.status == Status.CANCELLED and "risk is now rated higher" in done.status_why


def test_what_was_before_is_part_of_what_was_approved(system: LoadedSystem, cache: Any) -> None:
    request = service.propose("tiny", "set-limit", "web-1", {"limit": 20}, requested_by="agent")
    assert f"SET {KEY} 10" in request.preview["undo"]
    cache.set(KEY, "33")  # by somebody else
    done = service.execute(request.pk)
    assert done.status == Status.CANCELLED and "no longer what it was" in done.status_why
    assert cache.get(KEY) == "33"


def test_without_an_undo_it_says_so(system: LoadedSystem, tool: Tool, alice: Any) -> None:
    shown = service.preview("tiny", "tell-crew", "crew", {})
    assert shown["undo"].startswith("Cannot be undone") and not shown["undoable"]
    assert "cannot be read" in shown["changes"][0]
    done = run("tell-crew", "crew", {}, alice)
    assert done.status == Status.SUCCEEDED
    assert [fence for argv, fence in tool.calls if argv[1] == "close"] == [done.fence]
    with pytest.raises(service.ActionRefused, match="cannot be undone"):
        service.undo(done.pk, requested_by="bob")
    assert service.not_to_be_rolled_back(done.pk)


def test_an_undo_that_is_declared_otherwise_by_now_is_not_made(
    system: LoadedSystem, base: Path, jobs: Jobs, alice: Any
) -> None:
    request = run("stop-job", "front", {"job": "nightly"}, alice)
    specs = declared(jobs.url)
    specs["front"][0]["undo"] = {"http": {"post": f"{jobs.url}/jobs/{{job}}/pause"}}
    declare(base, specs)
    undo = service.undo(request.pk, requested_by="bob")
    service.execute(undo.pk)
    undo.refresh_from_db()
    assert undo.status == Status.FAILED and "declared otherwise" in undo.status_why


def test_two_services_may_share_an_action(system: LoadedSystem, base: Path, jobs: Jobs) -> None:
    specs = declared(jobs.url)
    other = specs["front"][0] | {"params": {"job": {"from": {"redis": f"GET {KEY}", "on": "cache"}}}}
    shared = declare(base, {"front": specs["front"], "web-2": [other]})
    action = registry.get("stop-job", shared)
    assert action.targets(shared) == ["front", "web-2"]
    # the service that lists the value is the one that is meant
    assert registry.expand(action, shared, "db", {"job": "nightly"}) == ["front"]
    assert registry.expand(action, shared, "", {"job": "10"}) == ["web-2"]
    assert registry.expand(action, shared, "db", {"job": "nobody's"}) == []
    assert registry.resolve("stop-job-web-2", shared).target == "web-2"


def test_a_step_of_a_runbook_applies_where_it_is_declared(system: LoadedSystem, base: Path) -> None:
    def path(target: str, params: dict[str, Any]) -> list[PlannedStep]:
        steps = [PlannedStep(action="stop-job", target=target, params=params)]
        return whole(
            steps,
            lambda a, w, p: service.resolve_targets("tiny", a, w, p),
            lambda s: service.effects_of("tiny", s.action, s.target, s.params),
        )

    assert [s.target for s in path("db", {"job": "nightly"})] == ["front"]
    declare(base, {"front": []})
    with pytest.raises(NotWhole, match="does not apply"):
        path("front", {"job": "nightly"})
    assert service.risk_of("tiny", "stop-job", "front") == "high"
    with pytest.raises(service.UnknownAction):
        service.propose("tiny", "stop-job", "front", {"job": "nightly"}, requested_by="bob")


def test_its_author_cannot_rate_it_lower_than_its_calls(system: LoadedSystem) -> None:
    assert registry.get("close-zone", system).risk == Risk.MEDIUM  # it is read back, and can be undone
    assert registry.get("tell-crew", system).risk == Risk.HIGH
    assert registry.get("stop-job", system).risk == registry.get("set-limit", system).risk == Risk.MEDIUM
    assert risk.assess(registry.get("tell-crew", system), system, "crew")[0] == Risk.HIGH
    request = service.propose("tiny", "tell-crew", "crew", {}, requested_by="agent")
    assert (request.status, request.risk) == (Status.WAITING, "high")
