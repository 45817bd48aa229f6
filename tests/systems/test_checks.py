"""Checks on demand, against the real thing."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from systems import checks
from systems.services import LoadedSystem

from .helpers import closed_port, http_server, make_system, one

DSN = os.environ["DATABASE_URL"]


@pytest.fixture
def role() -> Iterator[str]:
    name = f"r{uuid.uuid4().hex[:8]}"
    with psycopg.connect(DSN, autocommit=True) as admin:
        admin.execute(f"create role {name} login password 'right'")
        yield name
        admin.execute(f"drop role {name}")


def login_system(base: Path, role: str, password: str, port: str = "1") -> LoadedSystem:
    """A consumer whose env points at a dead port: only the credentials count."""
    (base / "a.env").write_text(f"DATABASE_URL=postgresql://{role}:{password}@127.0.0.1:{port}/postgres\n")
    services: dict[str, dict[str, Any]] = {
        "a": {"kind": "http", "env": {"file": "a.env"}},
        "db": {
            "kind": "postgres",
            "postgres": {"dsn": DSN},
            "credentials": [{"role": role, "key": "DATABASE_URL", "consumers": ["a"]}],
        },
    }
    return make_system(base, services)


@pytest.mark.parametrize(("password", "value"), [("right", 1.0), ("wrong", 0.0)])
async def test_pg_login_tries_what_consumers_hold(
    tmp_path: Path, role: str, password: str, value: float
) -> None:
    found = one(await checks.arun("pg_login", login_system(tmp_path, role, password), "db"), "check.pg_login")
    assert (found.value, found.label) == (value, role)
    assert password not in found.text
    refused = f'a: password authentication failed for user "{role}"'
    assert found.text == (f'a can log in as "{role}"' if value else refused)


async def test_pg_login_is_unknown_when_nothing_can_be_tried(tmp_path: Path, role: str) -> None:
    system = login_system(tmp_path, role, "right")
    (tmp_path / "a.env").write_text("OTHER=1\n")
    found = one(await checks.arun("pg_login", system, "db"), "check.pg_login")
    assert (found.value, found.text) == (None, "a: DATABASE_URL is not set")


async def test_pg_conninfo_sees_an_env_that_points_elsewhere(tmp_path: Path, role: str) -> None:
    port = psycopg.conninfo.conninfo_to_dict(DSN)["port"]
    for given, value in ((str(port), 1.0), ("1", 0.0)):
        found = one(
            await checks.arun("pg_conninfo", login_system(tmp_path, role, "right", given), "db"),
            "check.pg_conninfo",
        )
        assert (found.value, found.text) == (value, f"127.0.0.1:{given}")


async def test_direct_http_fallback_and_config(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text("a: 1\nb: 2\n")
    (tmp_path / "c.yaml").write_text("a: 2\nb: 3\n")
    async with http_server(lambda *_: (200, {})) as url:
        rule = {"consumer": "a", "key": "k", "primary": "p", "fallback": "f", "service": "spare"}
        system = make_system(
            tmp_path,
            {
                "a": {
                    "kind": "http",
                    "http": {"url": f"http://{closed_port()}/"},
                    "config": {"file": "c.yaml", "golden": "g.yaml"},
                },
                "main": {"kind": "external", "fallback": rule},
                "spare": {"kind": "external", "http": {"url": url}},
            },
        )
        direct = one(await checks.arun("direct_http", system, "a"), "check.direct_http")
        spare = one(await checks.arun("external_fallback", system, "main"), "check.external_fallback")
        assert (direct.value, direct.text) == (0.0, "refused")
        assert (spare.value, spare.label) == (1.0, "spare")
        drift = one(await checks.arun("config_diff", system, "a"), "check.config_diff")
        assert (drift.value, drift.text) == (2.0, "a: 1 -> 2; b: 2 -> 3")


@pytest.mark.parametrize("name", checks.CHECKS)
async def test_every_check_of_a_service_it_does_not_fit_is_unknown_or_empty(
    tmp_path: Path, name: str
) -> None:
    system = make_system(tmp_path, {"bare": {"kind": "x"}})
    assert all(r.value is None for r in await checks.arun(name, system, "bare"))
