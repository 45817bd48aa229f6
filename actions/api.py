"""REST: ask for actions, look at them, decide on them. The same gate, policy and audit as the buttons."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from ninja import Router, Schema
from ninja import Status as Answer

from actions import registry, service
from actions.apibody import Body
from actions.gate import load
from actions.models import ActionRequest, Status
from systems.models import System

router = Router(tags=["actions"])
RUN, APPROVE, READ = "actions.run_action", "actions.approve_action", "incidents.view_incident"


class Problem(Schema):
    """What is wrong and what to mend."""

    detail: str
    near: list[str] = []


class Ask(Body):
    """All parts may be left out where the action knows them itself. `wait` false: answer at once. `dry_run`: only show
    what it would do. `params`: see GET /action. `system` may be left out while there is one."""

    target: str = ""
    params: dict[str, Any] = {}
    reason: str = ""
    system: str = ""
    incident: int | None = None
    wait: bool = True
    dry_run: bool = False


class Say(Body):
    """`digest`: of what you decide on, from GET /action/ID. Needed once a request has changed since it was asked."""

    reason: str = ""
    digest: str = ""


class ActionOut(Schema):
    id: UUID
    action: str
    target: str
    params: dict[str, Any]
    status: str
    status_why: str
    runbook: str
    risk: str
    risk_why: str
    preview: dict[str, Any]
    result: dict[str, Any] | None
    incident: int | None
    requested_by: str
    digest: str
    undo_of: UUID | None
    undone_by: list[UUID]
    reminders: int
    asked_again_at: datetime | None
    changed_at: datetime | None
    url: str


class KindOut(Schema):
    action: str
    title: str
    risk: str
    targets: list[str]
    aliases: list[str]
    params: dict[str, Any]


def show(request: ActionRequest) -> dict[str, Any]:
    return {
        "id": request.pk,
        "action": request.slug,
        "target": request.target,
        "params": request.params,
        "status": request.status,
        "status_why": request.status_why,
        "runbook": request.runbook,
        "risk": request.risk,
        "risk_why": request.risk_why,
        "preview": request.preview,
        "result": request.result,
        "incident": request.incident_id,
        "requested_by": request.requested_by,
        "digest": request.digest,
        "undo_of": request.undo_of_id,
        "undone_by": list(request.undos.order_by("requested_at").values_list("pk", flat=True)),
        "reminders": request.renewals,
        "asked_again_at": request.expires_at if request.status == Status.WAITING else None,
        "changed_at": request.changed_at,
        "url": f"/action/{request.pk}",
    }


def named_system(slug: str) -> str:
    """The slug itself, or that of the only system."""
    if slug:
        return slug
    found = list(System.objects.filter(enabled=True).values_list("slug", flat=True)[:2])
    if len(found) != 1:
        raise service.ActionRefused("name the system" if found else "no system is under care yet")
    return found[0]


def _one(request_id: UUID) -> ActionRequest:
    return ActionRequest.objects.select_related("system").get(pk=request_id)


@router.get("/action", response=list[KindOut], summary="Every action, where it runs and its parameters")
def kinds(request: HttpRequest, system: str = "") -> list[dict[str, Any]]:
    request.require(READ)  # type: ignore[attr-defined]
    loaded = load(named_system(system))
    return [
        {
            "action": action.slug,
            "title": action.title,
            "risk": str(action.risk.value),
            "targets": action.targets(loaded),
            "aliases": list(action.aliases),
            "params": action.Params.model_json_schema().get("properties", {}),
        }
        for action in registry.of(loaded).values()
    ]


@router.get("/action/{uuid:request_id}", response={200: ActionOut, 404: Problem}, summary="One request")
def one(request: HttpRequest, request_id: UUID) -> dict[str, Any]:
    request.require(READ)  # type: ignore[attr-defined]
    return show(_one(request_id))


@router.post(
    "/action/{slug}",
    response={200: ActionOut, 202: ActionOut, 404: Problem, 409: ActionOut, 422: Problem},
    summary="Ask for an action; it runs at once when policy lets it, else it waits for approval (202)",
)
def ask(request: HttpRequest, slug: str, body: Ask | None = None) -> Answer[Any]:
    user = request.require(RUN)  # type: ignore[attr-defined]
    body = body or Ask()
    system = named_system(body.system)
    if body.dry_run:
        return Answer(200, _dry(system, slug, body, user.get_username()))
    row = service.propose(
        system,
        slug,
        body.target,
        body.params,
        requested_by=user.get_username(),
        incident_id=body.incident,
        reason=body.reason,
    )
    return _answer(row, body.wait)


def _answer(row: ActionRequest, wait: bool) -> Answer[Any]:
    """What the policy lets run alone is run, here or by a worker."""
    if row.status == Status.APPROVED and wait and not settings.OPSPORTAL_LOOKS_ONLY:
        row = service.execute(row.pk)
    elif row.status == Status.APPROVED:
        service.wake(row.pk)
    code = {Status.REFUSED: 409, Status.WAITING: 202, Status.APPROVED: 202, Status.RUNNING: 202}
    return Answer(code.get(Status(row.status), 200), show(row))


def _dry(system: str, slug: str, body: Ask, username: str) -> dict[str, Any]:
    shown = service.preview(system, slug, body.target, body.params)
    return {
        "id": UUID(int=0),
        "action": registry.resolve(slug, load(system)).action.slug,
        "target": shown.pop("target"),
        "params": body.params,
        "status": "dry run",
        "status_why": "nothing was changed",
        "runbook": "",
        "risk": shown.pop("risk"),
        "risk_why": shown.pop("risk_why"),
        "preview": shown,
        "result": None,
        "incident": body.incident,
        "requested_by": username,
        "digest": "",
        "undo_of": None,
        "undone_by": [],
        "reminders": 0,
        "asked_again_at": None,
        "changed_at": None,
        "url": "",
    }


@router.post("/action/{uuid:request_id}/approve", response={200: ActionOut, 403: Problem}, summary="Approve")
def approve(request: HttpRequest, request_id: UUID, body: Say | None = None) -> dict[str, Any]:
    user = request.require(APPROVE)  # type: ignore[attr-defined]
    body = body or Say()
    return show(service.decide(request_id, user, True, body.reason, digest=body.digest))


@router.post("/action/{uuid:request_id}/reject", response={200: ActionOut, 403: Problem}, summary="Reject")
def reject(request: HttpRequest, request_id: UUID, body: Say | None = None) -> dict[str, Any]:
    user = request.require(APPROVE)  # type: ignore[attr-defined]
    body = body or Say()
    return show(service.decide(request_id, user, False, body.reason, digest=body.digest))


@router.post(
    "/action/{uuid:request_id}/rollback",
    response={200: ActionOut, 202: ActionOut, 403: Problem, 409: ActionOut, 422: Problem},
    summary="Ask that it is put back: a request of its own, which runs at once or waits for approval (202)",
)
def put_back(request: HttpRequest, request_id: UUID) -> Answer[Any]:
    user = request.require(RUN)  # type: ignore[attr-defined]
    return _answer(service.ask_undo(request_id, user), wait=True)
