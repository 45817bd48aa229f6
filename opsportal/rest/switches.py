"""REST: the switches over all acting: may the agent act on a system, is everybody stopped. Rights as on the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from actions import policy, switch
from actions.apibody import Body
from actions.models import Freeze
from systems.models import System

router = Router(tags=["switches"])
READ = "incidents.view_incident"
WEEK = 10080  # minutes


class AgentOut(Schema):
    """`withdrawn`: how many of the agent's requests this call took back. `by`, `at`, `why`: who turned it last."""

    system: str
    on: bool
    by: str = ""
    at: datetime | None = None
    why: str = ""
    withdrawn: int = 0


class AgentIn(Body):
    on: bool
    why: str = Field("", max_length=300)


class StopOut(Schema):
    """`note`: as on the pages, who stopped it and why; empty while actions may start."""

    stopped: bool
    note: str


class StopIn(Body):
    """`minutes` left out: until it is lifted."""

    note: str = Field("", max_length=300)
    minutes: int | None = Field(None, ge=1, le=WEEK)


def _agent(system: System, withdrawn: int = 0) -> dict[str, Any]:
    turned = switch.last_turned(system.slug) or {}
    said = {"system": system.slug, "on": system.agent_on, "withdrawn": withdrawn}
    return said | {name: turned[name] for name in ("by", "at", "why") if name in turned}


@router.get("/systems/{slug}/agent", response=AgentOut, summary="May the agent act there, and who said so")
def agent(request: HttpRequest, slug: str) -> dict[str, Any]:
    request.require(READ)  # type: ignore[attr-defined]
    return _agent(System.objects.get(slug=slug))


@router.post("/systems/{slug}/agent", response=AgentOut, summary="Let the agent repair there, or only watch")
def turn_agent(request: HttpRequest, slug: str, body: AgentIn) -> dict[str, Any]:
    user = request.require(switch.RIGHT)  # type: ignore[attr-defined]
    system = System.objects.get(slug=slug)
    return _agent(system, switch.turn_agent(system, body.on, user.get_username(), body.why.strip()))


def _stop() -> dict[str, Any]:
    why = policy.stopped()
    return {"stopped": why is not None, "note": why or ""}


@router.get("/stop", response=StopOut, summary="Is all acting stopped")
def stopped(request: HttpRequest) -> dict[str, Any]:
    request.require(READ)  # type: ignore[attr-defined]
    return _stop()


@router.post(
    "/stop", response=StopOut, summary="Stop all acting: no action of anybody starts until it is lifted"
)
def stop(request: HttpRequest, body: StopIn | None = None) -> dict[str, Any]:
    user = request.require(policy.FREEZE)  # type: ignore[attr-defined]
    body = body or StopIn(note="", minutes=None)
    policy.set_freeze(None, Freeze.Mode.STOP, user.get_username(), body.note.strip(), body.minutes)
    return _stop()


@router.delete("/stop", response=StopOut, summary="Let actions start again")
def start(request: HttpRequest) -> dict[str, Any]:
    user = request.require(policy.FREEZE)  # type: ignore[attr-defined]
    policy.lift_freezes(None, Freeze.Mode.STOP, user.get_username())
    return _stop()
