"""The parts of the portal's own pages that are made once for everybody: a system's board, and what waits for people."""

from __future__ import annotations

from typing import Any

from actions.models import ActionRequest, Status
from incidents import page, shown
from incidents.memo import memo
from incidents.shown import NothingThere, Rights
from opsportal import health
from opsportal.pages import dashboard
from systems.models import System

RIGHTS = ("systems.view_changes", "systems.change_system")
FRESH_S = 1.0  # pages that fetch it within a second get the same one


def context(system: System | None) -> dict[str, Any]:
    """What the board is made of."""
    return dashboard.context(system) | {"parts": dashboard.remember("parts", 2, health.parts)}


def board(system: System, rights: Rights) -> str:
    def make() -> str:
        return shown.rendered("opsportal/_dashboard.html", context(system), rights)

    return memo.get(("board", system.pk, rights), FRESH_S, make)


def waiting() -> int:
    return ActionRequest.objects.filter(status=Status.WAITING).count()


def _board(key: str, rights: Rights, before: dict[str, Any] | None) -> dict[str, Any]:
    system = System.objects.filter(slug=key).first()
    if system is None:
        raise NothingThere(key)
    return {"parts": {"board": shown.rendered("opsportal/_dashboard.html", context(system), rights)}}


def _nav(key: str, rights: Rights, before: dict[str, Any] | None) -> dict[str, Any]:
    counted = {"nav": {"waiting": waiting()}}
    return {"parts": {"nav-waiting": shown.rendered("parts/nav_waiting.html", counted, rights)}}


def connect() -> None:
    """Called once per process."""
    board = shown.Kind(
        name="board",
        rights=RIGHTS,
        topics=lambda key: ("dashboard", "approvals"),
        make=_board,
        every_s=0.25,
        at_least_s=5.0,
        concerns=lambda key, message: message.get("system", key) == key,
    )
    nav = shown.Kind("nav", (), lambda key: ("approvals",), _nav, every_s=0.5, at_least_s=60.0)
    shown.register(page.KIND, board, nav)
