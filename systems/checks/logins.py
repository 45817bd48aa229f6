"""Whether the passwords that services hold open the database."""

from __future__ import annotations

import asyncio

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from systems.envfile import EnvFileError, read_env_file
from systems.manifest import Service
from systems.manifest.types import CredentialSpec
from systems.probes import pgshare
from systems.probes.base import address
from systems.probes.postgres import connect_error
from systems.readings import Reading, clean
from systems.services import LoadedSystem

REFUSED = ("28P01", "28000")  # invalid password, invalid authorisation
# the password was right when the server gets as far as this
FULL = ("53300", "too many connections", "remaining connection slots")


async def pg_login(system: LoadedSystem, service: Service) -> list[Reading]:
    """check.pg_login{label=role}: can the password in each consumer's env file log in to this server right now.

    Asked of the server's own address, so that a broken path in between is not taken for a wrong password."""
    found = await asyncio.gather(*(_role(system, service, credential) for credential in service.credentials))
    return found or [Reading(service.name, "check.pg_login", None, "no credentials are declared for it")]


async def _role(system: LoadedSystem, service: Service, credential: CredentialSpec) -> Reading:
    values: dict[str, list[str]] = {}
    problems = []
    for consumer in credential.consumers:
        try:
            value = consumer_value(system, consumer, credential.key)
        except (OSError, EnvFileError, LookupError) as error:
            problems.append(f"{consumer}: {error.strerror if isinstance(error, OSError) else error}")
            continue
        values.setdefault(value, []).append(consumer)
    outcomes = {}
    for value, consumers in values.items():
        outcomes[", ".join(consumers)] = await _login(service, credential.role, value)
    refused = [f"{who}: {text}" for who, (ok, text) in outcomes.items() if ok is False]
    unclear = [f"{who}: {text}" for who, (ok, text) in outcomes.items() if ok is None] + problems
    result = 0.0 if refused else None if unclear or not outcomes else 1.0
    text = (
        "; ".join(refused + unclear) or f'{", ".join(credential.consumers)} can log in as "{credential.role}"'
    )
    return Reading(service.name, "check.pg_login", result, clean(text), credential.role)


def consumer_value(system: LoadedSystem, consumer: str, key: str) -> str:
    """The value of `key` in a service's env file. OSError, EnvFileError or LookupError if none."""
    spec = system.service(consumer).env
    if spec is None:
        raise LookupError(f"{consumer} has no env file in the manifest")
    value = read_env_file(system.path(spec.file)).get(key)
    if not value:
        raise LookupError(f"{key} is not set")
    return value


def direct_dsn(service: Service, value: str, role: str) -> str:
    """The consumer's credentials (a URL, or the bare password) at the server's own address."""
    assert service.postgres is not None
    own = conninfo_to_dict(service.postgres.dsn)
    whole = "://" in value or "=" in value
    theirs = conninfo_to_dict(value) if whole else {"user": role, "password": value}
    host, port = (
        address(service.tcp) if service.tcp else (str(own.get("host", "")), int(own.get("port") or 5432))
    )
    return make_conninfo(
        "",
        host=host,
        port=port,
        user=theirs.get("user", role),
        password=theirs.get("password", ""),
        dbname=theirs.get("dbname") or own.get("dbname") or service.postgres.database,
        connect_timeout=3,
        application_name=pgshare.NAME,
    )


async def _login(service: Service, role: str, value: str) -> tuple[bool | None, str]:
    try:
        connection = await psycopg.AsyncConnection.connect(direct_dsn(service, value, role), autocommit=True)
        async with connection:
            await connection.execute("select 1")
    except psycopg.Error as error:
        text = connect_error(error)
        if (error.sqlstate or "") in REFUSED or "authentication failed" in text or "does not exist" in text:
            return False, text
        if error.sqlstate == FULL[0] or any(mark in text for mark in FULL[1:]):
            return True, text
        return None, text
    return True, ""


async def pg_conninfo(system: LoadedSystem, service: Service) -> list[Reading]:
    """check.pg_conninfo{label=consumer}: does each consumer's env point at this server, directly or over a link.
    The text names host and port only."""
    assert service.postgres is not None
    own = conninfo_to_dict(service.postgres.dsn)
    addresses = {service.tcp, f"{own.get('host')}:{own.get('port')}"}
    addresses |= {link.address for link in system.manifest.links if link.target == service.name}
    readings: list[Reading] = []
    for credential in service.credentials:
        readings += [_points_at(system, service, c, credential.key, addresses) for c in credential.consumers]
    return readings


def _points_at(
    system: LoadedSystem, service: Service, consumer: str, key: str, addresses: set[str | None]
) -> Reading:
    metric = "check.pg_conninfo"
    try:
        parts = conninfo_to_dict(consumer_value(system, consumer, key))
    except (OSError, EnvFileError, LookupError) as error:
        return Reading(service.name, metric, 0.0, clean(str(error), 200), consumer)
    except psycopg.ProgrammingError:
        return Reading(service.name, metric, 0.0, f"{key} is not a connection string", consumer)
    port = str(parts.get("port") or 5432)
    good = f"{parts.get('host')}:{port}" in addresses or port in {
        str(a).rpartition(":")[2] for a in addresses
    }
    return Reading(service.name, metric, float(good), clean(f"{parts.get('host')}:{port}", 200), consumer)
