"""Rotate a database role's password: the role, the env file of every consumer, and a rolling restart of them.

The new password is made here, reaches the server as a SCRAM verifier, and stands in no log, row or message. The undo
record is a reference into the vault.
"""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from pydantic import Field

from actions import effects, vault
from actions.base import Action, ActionContext, ActionFailed, ActionRefused, Params, Preview, ReadBack, Result
from actions.catalogue.database._passwords import is_replaceable, password_of, with_password
from actions.catalogue.processes.rolling_restart import one_by_one
from actions.models import Risk
from systems.envfile import parse_env
from systems.manifest.types import CredentialSpec
from systems.services import LoadedSystem

VERIFIER = re.compile(r"SCRAM-SHA-256\$|md5[0-9a-f]{32}$")  # as pg_authid keeps them


class CredentialParams(Params):
    role: str | None = Field(
        None, pattern=r"^[A-Za-z0-9_.-]{1,63}$", description="a role the manifest lists credentials of"
    )


class RegenerateDbCreds(Action[CredentialParams]):
    slug = "regenerate-db-creds"
    title = "Rotate the database credentials"
    risk = Risk.HIGH
    Params = CredentialParams
    aliases = ("rotate-db-credentials", "rotate-db-creds", "regenerate-db-credentials", "rotate-credentials")

    def targets(self, system: LoadedSystem) -> list[str]:
        return [n for n, s in system.services.items() if s.postgres and s.credentials]

    def choices(self, ctx: ActionContext) -> dict[str, list[str]]:
        return {"role": [c.role for c in ctx.service.credentials]}

    def bind(self, ctx: ActionContext, params: CredentialParams) -> CredentialParams:
        roles = [c.role for c in ctx.service.credentials]
        if params.role is None and len(set(roles)) == 1:
            return CredentialParams(role=roles[0])
        if params.role is None:
            raise ActionRefused(f"role must be one of: {', '.join(roles)}")
        return params

    def touches(self, ctx: ActionContext, params: CredentialParams) -> list[str]:
        return [ctx.target, *_consumers(ctx, params)]

    def effects(self, ctx: ActionContext, params: CredentialParams) -> frozenset[str]:
        return frozenset({f"credentials:{ctx.target}/{params.role or '*'}"}) | effects.restarts(
            _consumers(ctx, params)
        )

    def check(self, ctx: ActionContext, params: CredentialParams) -> None:
        spec = ctx.service.postgres
        own = {urlsplit(d).username for d in (spec.dsn, spec.admin_dsn) if d} if spec else set()
        if params.role in own:
            raise ActionRefused(f"{params.role} is the portal's own role")
        for file, key in _files(ctx, params, golden=False):
            held = parse_env(ctx.system.path(file).read_text(), file)
            if key not in held:
                raise ActionRefused(f"{file} has no {key}: regenerate the environment first")
            if not is_replaceable(held[key]):
                raise ActionRefused(
                    f"{key} in {file} is neither a password nor a URL with user and host: where its password stands"
                    " is not known"
                )
        if why := _refused_whatever_the_password(ctx, str(params.role)):
            raise ActionRefused(why)

    def preview(self, ctx: ActionContext, params: CredentialParams) -> Preview:
        names = _consumers(ctx, params)
        files = [f"{file}: the password in {key} is replaced" for file, key in _files(ctx, params)]
        return Preview(
            f"ALTER ROLE {params.role} PASSWORD (a new SCRAM verifier); rewrite {len(files)} files; restart "
            + ", ".join(names)
            + " one after the other",
            [
                f"role {params.role} gets a new random password, tried by a log-in before anybody is restarted;"
                " where it is refused the old one is back at once",
                *files,
                *(f"{n}: a new process" for n in names),
            ],
            [ctx.target, *names],
            "The old password and files are kept in the vault and can be put back.",
            "The role keeps its password; what cannot log in now still cannot.",
        )

    def prepare(self, ctx: ActionContext, params: CredentialParams) -> dict[str, Any]:
        old = {file: effects.read_or_none(ctx.system.path(file)) for file, _ in _files(ctx, params)}
        item = {"files": old, "verifier": _verifier(ctx, params), "new": secrets.token_urlsafe(24)}
        return {
            "vault": vault.put(item),
            "role": params.role,
            "worked": _worked(ctx, params),
            "files": sorted(old),
            "pids": effects.pids(ctx, _consumers(ctx, params)),
        }

    def execute(self, ctx: ActionContext, params: CredentialParams) -> Result:
        kept = vault.get(str((ctx.undo or {})["vault"]))
        texts = _rewritten(ctx, params, str(kept["new"]))
        ctx.guard()
        _set_password(ctx, str(params.role), str(kept["new"]))
        if not _can_log_in(ctx, params, str(kept["new"])):  # before anybody is interrupted
            _set_password(
                ctx, str(params.role), kept["verifier"] or _old_password(ctx, params, kept["files"])
            )
            raise ActionFailed(
                f"{params.role} was refused with a new password too: it has its old one again, nobody was restarted"
            )
        try:
            effects.put_files(ctx, dict(texts))
        except Exception as error:  # half of it would keep everybody out
            _put_back(ctx, params, kept)
            why = f"{type(error).__name__}: {error}"
            raise ActionFailed(
                f"{why}: {params.role} has its old password again, nobody was restarted"
            ) from error
        done = one_by_one(ctx, _consumers(ctx, params))
        ok = _can_log_in(ctx, params, str(kept["new"]))
        return Result(ok, "; ".join([f"role {params.role} has a new password", *done]))

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        try:
            kept = vault.get(str(undo["vault"]))
        except FileNotFoundError:
            raise ActionFailed("the old credentials are gone from the vault") from None
        params = CredentialParams(role=undo["role"])
        _put_back(ctx, params, kept)
        return Result(
            True, "; ".join(["the old password is back", *one_by_one(ctx, _consumers(ctx, params))])
        )

    def may_roll_back(self, ctx: ActionContext, undo: dict[str, Any]) -> str | None:
        return None if undo.get("worked") else "the password before could not log in either"

    def is_back(self, ctx: ActionContext, params: CredentialParams, undo: dict[str, Any]) -> ReadBack:
        kept = vault.get(str(undo["vault"]))
        then = kept["verifier"]
        role = _verifier(ctx, params) == then if then else not _can_log_in(ctx, params, str(kept["new"]))
        return "applied" if role and effects.has_files(ctx, kept["files"]) else "not_applied"

    def read_back(self, ctx: ActionContext, params: CredentialParams) -> ReadBack:
        kept = vault.get(str((ctx.undo or {})["vault"]))
        new = str(kept["new"])
        written = all(
            password_of(parse_env(ctx.system.path(file).read_text(), file).get(key, "")) == new
            for file, key in _files(ctx, params)
        )
        names = _consumers(ctx, params)
        whole = written and _can_log_in(ctx, params, new) and effects.restarted_since(ctx, names)
        if whole:
            return "applied"
        now, then = _verifier(ctx, params), kept["verifier"]  # raises where the server does not answer
        role = now == then if now and then else not _can_log_in(ctx, params, new)
        return "not_applied" if role and effects.has_files(ctx, kept["files"]) else "unknown"


def _spec(ctx: ActionContext, params: CredentialParams) -> list[CredentialSpec]:
    return [c for c in ctx.service.credentials if c.role == params.role]


def _consumers(ctx: ActionContext, params: CredentialParams) -> list[str]:
    names = [m for c in _spec(ctx, params) for n in c.consumers for m in ctx.system.members(n)]
    return list(dict.fromkeys(names))


def _files(ctx: ActionContext, params: CredentialParams, golden: bool = True) -> list[tuple[str, str]]:
    """(file, key): the consumers' env files, and their golden copies where there are any, which must not bring the old
    password back."""
    found: dict[tuple[str, str], None] = {}
    for spec in _spec(ctx, params):
        for name in [m for n in spec.consumers for m in ctx.system.members(n)]:
            env = ctx.system.service(name).env
            if env is None:
                raise ActionRefused(f"{name} has no environment file in the manifest")
            found[(env.file, spec.key)] = None
            if golden and env.golden and ctx.system.path(env.golden).is_file():
                found[(env.golden, spec.key)] = None
    return list(found)


def _rewritten(ctx: ActionContext, params: CredentialParams, password: str) -> dict[str, bytes]:
    """What the files will be."""
    found: dict[str, str] = {}
    for file, key in _files(ctx, params):
        text = found[file] if file in found else ctx.system.path(file).read_text()
        found[file] = with_password(text, key, password)
    return {file: text.encode() for file, text in found.items()}


def _put_back(ctx: ActionContext, params: CredentialParams, kept: dict[str, Any]) -> None:
    """The old password on the server and in the files; nobody is restarted."""
    _set_password(ctx, str(params.role), kept["verifier"] or _old_password(ctx, params, kept["files"]))
    effects.put_files(ctx, kept["files"])


def _refused_whatever_the_password(ctx: ActionContext, role: str) -> str:
    """Why a new password would not let the role in; empty where it may."""
    with effects.admin(ctx.service) as session:
        row = session.execute(
            "select rolcanlogin, rolvaliduntil < now(), to_char(rolvaliduntil, 'YYYY-MM-DD HH24:MI TZ')"
            " from pg_roles where rolname = %s",
            [role],
        ).fetchone()
    if row is None:
        return f"the database has no role {role}"
    may_log_in, is_over, until = row
    if not may_log_in:
        return f"the role {role} may not log in at all (NOLOGIN): no password lets it in"
    return f"the password of {role} ran out on {until} (VALID UNTIL): so would a new one" if is_over else ""


def _verifier(ctx: ActionContext, params: CredentialParams) -> str | None:
    """The role's stored verifier, when the portal's role may read it."""
    with effects.admin(ctx.service) as session:
        try:
            row = session.execute(
                "select rolpassword from pg_authid where rolname = %s", [params.role]
            ).fetchone()
        except psycopg.errors.InsufficientPrivilege:
            return None
    return str(row[0]) if row and row[0] else None


def _old_password(ctx: ActionContext, params: CredentialParams, files: dict[str, bytes]) -> str:
    """The password the old files held."""
    for file, key in _files(ctx, params, golden=False):
        if value := parse_env(files[file].decode(), file).get(key):
            return password_of(value)
    raise ActionFailed("the old files held no password")


def _worked(ctx: ActionContext, params: CredentialParams) -> bool:
    """Can every consumer log in with what its file holds now?"""
    for file, key in _files(ctx, params, golden=False):
        value = parse_env(ctx.system.path(file).read_text(), file).get(key, "")
        if not _can_log_in(ctx, params, password_of(value)):
            return False
    return True


def _set_password(ctx: ActionContext, role: str, password: str) -> None:
    with effects.admin(ctx.service) as session:
        _alter(session, role, password)


def _alter(session: psycopg.Connection[Any], role: str, password: str) -> None:
    """Send a verifier, never the password itself; one that was kept goes back as it is."""
    if not VERIFIER.match(password):
        password = session.pgconn.encrypt_password(
            password.encode(), role.encode(), b"scram-sha-256"
        ).decode()
    session.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(password)))


def _can_log_in(ctx: ActionContext, params: CredentialParams, password: str) -> bool:
    spec = ctx.service.postgres
    if spec is None:
        return False
    try:
        with psycopg.connect(
            spec.dsn,
            user=params.role,
            password=password,
            connect_timeout=3,
            application_name="opsportal-check",
        ) as session:
            session.execute("select 1")
    except psycopg.OperationalError as error:
        return "too many connections" in str(error)  # the password is checked before the limit
    return True
