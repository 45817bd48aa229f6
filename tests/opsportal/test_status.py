"""`./ops status` and `./ops sandbox status`: what is not seen is said so, and never counted as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import call_command

from tests.pages import make_system, show

pytestmark = pytest.mark.django_db

PARTS = {
    "postgres": {"ok": True, "state": "ready"},
    "watcher": {"ok": True, "state": "ready"},
}


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A portal that is ready."""
    monkeypatch.setenv("OPSPORTAL_URL", "http://127.0.0.1:1/")

    def answer(url: str, **_: Any) -> httpx.Response:
        return httpx.Response(200, json={"parts": PARTS}, request=httpx.Request("GET", url))

    monkeypatch.setattr(httpx, "get", answer)


def test_services_that_are_not_seen_are_named_and_not_well(
    portal: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_system(tmp_path)
    show(gateway="", api_1="", api_2="", postgres="")
    call_command("status")
    said = capsys.readouterr().out
    assert "Kiosk: 0 of 4 services well, 4 not seen" in said
    assert "postgres" in said and "Not known" in said


def test_sandbox_status_names_the_units_that_are_not_seen(
    tmp_path: Path, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sandbox"
    folder.mkdir()
    (folder / "manifest.yaml").write_text(
        "system: kiosk\nruntime: {driver: fake}\nservices:\n"
        "  web: {kind: http, unit: web}\n  db: {kind: postgres, unit: null}\n"
    )
    settings.OPSPORTAL_DATA = tmp_path
    call_command("sandbox", "status")
    said = capsys.readouterr().out
    assert "0 of 1 run; not seen: web" in said
