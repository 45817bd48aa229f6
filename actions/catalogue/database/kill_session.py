"""End one database session, identified by pid and start time: a recycled pid is never hit."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

import psycopg
from pydantic import BeforeValidator, Field

from actions import consumers, effects
from actions.base import Action, ActionContext, ActionFailed, ActionRefused, Params, Preview, ReadBack, Result
from actions.catalogue.database.kill_idle_connections import OWN
from actions.models import Risk
from systems.services import LoadedSystem

SESSION = (
    "select pid, backend_start, application_name, usename, state, xact_start,"
    " cardinality(pg_blocking_pids(pid)), left(query, 120) from pg_stat_activity"
    " where backend_type = 'client backend' and pid <> pg_backend_pid()"
)
HERE = SESSION + " and datname = current_database()"  # other databases of the server are somebody else's
WHICH = {
    "lock-root": HERE  # noqa: S608
    + " and cardinality(pg_blocking_pids(pid)) = 0 and exists (select 1 from pg_stat_activity w"
    " where pg_stat_activity.pid = any(pg_blocking_pids(w.pid))) order by xact_start limit 1",
    "idle-in-transaction": HERE
    + f" and state like 'idle in transaction%%' and application_name not like '{OWN}%%' order by xact_start limit 1",
}


def _first_number(value: object) -> object:
    """`pid=1234 app=x` as evidence has it -> 1234."""
    if isinstance(value, str) and (found := re.search(r"\d{1,10}", value)):
        return int(found[0])
    return value


class SessionParams(Params):
    pid: Annotated[int | None, BeforeValidator(_first_number)] = Field(
        None, ge=2, description="backend process id"
    )
    which: Literal["lock-root", "idle-in-transaction"] | None = Field(
        None, description="instead of a pid: whoever it is"
    )
    started: str = Field(
        "", max_length=40, pattern=r"^[0-9T:.+ -]*$", description="filled in: when the session began"
    )


class KillSession(Action[SessionParams]):
    slug = "kill-session"
    title = "End a database session"
    risk = Risk.MEDIUM
    Params = SessionParams
    aliases = ("kill-blocking-session", "terminate-session")
    can_lose = ("sessions", "transactions")

    def targets(self, system: LoadedSystem) -> list[str]:
        return effects.of_kind(system.services, "postgres")

    def bind(self, ctx: ActionContext, params: SessionParams) -> SessionParams:
        """Fill in the exact session, so that the approval covers this one and no other."""
        if params.pid is not None and params.started:
            return params
        found = _find(ctx, params)
        if found is None:
            raise ActionRefused(f"there is no such session: {params.pid or params.which or 'name a pid'}")
        return SessionParams(pid=found[0], which=None, started=found[1].isoformat())

    def effects(self, ctx: ActionContext, params: SessionParams) -> frozenset[str]:
        return frozenset({f"session:{ctx.target}/{params.pid or params.which}@{params.started}"})

    def check(self, ctx: ActionContext, params: SessionParams) -> None:
        found = _find(ctx, params)
        if found is None:
            raise ActionRefused(f"session {params.pid} has ended by itself")
        if str(found[2]).startswith(OWN):
            raise ActionRefused(f"session {params.pid} is the portal's own")
        if why := _may_not(ctx, params):
            raise ActionRefused(why)

    def raised_by(self, ctx: ActionContext, params: SessionParams) -> tuple[Risk, str] | None:
        """What a person is doing is asked about."""
        found = _find(ctx, params)
        if found is None or consumers.of(ctx).has(str(found[3]), str(found[2])):
            return None
        who = f"{found[3]} ({found[2] or 'no name'})"
        return Risk.HIGH, f"the session of {who} is no consumer that the manifest names: it may be a person's"

    def preview(self, ctx: ActionContext, params: SessionParams) -> Preview:
        found = _find(ctx, params)
        if found is None:
            raise ActionRefused(f"session {params.pid} has ended by itself")
        persons = not consumers.of(ctx).has(str(found[3]), str(found[2]))
        return Preview(
            f"pg_terminate_backend({params.pid})",
            [
                f"session {params.pid} of {found[3]} ({found[2] or 'no name'}, {found[4]}) since {params.started} ends",
                f"its open transaction (since {found[5]}) is rolled back"
                if found[5]
                else "it has no open transaction",
                *(
                    [f"it may be a person's. Its last statement: {found[7] or '(none yet)'}"]
                    if persons
                    else []
                ),
            ],
            [ctx.target],
            "Cannot be undone: uncommitted work of that session is lost. Its owner may connect again.",
            loss={"sessions": 1, "transactions": 1 if found[5] else 0},
        )

    def prepare(self, ctx: ActionContext, params: SessionParams) -> dict[str, Any]:
        return {"pid": params.pid, "started": params.started}

    def execute(self, ctx: ActionContext, params: SessionParams) -> Result:
        ctx.guard()
        with effects.admin(ctx.service) as session:
            row = session.execute(
                "select pg_terminate_backend(pid, 3000), xact_start is not null from pg_stat_activity"
                " where pid = %s and backend_start = %s"
                " and pid <> pg_backend_pid()",
                [params.pid, datetime.fromisoformat(params.started)],
            ).fetchone()
        if row is None:
            raise ActionFailed(f"session {params.pid} has ended by itself")
        lost: dict[str, int | None] = {"sessions": 1, "transactions": int(row[1])} if row[0] else {}
        words = f"session {params.pid} {'ended' if row[0] else 'did not end in 3 s'}"
        return Result(bool(row[0]), words, lost=lost)

    def read_back(self, ctx: ActionContext, params: SessionParams) -> ReadBack:
        return "applied" if _find(ctx, params) is None else "not_applied"


def _may_not(ctx: ActionContext, params: SessionParams) -> str:
    """Why the server would not let us end it; empty where it would."""
    with effects.admin(ctx.service) as session:
        row = session.execute(
            "select s.usename, o.rolsuper and not m.rolsuper, current_user, pg_has_role(s.usesysid, 'member')"
            " or pg_has_role('pg_signal_backend', 'usage') from pg_stat_activity s"
            " join pg_roles o on o.oid = s.usesysid"
            " join pg_roles m on m.rolname = current_user where s.pid = %s",
            [params.pid],
        ).fetchone()
    if row is None or (row[3] and not row[1]):
        return ""
    whose = "a superuser's" if row[1] else f"{row[0]}'s"
    return f"session {params.pid} is {whose}, and {row[2]} may not end it: {row[0]} or a superuser can"


def _find(ctx: ActionContext, params: SessionParams) -> tuple[Any, ...] | None:
    with effects.admin(ctx.service) as session:
        if params.pid is None:
            if params.which is None:
                raise ActionRefused("name a pid, or which: lock-root or idle-in-transaction")
            return _one(session, WHICH[params.which], [])
        where, values = " and pid = %s", [params.pid]
        if params.started:
            return _one(
                session,
                SESSION + where + " and backend_start = %s",
                [*values, datetime.fromisoformat(params.started)],
            )
        return _one(session, SESSION + where, values)


def _one(session: psycopg.Connection[Any], query: str, values: list[Any]) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = session.execute(query, values).fetchone()
    return row
