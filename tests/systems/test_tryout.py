"""Registering looks at every declared target once: what cannot be read is told, and it is activated all the same."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from systems.models import System

pytestmark = pytest.mark.django_db


class Prometheus(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        known = b'http_requests_total{code="200"} 1\n' if self.path == "/known" else b""
        self.wfile.write(b"# TYPE up gauge\nup 1\n" + known)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Prometheus)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_what_cannot_be_read_is_told_and_still_activated(tmp_path: Path, url: str, silent: int) -> None:
    db = connection.get_connection_params()
    where = f"{db['host']}:{db['port']}/{db['dbname']}"
    services: dict[str, dict[str, Any]] = {
        "well": {"kind": "http", "http": {"url": url}},
        "text": {"kind": "http", "metrics": url},
        "known": {"kind": "http", "metrics": url + "known"},
        "gone": {"kind": "http", "http": {"url": "http://127.0.0.1:9/"}, "tcp": "127.0.0.1:9"},
        "mute": {"kind": "http", "http": {"url": f"http://127.0.0.1:{silent}/", "timeout_s": 60}},
        "muteq": {"kind": "redis", "redis": {"url": f"redis://127.0.0.1:{silent}/0"}},
        "wrong": {"kind": "postgres", "postgres": {"dsn": f"postgresql://no_such_role:not-the-word@{where}"}},
        "odd": {"kind": "postgres", "postgres": {"dsn": "host=x hush-hush-word"}},
        "bare": {"kind": "postgres"},
    }
    for spec in services.values():
        spec["unit"] = None
    file = tmp_path / "manifest.yaml"
    file.write_text(
        json.dumps({"system": "tried", "runtime": {"driver": "fake", "name": "tried"}, "services": services})
    )
    said = io.StringIO()
    call_command("register_system", str(file), stdout=said)
    minds = [line for line in said.getvalue().splitlines() if "mind: " in line]
    for name, words in {
        "text: nothing of its metrics": "not looked at: up", "gone: http": "refused", "gone: tcp": "refused",
        "mute: http": "no answer in 2 s",
        "muteq: redis": "", "wrong: postgres": "no_such_role", "odd: postgres": "taken apart",
        "bare: is a": "dsn",
    }.items():  # fmt: skip
        assert any(f"mind: {name}" in line and words in line for line in minds), (name, said.getvalue())
    assert (
        "  known: metrics recognised: http_requests; not recognised, so not looked at: up\n"
        in said.getvalue()
    )
    assert not any("well: http" in line for line in minds)
    assert "hush-hush-word" not in said.getvalue() and "not-the-word" not in said.getvalue()
    assert System.objects.get(slug="tried").manifest_version == 1


def test_a_check_registers_nothing(tmp_path: Path, url: str) -> None:
    file = tmp_path / "manifest.yaml"
    services = {"known": {"kind": "http", "unit": None, "metrics": url + "known"}}
    file.write_text(
        json.dumps({"system": "checked", "runtime": {"driver": "fake", "name": "c"}, "services": services})
    )
    said = io.StringIO()
    call_command("register_system", str(file), "--check", stdout=said)
    assert "recognised: http_requests" in said.getvalue()
    assert not System.objects.filter(slug="checked").exists()


def test_each_declared_reading_is_tried_and_what_it_answered_is_told(tmp_path: Path, url: str) -> None:
    db = connection.get_connection_params()
    dsn = f"postgresql://{db['user']}:{db.get('password', '')}@{db['host']}:{db['port']}/{db['dbname']}"
    readings = [
        {"name": "backlog", "sql": "select 5312", "on": "db", "unit": "jobs", "above": 1000},
        {"name": "regions", "sql": "select n as region, n from generate_series(1, 40) n", "on": "db"},
        {"name": "idle", "sql": "select 1 where false", "on": "db"},
        {"name": "missing", "sql": "select * from nowhere", "on": "db"},
        {"name": "odd", "sql": "select 'x'", "on": "db", "above": 1},
        {"name": "gone", "http": "http://127.0.0.1:9/"},
        {"name": "page", "http": url, "path": "state"},
    ]
    services = {
        "app": {"kind": "http", "unit": None, "readings": readings},
        "db": {"kind": "postgres", "unit": None, "postgres": {"dsn": dsn}},
    }
    file = tmp_path / "manifest.yaml"
    file.write_text(
        json.dumps({"system": "asked", "runtime": {"driver": "fake", "name": "a"}, "services": services})
    )
    out = io.StringIO()
    with pytest.raises(CommandError, match="4 to mend"):
        call_command("register_system", str(file), "--check", stdout=out)
    said = out.getvalue()
    assert "app  http: watches declared;" in said
    assert "  app: reading backlog answered 5,312 jobs\n" in said
    assert "answered 1 1, 2 2, 3 3, 4 4, 5 5 and 35 more; of its 40 labels 30 are looked at\n" in said
    assert "  app: reading idle answered nothing just now: no row, no entry\n" in said
    for name, words in {
        "missing": '"nowhere" does not exist', "odd": "'x' is no number", "gone": "refused", "page": "nothing stands",
    }.items():  # fmt: skip
        line = next(x for x in said.splitlines() if f"mind: app: reading {name} cannot be read now" in x)
        assert words in line, line
    assert not System.objects.filter(slug="asked").exists()
