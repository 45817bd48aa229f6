"""A system on the fake runtime with a real database and a real Redis, and people who may and may not approve."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection

from actions import service
from actions.models import ActionRequest, Status
from systems import services
from systems.models import System
from systems.runtimes.fake import FakeRuntime, forget

SECRET = "kQ7vT2mXw9Lp4ZrB"
ROLE = f"tiny_app_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"  # roles belong to the whole server


@pytest.fixture(autouse=True)
def _data_dir(settings: Any, tmp_path: Path) -> None:
    settings.OPSPORTAL_DATA = tmp_path / "data"


def manifest(dsn: str, redis_url: str) -> dict[str, Any]:
    def service(kind: str, **more: Any) -> dict[str, Any]:
        return {"kind": kind, **more}

    def files(name: str) -> dict[str, Any]:
        return {
            "config": {"file": f"etc/{name}.yaml", "golden": f"golden/{name}.yaml", "reload": "HUP"},
            "env": {"file": f"etc/{name}.env", "golden": f"golden/{name}.env", "schema": ["DATABASE_URL"]},
        }

    api = {
        "group": "web",
        "depends_on": ["db", "cache"],
        "release": {"link": "releases/web", "previous": "1.0"},
    }
    return {
        "system": "tiny",
        "runtime": {"driver": "fake", "name": "tiny", "units": ["front", "web-1", "web-2", "db", "cache", "crew"],
                    "releases": {"web-1": ["1.1", "1.0"], "web-2": ["1.1", "1.0"]}},
        "secrets": "secrets.env",
        "services": {
            "front": service("proxy", depends_on=["web-1", "web-2"], config=files("front")["config"]),
            "web-1": service("http", **api, **files("web-1"), logs=[{"file": "log/web-1.log"}]),
            "web-2": service("http", **api, **files("web-2")),
            "crew": service("worker", depends_on=["db", "cache"]),
            "db": service(
                "postgres",
                postgres={"dsn": "${DB_DSN}", "admin_dsn": "${DB_DSN}", "schema": "tiny_shop"},
                credentials=[{"role": ROLE, "key": "DATABASE_URL", "consumers": ["web-1", "web-2"]}],
            ),
            "cache": service(
                "redis",
                redis={"url": "${CACHE_URL}", "queues": [
                    {"name": "jobs", "processing": "jobs:busy", "worker": "crew"}]},
            ),
            "bank": service(
                "external", unit=None,
                fallback={"consumer": ["web-1", "web-2"], "key": "bank.active", "primary": "first",
                          "fallback": "second", "service": "bank-2"},
            ),
            "bank-2": service("external", unit=None),
        },
        "consistency": [{"name": "price", "service": "cache", "url": "http://127.0.0.1:9/{key}", "field": "price",
                         "sql_service": "db", "sql": "select 1, 2", "cache": "product:{key}"}],
    }  # fmt: skip


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    for name in ("etc", "golden", "log"):
        (folder / name).mkdir(parents=True)
    dsn = connection.get_connection_params()
    url = f"postgresql://{dsn['user']}:{dsn.get('password', '')}@{dsn['host']}:{dsn['port']}/{dsn['dbname']}"
    (folder / "secrets.env").write_text(f"DB_DSN={url}\nCACHE_URL={os.environ['REDIS_URL']}\n")
    for name in ("front", "web-1", "web-2"):
        for place in ("etc", "golden"):
            (folder / place / f"{name}.yaml").write_text("delay_s: 0\nbank:\n  active: first\n")
            app = f"postgresql://{ROLE}:{SECRET}@{dsn['host']}:{dsn['port']}/{dsn['dbname']}"
            (folder / place / f"{name}.env").write_text(f"DATABASE_URL={app}\nAPI_KEY={SECRET}x\n")
    (folder / "manifest.yaml").write_text(json.dumps(manifest(url, "")))
    return folder


@pytest.fixture
def system(base: Path, db: None) -> Any:
    """The registered system `tiny`, loaded."""
    forget()
    services._cache.clear()
    row = services.register(base / "manifest.yaml")
    System.objects.filter(pk=row.pk).update(agent_on=True)
    yield services.load("tiny")
    forget()
    services._cache.clear()


@pytest.fixture
def runtime(system: services.LoadedSystem) -> FakeRuntime:
    assert isinstance(system.runtime, FakeRuntime)
    return system.runtime


@pytest.fixture
def row(system: services.LoadedSystem) -> System:
    return System.objects.get(slug="tiny")


def person(name: str, *permissions: str) -> User:
    user = User.objects.create_user(name, password="x")
    for permission in {"incidents.view_incident", *permissions}:
        app, _, code = permission.partition(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=code))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def alice(db: None) -> User:
    return person("alice", "actions.approve_action", "actions.run_action")


@pytest.fixture
def bob(db: None) -> User:
    return person("bob", "actions.run_action")


def undone(request_id: Any, decider: User) -> ActionRequest:
    """What was done is taken back, by bob's request, which `decider` approves where the policy asks. The request that
    was taken back."""
    asked = service.undo(request_id, requested_by="bob")
    if asked.status == Status.WAITING:
        service.decide(asked.pk, decider, True)
    assert service.execute(asked.pk).status == Status.SUCCEEDED, asked.status_why
    return ActionRequest.objects.get(pk=request_id)


def effects_of(runtime: FakeRuntime) -> list[str]:
    """What was really done to units."""
    return [
        f"{op} {unit}"
        for op, unit, _ in runtime.calls
        if op in ("restart", "start", "stop", "kill", "release")
    ]
