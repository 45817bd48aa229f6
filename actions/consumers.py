"""Whose database session is it? A consumer is what the manifest names: a role of its DSNs and credentials, under the
name of a service, unit or job. Everything else is a person's, or may be, and is asked about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from actions import effects
from actions.base import ActionContext, ActionFailed, ActionRefused
from systems.envfile import EnvFileError, read_env_file

OWN = ("opsportal", "prober", "watcher")  # names of the portal's own sessions begin so
# what programs are called that say nothing: they are told by their role alone. Desktop clients give their name.
UNNAMED = ("", "PostgreSQL JDBC Driver")


@dataclass(frozen=True, slots=True)
class Consumers:
    roles: frozenset[str]
    names: frozenset[str]

    def has(self, role: str, application: str) -> bool:
        if application.startswith(OWN):
            return True
        if role not in self.roles:
            return False
        return application in UNNAMED or any(_called(application, name) for name in self.names)


def of(ctx: ActionContext) -> Consumers:
    """The consumers of a system's databases: from its manifest, its environment files and its job lists."""
    roles: set[str] = set()
    names: set[str] = set(ctx.system.graph.groups)
    for name, service in ctx.system.services.items():
        names |= {name, service.unit or name, *_jobs(ctx, name)}
        roles |= {c.role for c in service.credentials}
        dsns = [service.postgres.dsn] if service.postgres else []
        for dsn in [*dsns, *_dsns(ctx, name)]:
            parts = urlsplit(dsn)
            if parts.username:
                roles.add(unquote(parts.username))
            query = parse_qs(parts.query)
            names |= {*query.get("application_name", []), *query.get("fallback_application_name", [])}
    return Consumers(frozenset(roles), frozenset(names))


def _called(application: str, name: str) -> bool:
    """`web-1`, and `web-1: pool` or `web-1/7`, but not `web-1-debug`."""
    return bool(re.match(rf"{re.escape(name)}($|[ :/@#\[(])", application))


def _dsns(ctx: ActionContext, name: str) -> list[str]:
    spec = ctx.system.service(name).env
    found: list[str] = []
    for file in (spec.file, spec.golden) if spec else ():
        try:
            values = read_env_file(ctx.system.path(file)).values() if file else ()
        except (OSError, EnvFileError):
            continue
        found += [v for v in values if re.match(r"postgres(ql)?(\+\w+)?://", v)]
    return found


def _jobs(ctx: ActionContext, name: str) -> list[str]:
    service = ctx.system.service(name)
    if service.kind != "jobs" or service.control is None:
        return []
    try:
        return [str(j["name"]) for j in effects.call("GET", effects.control(service, "jobs"))]
    except (httpx.HTTPError, ActionRefused, ActionFailed, KeyError, TypeError):
        return []
