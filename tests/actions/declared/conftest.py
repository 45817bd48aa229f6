"""The system `tiny` with actions that its manifest declares, one of each way, on a real HTTP server, a real database, a
real Redis and a tool that the fake runtime runs."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import psycopg
import pytest
import redis
from django.db import connection

from systems import services
from systems.models import System
from systems.runtimes.base import ExecResult
from systems.runtimes.fake import FakeRuntime, forget

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
TABLE, KEY = f"declared_flags_{WORKER}", f"declared:{WORKER}:limit"
PLACE = ("host", "port", "user", "password", "dbname")
LOGIN = "Bearer zk93kfQpW0m"
EVIL = "a/b ?x=1&y='; drop table t --\"<b>"


class Jobs:
    """A scheduler with an administration interface. `ill`: how the next POST goes wrong."""

    def __init__(self) -> None:
        self.state = {"nightly": "on", "hourly": "on", EVIL: "on", "..": "on"}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.ill = ""
        jobs = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = self.path.split("/")
                if parts[1:] == ["jobs"]:
                    self.answer(200, [{"name": name, "id": n} for n, name in enumerate(jobs.state)])
                elif len(parts) == 3 and unquote(parts[2]) in jobs.state:
                    self.answer(200, {"state": jobs.state[unquote(parts[2])]})
                else:
                    self.answer(404, {"error": "no such job"})

            def do_POST(self) -> None:
                jobs.seen.append(("POST", self.path, dict(self.headers.items())))
                ill, jobs.ill = jobs.ill, ""
                parts = self.path.split("/")
                if ill not in ("idle", "refuses"):
                    jobs.state[unquote(parts[2])] = {"pause": "paused", "resume": "on"}[parts[3]]
                if ill == "drops":
                    self.connection.close()
                else:
                    self.answer({"refuses": 409, "fails": 500}.get(ill, 200), {})

            def answer(self, status: int, item: Any) -> None:
                body = json.dumps(item).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Tool:
    """What `zonectl` does where the unit `crew` runs."""

    def __init__(self) -> None:
        self.closed: set[str] = set()
        self.calls: list[tuple[list[str], int | None]] = []
        self.result: ExecResult | None = None

    def exec(
        self, unit: str, argv: list[str], timeout_s: float = 30.0, fence: int | None = None
    ) -> ExecResult:
        self.calls.append((argv, fence))
        assert (unit, argv[0]) == ("crew", "zonectl")
        if argv[1] == "list":
            return ExecResult(0, "north\nsouth\n-all\n")
        if argv[1] == "state":
            return ExecResult(0, "closed" if argv[2] in self.closed else "open")
        if self.result is not None:
            return self.result
        {"close": self.closed.add, "open": self.closed.discard}[argv[1]](argv[2])
        return ExecResult(0)


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    found = Jobs()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def flags(db: None) -> Iterator[psycopg.Connection[Any]]:
    """A table outside of the test's transaction: flags `beta` and `it's`, and what runs under them."""
    where = {k: v for k, v in connection.get_connection_params().items() if k in PLACE}
    with psycopg.connect(**where, autocommit=True) as session:
        session.execute(f"drop table if exists {TABLE}".encode())
        session.execute(f"create table {TABLE} (name text primary key, state text, runs int)".encode())
        session.execute(f"insert into {TABLE} values ('beta', 'off', 0), ('it''s', 'off', 3)".encode())
        yield session
        session.execute(f"drop table {TABLE}".encode())


@pytest.fixture
def cache() -> Iterator[Any]:
    with redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True) as client:
        client.set(KEY, "10")
        yield client
        client.delete(KEY)


def declared(url: str) -> dict[str, list[dict[str, Any]]]:
    """Service -> its actions."""
    job = {"from": {"http": f"{url}/jobs", "path": "[].name"}}
    pause = {
        "name": "stop-job",
        "title": "Stop a scheduled job",
        "params": {"job": job},
        "risk": "low",
        "do": {"http": {"post": f"{url}/jobs/{{job}}/pause", "headers": {"Authorization": LOGIN}}},
        "check": {"http": f"{url}/jobs/{{job}}", "path": "state", "is": "paused", "within_s": 0.5},
        "undo": {"http": {"post": f"{url}/jobs/{{job}}/resume"}},
    }
    flag = {
        "name": "set-flag",
        "title": "Set a feature flag",
        "params": {
            "flag": {"from": {"sql": f"select name from {TABLE} order by 1"}},
            "to": {"choices": ["on", "off", "'off'; drop table x"]},
        },
        "risk": "medium",
        "do": {"sql": f"update {TABLE} set state = {{to}} where name = {{flag}}"},
        "before": {"sql": f"select state from {TABLE} where name = {{flag}}"},
        "check": {"sql": f"select state from {TABLE} where name = {{flag}}", "is": "{to}", "within_s": 0.5},
        "undo": {"sql": f"update {TABLE} set state = {{before}} where name = {{flag}}"},
        "loss": {"sql": f"select runs from {TABLE} where name = {{flag}}", "of": "runs"},
    }
    limit = {
        "name": "set-limit",
        "title": "Set the limit of open requests",
        "params": {"limit": {"number": {"least": 1, "most": 50}}},
        "risk": "low",
        "do": {"redis": f"SET {KEY} {{limit}}", "on": "cache"},
        "before": {"redis": f"GET {KEY}", "on": "cache"},
        "check": {"redis": f"GET {KEY}", "on": "cache", "is": "{limit}", "within_s": 0.5},
        "undo": {"redis": ["SET", KEY, "{before}"], "on": "cache"},
    }
    zone = {
        "name": "close-zone",
        "title": "Close a zone",
        "params": {"zone": {"from": {"exec": "zonectl list"}}},
        "risk": "low",
        "do": {"exec": ["zonectl", "close", "{zone}"]},
        "check": {"exec": ["zonectl", "state", "{zone}"], "is": "closed", "within_s": 0.5},
        "undo": {"exec": "zonectl open {zone}"},
    }
    tell = {
        "name": "tell-crew",
        "title": "Tell the crew",
        "risk": "medium",
        "do": {"exec": ["zonectl", "close", "north"]},
    }
    return {"front": [pause], "db": [flag], "crew": [zone, tell], "web-1": [limit]}


def declare(base: Path, actions: dict[str, list[dict[str, Any]]]) -> services.LoadedSystem:
    """The system, registered anew with these actions."""
    file = base / "manifest.yaml"
    manifest = json.loads(file.read_text())
    for name, specs in actions.items():
        manifest["services"][name]["actions"] = specs
    file.write_text(json.dumps(manifest))
    services.register(file)
    System.objects.filter(slug="tiny").update(agent_on=True)
    return services.load("tiny")


@pytest.fixture
def system(base: Path, db: None, jobs: Jobs, flags: Any, cache: Any) -> Iterator[services.LoadedSystem]:
    forget()
    services._cache.clear()
    yield declare(base, declared(jobs.url))
    forget()
    services._cache.clear()


@pytest.fixture
def tool(system: services.LoadedSystem, monkeypatch: pytest.MonkeyPatch) -> Tool:
    found = Tool()
    assert isinstance(system.runtime, FakeRuntime)
    monkeypatch.setattr(system.runtime, "exec", found.exec)
    return found
