"""Runs the steps of an inverse: each after a look at the fence, within its bounds, and told as failed only where the
target itself said so."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import redis

from actions import effects
from actions.base import ActionContext, ActionFailed, ActionRefused
from systems.models import ChangeRow
from systems.probes.pgshare import OWN
from systems.state.inverses.types import (
    Call,
    Command,
    Counted,
    EndSessions,
    Inverse,
    Lies,
    Sql,
    Step,
    Unit,
    Write,
)

LOCK_MS = 1000  # whoever waits for a lock holds up everybody behind it
COUNT_MS = 5000
SLOW_MS = 600_000
OF_THEM = (
    " from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"
    " and (%(role)s::text is null or usename = %(role)s) and (%(database)s::text is null or datname = %(database)s)"
    " and backend_start >= %(since)s and application_name <> all(%(own)s)"
)
NEWER = (  # of files that a reload reads, what is written there and is not how it runs
    "select distinct f.name from pg_file_settings f join pg_settings s on s.name = f.name"
    " where f.applied and f.setting is distinct from s.setting and f.setting is distinct from current_setting(f.name)"
    " and (pg_stat_file(f.sourcefile)).modification > pg_conf_load_time() order by 1"
)


def run(ctx: ActionContext, inverse: Inverse) -> list[str]:
    """All steps, then whoever has to take it up. What was done, in words. ActionFailed where the target refused."""
    done = []
    for step in inverse.steps:
        ctx.guard()
        done.append(_step(ctx, step))
    for name, way in inverse.loads.items():
        if way == "reload":
            done.append(effects.reload(ctx, name))
        elif way == "restart":
            done.append(effects.restart(ctx, name))
    return [word for word in done if word]


def present(steps: Iterable[Step]) -> dict[str, str]:
    """Path -> its text now, of the files that are put back as a whole: so much of it is nowhere else."""
    whole = (s.path for s in steps if isinstance(s, Write) and s.mode is not None)
    return {str(path): path.read_bytes().decode(errors="surrogateescape") for path in whole if path.is_file()}


def write_back(ctx: ActionContext, files: Mapping[str, str]) -> list[str]:
    """Those files with those texts."""
    done = []
    for path, text in files.items():
        ctx.guard()
        effects.write_whole(Path(path), text.encode(errors="surrogateescape"))
        done.append(f"{path} is as it was found")
    return done


def _step(ctx: ActionContext, step: Step) -> str:
    if isinstance(step, Sql):
        return _sql(ctx, step)
    if isinstance(step, Counted):
        if count := _count(ctx, step):
            raise ActionFailed(f"{count} {step.words}")
        return ""
    if isinstance(step, EndSessions):
        return _end(ctx, step)
    if isinstance(step, Command):
        return _command(ctx, step)
    if isinstance(step, Call):
        effects.call("POST", step.url)
        return step.shown
    if isinstance(step, Unit):
        _unit(ctx, step)
        return step.shown
    try:
        _file(step)
    except OSError as error:
        raise ActionFailed(f"{step.shown}: {error.strerror}") from error
    return step.shown


def _sql(ctx: ActionContext, step: Sql) -> str:
    service, patience = ctx.system.service(step.service), SLOW_MS if step.slow else 15_000
    with effects.admin(service, patience, shared=step.shared) as session:
        # what is taken back may be that everybody only reads
        session.execute(f"set lock_timeout = {LOCK_MS}; set default_transaction_read_only = off")
        try:
            count = session.execute(step.text).rowcount
        except psycopg.errors.InsufficientPrivilege as error:
            if not _reloads(step) or (unit := ctx.system.service(step.service).unit) is None:
                raise ActionFailed(f"{step.shown}: {str(error).splitlines()[0]}") from error
            ctx.runtime.signal(unit, "HUP", ctx.fence)  # which asks the same of it, and needs no right there
            return f"{step.service} was told to read its files again (HUP)"
        except psycopg.Error as error:
            if step.else_ is not None and not session.closed:
                session.execute(step.else_)
            if error.sqlstate is None or session.closed:
                raise  # the connection is gone: only the target knows
            raise ActionFailed(f"{step.shown}: {str(error).splitlines()[0]}") from error
    if step.rows is not None and count != step.rows:
        raise ActionFailed(f"{step.shown}: it is not as it was seen any more")
    return step.shown


def _reloads(step: Sql) -> bool:
    return "pg_reload_conf" in step.shown


def _count(ctx: ActionContext, step: Counted) -> int:
    try:
        with effects.admin(ctx.system.service(step.service), COUNT_MS) as session:
            row = session.execute(step.text).fetchone()
    except psycopg.Error as error:
        raise ActionFailed(f"what would be lost cannot be counted: {str(error).splitlines()[0]}") from error
    return int(row[0]) if row else 0


def _end(ctx: ActionContext, step: EndSessions) -> str:
    """Those at work are left: their open transaction is worth more than a moment."""
    with effects.admin(ctx.system.service(step.service)) as session:
        ended = session.execute(
            "select count(*) filter (where pg_terminate_backend(pid))" + OF_THEM + " and state = 'idle'",
            _of(step),
        ).fetchone()
    return f"{ended[0]} idle sessions that carried it were ended" if ended and ended[0] else ""


def _of(step: EndSessions) -> dict[str, Any]:
    return {"role": step.role, "database": step.database, "since": step.since, "own": list(OWN)}


def sessions(ctx: ActionContext, steps: Iterable[Step]) -> int | None:
    """How many sessions would end now. None: that cannot be told; ActionRefused where the database is none of ours."""
    total = 0
    for step in steps:
        if not isinstance(step, EndSessions):
            continue
        try:
            with effects.admin(ctx.system.service(step.service), 1000) as session:
                row = session.execute(
                    "select count(*)" + OF_THEM + " and state = 'idle'", _of(step)
                ).fetchone()
        except psycopg.Error:
            return None
        total += int(row[0]) if row else 0
    return total


def _command(ctx: ActionContext, step: Command) -> str:
    try:
        with effects.redis_client(ctx.system.service(step.service)) as client:
            client.execute_command(*step.words)
    except redis.ResponseError as error:
        raise ActionFailed(f"{step.shown}: {error}") from error
    return step.shown


def _unit(ctx: ActionContext, step: Unit) -> None:
    unit = ctx.unit(step.service)
    if step.call == "limits":
        ctx.runtime.limits(unit, step.value, ctx.fence)
    elif step.call == "release":
        ctx.runtime.release(unit, step.value, ctx.fence)
    elif step.call == "open files":
        _limit_files(ctx.runtime.state(unit).pid, step)
    else:
        ctx.runtime.scale(unit, step.value, ctx.fence)


def _limit_files(pid: int | None, step: Unit) -> None:
    """The soft limit; the hard one stays, and is the most that may be given."""
    if pid is None:
        raise ActionFailed(f"{step.service} does not run")
    try:
        hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (step.value, hard))
    except (OSError, ValueError) as error:
        raise ActionFailed(f"{step.shown}: {error}") from error


def _file(step: Write | Lies) -> None:
    if isinstance(step, Write):
        effects.write_whole(step.path, step.content.encode(), step.mode)
    elif step.mode is not None:
        step.path.chmod(step.mode)
    elif step.owner:
        user, _, group = step.owner.partition(":")
        shutil.chown(step.path, _known(user), _known(group))
    else:
        _relink(step.path, step.link)


def _known(name: str) -> Any:
    return int(name) if name.isdecimal() else name


def _relink(path: Path, target: str) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(path)


def forbidden(ctx: ActionContext, steps: Iterable[Step]) -> str:
    """Why the portal's role may not do it, where the server tells that beforehand; empty: nothing is known against
    it."""
    for step in steps:
        if isinstance(step, Counted):
            try:
                if count := _count(ctx, step):
                    return f"{count} {step.words}"
            except ActionFailed as error:
                return str(error)
        if not isinstance(step, Sql) or not (step.parameter or step.owned):
            continue
        try:
            with effects.admin(ctx.system.service(step.service), 1000) as session:
                why = (
                    _may_not_set(session, step.parameter)
                    if step.parameter
                    else _is_not_ours(session, step.owned)
                )
        except psycopg.Error:  # before version 15 it does not tell
            continue
        if why:
            return why
    return ""


def _may_not_set(session: psycopg.Connection[Any], parameter: str) -> str:
    query = "select current_user, has_parameter_privilege(%s, 'ALTER SYSTEM')"
    row = session.execute(query, [parameter]).fetchone()
    if row is None or row[1]:
        return ""
    return f"{row[0]} may not: `grant alter system on parameter {parameter} to {row[0]}` would let it"


def _is_not_ours(session: psycopg.Connection[Any], name: str) -> str:
    query = (
        "select current_user, pg_get_userbyid(relowner), pg_has_role(current_user, relowner, 'USAGE')"
        " from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        """ where '"' || replace(nspname, '"', '""') || '"."' || replace(relname, '"', '""') || '"' = %s"""
    )
    row = session.execute(query, [name]).fetchone()
    if row is None or row[2]:
        return ""
    return (
        f"{name} belongs to {row[1]}, and {row[0]} may not change it: {row[1]}, or a superuser, puts it back"
    )


def waiting(row: ChangeRow, loads: Collection[str]) -> list[str]:
    """What else was written and waits for a start, of the parts of the row's system that are started again."""
    rows = ChangeRow.objects.filter(system=row.system_id, component__in=list(loads), pending=True)
    return [f"`{other.what}` of {other.component}" for other in rows.exclude(pk=row.pk).exclude(area="")[:20]]


def loaded_besides(ctx: ActionContext, steps: Iterable[Step]) -> list[str]:
    """Settings that a reload of the server would bring into effect as well, where that may be read."""
    found: list[str] = []
    for step in steps:
        if isinstance(step, Sql) and _reloads(step):
            try:
                with effects.admin(ctx.system.service(step.service), 1000) as session:
                    found += [str(row[0]) for row in session.execute(NEWER).fetchall()]
            except (psycopg.Error, ActionRefused):
                found.append("what else was written in its configuration (it cannot be read)")
    return found
