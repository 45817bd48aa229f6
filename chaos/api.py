"""The REST side of the chaos panel: break, revert, and what there is to break; refused for the same reasons."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from actions.apibody import Body
from chaos import service, tasks
from chaos.faults.base import INTENSITY
from chaos.models import Injection
from chaos.registry import ALIASES, FAULTS
from systems.doors import VIEW

log = logging.getLogger(__name__)
router = Router(tags=["chaos"])
PERMISSION = "chaos.inject_fault"


class BreakIn(Body):
    """`system` is needed only when several are under care; `duration_s` at most the fault's own limit."""

    duration_s: float | None = Field(default=None, gt=0, le=600)
    intensity: float | None = None
    force: bool = False
    params: dict[str, Any] = {}
    system: str = ""


class BreakOut(Schema):
    id: UUID
    fault: str
    system: str
    deadline: datetime


class Problem(Schema):
    detail: str
    near: list[str] = []


class Running(Schema):
    id: UUID
    system: str
    by: str
    started_at: datetime
    deadline: datetime


class IntensityOut(Schema):
    what: str
    usual: float
    least: float
    most: float


class FaultOut(Schema):
    id: str
    aliases: list[str]
    title: str
    category: str
    targets: list[str]
    drivers: list[str]
    description: str
    blast_radius: str
    reverts: str
    imitated: dict[str, str]  # by runtime driver
    max_duration_s: float
    intensity: IntensityOut | None  # null: it can only be put in as it is
    running: list[Running]


class RevertOut(Schema):
    """`handed_over`: the keeper is taking these back; there is none where this process can do it."""

    reverted: list[str]
    handed_over: list[str] | None = None


Answer = Status[Any]


@router.get("/break", response=list[FaultOut], summary="Every fault, and which of them run now")
def faults(request: HttpRequest) -> list[dict[str, Any]]:
    may_break = request.auth.has_perm(PERMISSION)  # type: ignore[attr-defined]
    request.require(PERMISSION if may_break else VIEW)  # type: ignore[attr-defined]
    service.sync()
    running = list(Injection.objects.filter(status=Injection.Status.RUNNING).select_related("system"))
    return [
        {
            "id": fault.id,
            "aliases": [alias for alias, (target, _) in ALIASES.items() if target == fault.id],
            **{name: getattr(fault, name) for name in ("title", "category", "description", "blast_radius")},
            **{name: getattr(fault, name) for name in ("reverts", "imitated", "max_duration_s", "intensity")},
            "targets": list(fault.targets),
            "drivers": list(fault.drivers),
            "running": [_running(row) for row in running if row.fault == fault.id],
        }
        for fault in FAULTS.values()
    ]


@router.post(
    "/break/{fault}",
    response={202: BreakOut, 403: Problem, 404: Problem, 409: Problem},
    summary="Put a fault in; it ends by itself at its deadline",
)
def break_it(request: HttpRequest, fault: str, body: BreakIn | None = None) -> Answer:
    by = _may(request)
    wanted = body or BreakIn()
    try:
        slug = wanted.system or _only_system()
        row = service.press(
            slug,
            fault,
            by=by,
            params=wanted.params | ({INTENSITY: wanted.intensity} if wanted.intensity is not None else {}),
            duration_s=wanted.duration_s,
            force=wanted.force,
        )
    except service.UnknownFault as error:
        return Status(404, {"detail": str(error), "near": error.near})
    except service.Refused as error:
        return Status(409, {"detail": str(error)})
    _start(row)
    return Status(202, {"id": row.pk, "fault": row.fault, "system": slug, "deadline": row.deadline})


@router.post(
    "/revert",
    response={200: RevertOut, 202: RevertOut, 403: Problem, 503: Problem},
    exclude_none=True,
    summary="Take every fault back",
)
def revert_all(request: HttpRequest) -> Answer:
    return _revert(_may(request), None)


@router.post(
    "/revert/{fault}",
    response={200: RevertOut, 202: RevertOut, 403: Problem, 404: Problem, 503: Problem},
    exclude_none=True,
    summary="Take one fault back; nothing happens when it does not run",
)
def revert(request: HttpRequest, fault: str) -> Answer:
    by = _may(request)
    try:
        return _revert(by, service.resolve(fault)[0])
    except service.UnknownFault as error:
        return Status(404, {"detail": str(error), "near": error.near})


def _revert(by: str, fault_id: str | None) -> Answer:
    wanted = [entry for entry in service.journal().live() if fault_id in (None, entry.fault)]
    try:
        ended = [service.take_back(entry.id, by) for entry in wanted]
    except OSError as error:
        log.exception("revert")
        why = f"not everything could be taken back ({type(error).__name__}: {error})"
        return Status(503, {"detail": f"{why}; the keeper tries again at the deadline"})
    finally:
        service.sync()
    left = [entry.fault for entry in ended if entry.live]
    done = {"reverted": [entry.fault for entry in ended if not entry.live]}
    return Status(202, done | {"handed_over": left}) if left else Status(200, done)


def _start(row: Injection) -> None:
    """Let a worker break it; with no broker to tell one, break it here."""
    try:
        tasks.run.delay(str(row.pk))
    except Exception as error:
        log.warning("no worker can be told (%s): breaking it in this process", error)
        service.run(str(row.pk))


def _only_system() -> str:
    slugs = [row.slug for row in service.breakable()]
    if len(slugs) != 1:
        raise service.Refused(
            f"which system? name it in `system`: {', '.join(slugs) or 'none is registered'}"
        )
    return slugs[0]


def _may(request: HttpRequest) -> str:
    """The caller's name. The API's authentication answers 403 when the token may not break things."""
    return str(request.require(PERMISSION).get_username())  # type: ignore[attr-defined]


def _running(row: Injection) -> dict[str, Any]:
    return {
        "id": row.pk,
        "system": row.system.slug,
        "by": row.by,
        "started_at": row.started_at,
        "deadline": row.deadline,
    }
