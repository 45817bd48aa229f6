"""End the idle sessions of one application on a database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from actions import consumers, effects
from actions.base import Action, ActionContext, ActionRefused, Params, Preview, ReadBack, Result
from actions.models import Risk
from systems.services import LoadedSystem

OWN = "opsportal"  # names the portal's own sessions begin with
IDLE = (
    "select pid, backend_start, usename from pg_stat_activity where application_name = %s and state = 'idle'"
    " and backend_type = 'client backend' and pid <> pg_backend_pid()"
)
END = (
    "select pg_terminate_backend(pid) from pg_stat_activity"
    " where pid = %s and backend_start = %s and state = 'idle'"
)
Session = tuple[int, datetime]  # pid and start: another session under the same pid is another


class IdleParams(Params):
    application: str = Field(min_length=1, max_length=63, description="application_name of the sessions")


class KillIdleConnections(Action[IdleParams]):
    slug = "kill-idle-connections"
    title = "End idle database connections"
    risk = Risk.MEDIUM
    Params = IdleParams
    can_lose = ("sessions",)

    def targets(self, system: LoadedSystem) -> list[str]:
        return effects.of_kind(system.services, "postgres")

    def choices(self, ctx: ActionContext) -> dict[str, list[str]]:
        with effects.admin(ctx.service) as session:
            rows = session.execute(
                "select distinct application_name from pg_stat_activity"
                " where backend_type = 'client backend' and application_name <> ''"
            ).fetchall()
        return {"application": sorted(str(r[0]) for r in rows if not str(r[0]).startswith(OWN))}

    def effects(self, ctx: ActionContext, params: IdleParams) -> frozenset[str]:
        return frozenset({f"sessions:{ctx.target}/{params.application}"})

    def raised_by(self, ctx: ActionContext, params: IdleParams) -> tuple[Risk, str] | None:
        ours, persons = _idle(ctx, params.application)
        if ours or not persons:
            return None
        return (
            Risk.HIGH,
            f"{params.application} is no consumer that the manifest names: they may be a person's",
        )

    def check(self, ctx: ActionContext, params: IdleParams) -> None:
        if not _meant(ctx, params.application)[0]:
            raise ActionRefused(f"{params.application} has no idle connection")

    def preview(self, ctx: ActionContext, params: IdleParams) -> Preview:
        idle, left = _meant(ctx, params.application)
        return Preview(
            f"pg_terminate_backend(pid) of every idle session with application_name = {params.application!r}",
            [
                f"{len(idle)} idle sessions of {params.application} end; busy ones stay",
                *([left] if left else []),
            ],
            [ctx.target],
            "Cannot be undone: an idle session holds no work, and its owner may connect again.",
            loss={"sessions": len(idle)},
        )

    def prepare(self, ctx: ActionContext, params: IdleParams) -> dict[str, Any]:
        return {"sessions": sorted(pid for pid, _ in _meant(ctx, params.application)[0])}

    def execute(self, ctx: ActionContext, params: IdleParams) -> Result:
        idle, _ = _meant(ctx, params.application)
        ended = 0
        with effects.admin(ctx.service) as session:
            for pid, started in idle:
                ctx.guard()
                row = session.execute(END, [pid, started]).fetchone()
                ended += bool(row and row[0])
        words = f"{ended} idle sessions of {params.application} ended"
        return Result(True, words, {"ended": ended}, {"sessions": ended})

    def read_back(self, ctx: ActionContext, params: IdleParams) -> ReadBack:
        before = set((ctx.undo or {}).get("sessions", []))
        return "not_applied" if before & {pid for pid, _ in _meant(ctx, params.application)[0]} else "applied"


def _meant(ctx: ActionContext, application: str) -> tuple[list[Session], str]:
    """The sessions that would end, and a word on the others: a person's stay beside those of a consumer, and are
    asked about where there are no others."""
    ours, persons = _idle(ctx, application)
    if ours:
        return ours, f"{len(persons)} more that may be a person's stay" if persons else ""
    return persons, "they may be a person's: the manifest names no such consumer" if persons else ""


def _idle(ctx: ActionContext, application: str) -> tuple[list[Session], list[Session]]:
    """(idle sessions of the manifest's consumers, those that may be a person's)"""
    with effects.admin(ctx.service) as session:
        rows = session.execute(IDLE, [application]).fetchall()
    known = consumers.of(ctx)
    ours = [(int(r[0]), r[1]) for r in rows if known.has(str(r[2]), application)]
    return ours, [(int(r[0]), r[1]) for r in rows if not known.has(str(r[2]), application)]
