"""Small steps that several actions share: restart and wait, whole-file writes, control calls, database sessions."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import redis

from actions.base import ActionContext, ActionFailed, ActionRefused
from systems import pgguards, trust
from systems.manifest.base import meets
from systems.manifest.declared import BLANK
from systems.manifest.types import Service
from systems.runtimes.base import RUNNING, RuntimeFailed
from systems.services import LoadedSystem

READY_S = 25.0
STEP_S = 0.1
HTTP = {"timeout": 5.0, "follow_redirects": False, "trust_env": False}


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Poll until true; False when the time is up."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(STEP_S)
    return True


def answers(system: LoadedSystem, service: Service) -> bool:
    """Does the service answer its deepest declared check now? True when none is declared."""
    spec = service.ready or service.http
    if spec is not None:
        try:
            believed = trust.of(system, spec) or trust.usual()
            answer = httpx.get(
                spec.url, timeout=spec.timeout_s, trust_env=False, headers=spec.sent(), verify=believed
            )
        except (httpx.HTTPError, trust.Unusable):
            return False
        return meets(answer.status_code, spec.expect)
    if service.postgres is not None:
        try:
            with psycopg.connect(service.postgres.dsn, connect_timeout=2, autocommit=True) as session:
                session.execute("select 1")
        except psycopg.Error:
            return False
        return True
    if service.redis is not None:
        try:
            with redis_client(service) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
    return True


def pids(ctx: ActionContext, names: list[str]) -> dict[str, int | None]:
    """Service -> pid now; None when it does not run or cannot be seen."""
    found: dict[str, int | None] = {}
    for name in names:
        try:
            found[name] = ctx.runtime.state(ctx.unit(name)).pid
        except RuntimeFailed:
            found[name] = None
    return found


def restart(ctx: ActionContext, name: str, grace_s: float | None = None, ready_s: float = READY_S) -> str:
    """Restart one service, ending in KILL after the grace, and wait until it answers. Returns what happened.

    ActionFailed when it runs on under its old pid, or does not come back."""
    unit = ctx.unit(name)
    before = ctx.runtime.state(unit).pid
    ctx.guard()
    ctx.runtime.restart(unit, ctx.fence, grace_s)
    service = ctx.system.service(name)

    def back() -> bool:
        state = ctx.runtime.state(unit)
        return state.state == RUNNING and state.pid not in (None, before) and answers(ctx.system, service)

    if not wait_until(back, ready_s):
        state = ctx.runtime.state(unit)
        if state.pid is not None and state.pid == before:
            raise ActionFailed(f"{name} still runs under its old process {before}")
        if state.state != RUNNING:
            raise ActionFailed(
                f"{name} was restarted and did not stay up: {state.state}, exit code {state.exit_code}"
            )
        return f"{name} was restarted (pid {before} -> {state.pid}) and does not answer its check yet"
    return f"{name} was restarted: pid {before} -> {ctx.runtime.state(unit).pid}"


def reload(ctx: ActionContext, name: str) -> str:
    """Make a service read its config again, by its declared way. A service that is down is started."""
    service = ctx.system.service(name)
    way = service.config.reload if service.config else "restart"
    if way == "none" or service.unit is None:
        return f"{name} reads its config by itself"
    if way == "HUP":
        state = ctx.runtime.state(ctx.unit(name))
        if state.state == RUNNING and state.pid is not None:
            ctx.guard()
            ctx.runtime.signal(ctx.unit(name), "HUP", ctx.fence)
            return f"{name} was told to read its config again (HUP)"
    return restart(ctx, name)


def restarts(names: list[str]) -> frozenset[str]:
    """The effects "this service has a new process"."""
    return frozenset(f"restart:{name}" for name in names)


def reloads(ctx: ActionContext, names: list[str]) -> frozenset[str]:
    """The effects of `reload`, by each service's declared way."""
    found = set()
    for name in names:
        service = ctx.system.service(name)
        way = service.config.reload if service.config else "restart"
        if service.unit is not None and way != "none":
            found.add(f"{'reload' if way == 'HUP' else 'restart'}:{name}")
    return frozenset(found)


def restarted_since(ctx: ActionContext, names: list[str]) -> bool:
    """Has every service another process than `ctx.undo["pids"]` says?"""
    before = (ctx.undo or {}).get("pids", {})
    now = pids(ctx, names)
    return all(now[n] is not None and now[n] != before.get(n) for n in names)


def write_whole(path: Path, content: bytes, mode: int | None = None) -> None:
    """Replace a file in one step, keeping mode (but for `mode`) and owner; readers see the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        known = path.stat()
    except FileNotFoundError:
        known = path.parent.stat()
    if mode is None:
        mode = known.st_mode & 0o777 if path.exists() else 0o640
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if os.geteuid() == 0:
                os.fchown(file.fileno(), known.st_uid, known.st_gid)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_or_none(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def put_files(ctx: ActionContext, files: dict[str, bytes | None]) -> None:
    """Write files of the system (path relative to the manifest -> content; None = it was not there)."""
    for name, content in files.items():
        ctx.guard()
        if content is None:
            ctx.system.path(name).unlink(missing_ok=True)
        else:
            write_whole(ctx.system.path(name), content)


def has_files(ctx: ActionContext, files: dict[str, bytes | None]) -> bool:
    """Are these files as `put_files` leaves them?"""
    return all(read_or_none(ctx.system.path(name)) == content for name, content in files.items())


def call(method: str, url: str) -> Any:
    """A control call; the JSON answered. ActionFailed when it is refused; other errors leave the outcome open."""
    response = httpx.request(method, url, **HTTP)  # type: ignore[arg-type]
    if response.status_code >= 400:
        raise ActionFailed(f"{method} {url} answered {response.status_code}: {response.text[:200]}")
    return response.json() if response.content else None


def control(service: Service, call: str, **values: str) -> str:
    """The address of one of the manifest's `control.calls`, its blanks filled. ActionRefused: it names none."""
    if service.control is None:
        raise ActionRefused(f"{service.name} has no control address in the manifest")
    path: str | None = getattr(service.control.calls, call)
    if path is None:
        raise ActionRefused(f"the manifest does not say how: {service.name} has no control.calls.{call}")
    return service.control.url.rstrip("/") + BLANK.sub(lambda m: quote(values[m[1]], safe=""), path)


def admin(service: Service, timeout_ms: int = 15_000, *, shared: bool = False) -> psycopg.Connection[Any]:
    """An autocommit session with the portal's most powerful role on that database. `shared`: for what concerns all of
    the server; where that database lets nobody in, beside it."""
    if service.postgres is None:
        raise ActionRefused(f"{service.name} is not a database in the manifest")

    def connected(conninfo: str) -> psycopg.Connection[Any]:
        return pgguards.connect(
            f"-c statement_timeout={timeout_ms} -c lock_timeout=5000",
            conninfo=conninfo,
            connect_timeout=3,
            application_name="opsportal-admin",
        )

    conninfo = service.postgres.admin_dsn or service.postgres.dsn
    try:
        return connected(conninfo)
    except psycopg.OperationalError as error:
        if not shared or not (elsewhere := pgguards.beside(conninfo, error)):
            raise
        return connected(elsewhere)


def redis_client(service: Service, timeout_s: float = 5) -> redis.Redis:
    if service.redis is None:
        raise ActionRefused(f"{service.name} is not a Redis in the manifest")
    return redis.Redis.from_url(
        service.redis.url, socket_timeout=timeout_s, socket_connect_timeout=2, client_name="opsportal-admin"
    )


def of_kind(ctx_or_services: dict[str, Service], *kinds: str) -> list[str]:
    return [n for n, s in ctx_or_services.items() if s.kind in kinds]


def controllable(services: dict[str, Service]) -> list[str]:
    return [n for n, s in services.items() if s.unit is not None]


def digest(path: Path) -> str:
    """SHA-256 of a file; empty when it is not there."""
    content = read_or_none(path)
    return hashlib.sha256(content).hexdigest() if content is not None else ""
