"""End the idle sessions of one application on a database."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from actions import effects
from actions.base import Action, ActionContext, ActionRefused, Params, Preview, ReadBack, Result
from actions.models import Risk
from systems.services import LoadedSystem

OWN = "opsportal"  # names the portal's own sessions begin with
IDLE = (
    "select pid, usename from pg_stat_activity where application_name = %s and state = 'idle'"
    " and backend_type = 'client backend' and pid <> pg_backend_pid()"
)


class IdleParams(Params):
    application: str = Field(min_length=1, max_length=63, description="application_name of the sessions")


class KillIdleConnections(Action[IdleParams]):
    slug = "kill-idle-connections"
    title = "End idle database connections"
    risk = Risk.MEDIUM
    Params = IdleParams

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

    def check(self, ctx: ActionContext, params: IdleParams) -> None:
        if not _idle(ctx, params.application):
            raise ActionRefused(f"{params.application} has no idle connection")

    def preview(self, ctx: ActionContext, params: IdleParams) -> Preview:
        idle = _idle(ctx, params.application)
        return Preview(
            f"pg_terminate_backend(pid) of every idle session with application_name = {params.application!r}",
            [f"{len(idle)} idle sessions of {params.application} end; busy ones stay"],
            [ctx.target],
            "Cannot be undone: an idle session holds no work, and its owner may connect again.",
        )

    def prepare(self, ctx: ActionContext, params: IdleParams) -> dict[str, Any]:
        return {"sessions": _idle(ctx, params.application)}

    def execute(self, ctx: ActionContext, params: IdleParams) -> Result:
        ctx.guard()
        with effects.admin(ctx.service) as session:
            rows = session.execute(
                f"select count(*) filter (where pg_terminate_backend(pid)) from ({IDLE}) idle",  # noqa: S608
                [params.application],
            ).fetchone()
        ended = int(rows[0]) if rows else 0
        return Result(True, f"{ended} idle sessions of {params.application} ended", {"ended": ended})

    def read_back(self, ctx: ActionContext, params: IdleParams) -> ReadBack:
        before = set((ctx.undo or {}).get("sessions", []))
        return "not_applied" if before & set(_idle(ctx, params.application)) else "applied"


def _idle(ctx: ActionContext, application: str) -> list[int]:
    with effects.admin(ctx.service) as session:
        return sorted(int(r[0]) for r in session.execute(IDLE, [application]).fetchall())
