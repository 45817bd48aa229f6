"""`register --check`: every probe once, every action tried, a summary with counts, and an exit code to build on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from actions.models import ActionRequest
from systems.manifest.describing import schema_text
from systems.models import System
from tests.systems.helpers import closed_port

pytestmark = pytest.mark.django_db(transaction=True)


class Fine(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Fine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def check(folder: Path, services: dict[str, Any], **more: Any) -> tuple[int, str, str]:
    """(exit code, what was said, the error) of `register --check`."""
    file = folder / "manifest.yaml"
    runtime = {"driver": "fake", "name": folder.name, "units": ["web"]}
    file.write_text(json.dumps({"system": "tried", "runtime": runtime, "services": services, **more}))
    said = StringIO()
    try:
        call_command("register_system", str(file), "--check", stdout=said, no_color=True)
    except CommandError as error:
        return error.returncode, said.getvalue(), str(error)
    return 0, said.getvalue(), ""


def test_what_can_all_be_reached_ends_well_and_nothing_is_registered(tmp_path: Path, url: str) -> None:
    (tmp_path / "web.log").write_text("started\n")
    web = {"kind": "http", "http": {"url": url}, "logs": [{"file": "web.log"}]}
    code, said, error = check(tmp_path, {"web": web}, journeys=[{"name": "look", "steps": [{"get": url}]}])
    assert (code, error) == (0, ""), said
    assert "everything could be reached" in said and "mind:" not in said
    assert "  actions, could be asked for now:\n" in said
    assert "    restart-service: web\n" in said
    assert " looks came back; of " in said and " 0 cannot reach what they need" in said
    assert not System.objects.exists() and not ActionRequest.objects.exists()


def test_what_cannot_be_reached_is_named_counted_and_ends_in_one(tmp_path: Path, url: str) -> None:
    where = closed_port()
    code, said, error = check(
        tmp_path,
        {
            "web": {"kind": "http", "http": {"url": url}, "config": {"file": "etc/a", "golden": "golden/a"}},
            "away": {"kind": "http", "unit": "nowhere", "tcp": where},
            "db": {
                "kind": "postgres",
                "unit": None,
                "postgres": {"dsn": f"postgresql://u:hush-hush@{where}/d"},
            },
        },
        journeys=[{"name": "buy", "steps": [{"get": f"http://{where}/"}]}],
    )
    assert code == 1
    for words in (
        "mind: away: tcp cannot be read now, so it is unknown: refused",
        "mind: away: unit cannot be read now",
        "mind: away: the runtime has no unit 'nowhere'",
        "mind: db: postgres cannot be read now",
        "mind: web: config cannot be read now",
        "mind: web: golden/a is not there",
        "the journey 'buy' does not get through: step 1 GET /: refused",
        "actions, what they need cannot be reached:",
        "vacuum-analyze: db: ",
    ):
        assert words in said, (words, said)
    assert "hush-hush" not in said + error
    assert "to mend" in error and "everything could be reached" not in said
    assert not System.objects.exists()


def test_a_system_that_is_only_watched_says_what_that_leaves_out(tmp_path: Path, url: str) -> None:
    file = tmp_path / "manifest.yaml"
    web = {"kind": "http", "http": {"url": url}}
    file.write_text(json.dumps({"system": "far", "runtime": {"driver": "none"}, "services": {"web": web}}))
    said = StringIO()
    call_command("register_system", str(file), "--check", stdout=said, no_color=True)
    assert "web  http: watches http; not ours to control (runtime: none)" in said.getvalue()
    assert "not here, where nothing has a unit: restart-service" in said.getvalue()
    assert "everything could be reached" in said.getvalue()


def test_a_slip_is_answered_with_its_line_and_nothing_is_tried(tmp_path: Path) -> None:
    file = tmp_path / "manifest.yaml"
    file.write_text("system: s\nservices:\n  db: {kind: postgress, unit: null}\n")
    with pytest.raises(CommandError, match=r"manifest.yaml:3: services.db.kind: .*did you mean 'postgres'"):
        call_command("register_system", str(file), "--check", stdout=StringIO())


def test_the_schema_is_printed_and_a_manifest_is_asked_for() -> None:
    said = StringIO()
    call_command("register_system", "--schema", stdout=said)
    assert said.getvalue() == schema_text()
    with pytest.raises(CommandError, match="name the manifest"):
        call_command("register_system", stdout=StringIO())
