"""Chaos mode over REST: how it is set, on and off."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from actions.apibody import Body
from actions.gate import APPROVE
from chaos import service as chaos
from chaos.mode import service
from chaos.models import Schedule
from systems.doors import VIEW
from systems.models import System

router = Router(tags=["chaos"])
PERMISSION = "chaos.inject_fault"


class ModeIn(Body):
    """What is left out stays. `system` is needed only when several are under care."""

    system: str = ""
    on: bool | None = None
    every_s: int | None = None
    lasts_s: int | None = None
    categories: list[str] | None = None
    faults: list[str] | None = None
    most_parts: int | None = None
    most_impact: float | None = None
    from_hour: int | None = None
    until_hour: int | None = None
    approve: bool | None = None


class ModeOut(Schema):
    system: str
    on: bool
    every_s: int
    lasts_s: int
    categories: list[str]
    faults: list[str]
    most_parts: int
    most_impact: float
    from_hour: int
    until_hour: int
    approve: bool
    next_at: datetime | None
    skipped: str
    halted: str


class Wrong(Schema):
    detail: str


@router.get("/api/chaos/mode", response={200: ModeOut, 404: Wrong}, summary="How chaos mode is set")
def show(request: HttpRequest, system: str = "") -> Any:
    request.require(VIEW)  # type: ignore[attr-defined]
    found = _system(system)
    return _out(service.of(found)) if found else Status(404, {"detail": "there is no such system"})


@router.post(
    "/api/chaos/mode",
    response={200: ModeOut, 404: Wrong, 422: Wrong},
    summary="Set chaos mode, turn it on or off",
)
def change(request: HttpRequest, body: ModeIn) -> Any:
    by = str(request.require(PERMISSION).get_username())  # type: ignore[attr-defined]
    found = _system(body.system)
    if found is None:
        return Status(404, {"detail": "there is no such system"})
    wanted = body.model_dump(exclude={"system", "on"}, exclude_none=True)
    if service.needs_approver(service.of(found), wanted, body.on):
        request.require(APPROVE)  # type: ignore[attr-defined]
    try:
        if wanted:
            service.change(found, by, **wanted)
    except service.Wrong as error:
        return Status(422, {"detail": str(error)})
    if body.on is not None:
        (service.turn_on if body.on else service.turn_off)(found, by)
    return _out(service.of(found))


def _system(slug: str) -> System | None:
    rows = chaos.breakable()
    if slug:
        return next((row for row in rows if row.slug == slug), None)
    return rows[0] if len(rows) == 1 else None


def _out(row: Schedule) -> dict[str, Any]:
    told = ("on", *service.SETTINGS, "next_at", "skipped", "halted")
    return {"system": row.system.slug, **{name: getattr(row, name) for name in told}}
