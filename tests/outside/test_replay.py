"""A case leaves the portal as a folder, without secrets, and is diagnosed from it as it was live."""

from __future__ import annotations

import gzip
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from systems import frames
from systems.ticks import Tick
from tests.outside.ward import Ward

SECRET = "sesame-open-the-vault"


def keep_ticks(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the watcher's store does."""
    stored = ward._store

    def store(tick: Tick) -> None:
        stored(tick)
        with connection.cursor() as cursor:
            cursor.execute(
                "insert into systems_tick values (%s, %s, %s, %s, %s)",
                [ward.row.pk, tick.at, tick.mini, tick.starved, frames.pack(tick.readings)],
            )

    monkeypatch.setattr(ward, "_store", store)


def test_an_exported_case_is_diagnosed_as_it_was_and_tells_no_secret(
    ward: Ward, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_ticks(ward, monkeypatch)
    with ward.file("secrets.env").open("a") as file:
        file.write(f"VAULT_TOKEN={SECRET}\n")
    ward.look(20)
    golden = ward.file("golden/api-1.yaml").read_text()
    for name in ("api-1", "api-2"):
        ward.file(f"etc/{name}.yaml").write_text(golden.replace("delay_s: 0", "delay_s: 6"))
        ward.set(name, "app.p50_ms", 6000)
        ward.set(name, "http.latency_ms", 6000)
        ward.say(name, f"ERROR cannot open the vault with {SECRET}", times=3)
    ward.set("gateway", "journey.ok", 0, "GET /browse: no answer in 2.5 s", "browse")
    ward.look_until(lambda: ward.requests())
    live = next(e["data"]["hypotheses"][0]["key"] for e in ward.incident["events"]
                if e["title"].startswith("Most likely"))  # fmt: skip
    case, told = tmp_path / "case", tmp_path / "told.json"
    call_command("export_case", str(ward.numbers[-1]), str(case), stdout=StringIO())
    with pytest.raises(CommandError, match="is there already"):
        call_command("export_case", str(ward.numbers[-1]), str(case))
    with connection.cursor() as cursor:
        cursor.execute("delete from systems_tick")
    with pytest.raises(CommandError, match="no readings are kept"):
        call_command("export_case", str(ward.numbers[-1]), str(tmp_path / "late"))
    kept = [gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes() for p in case.iterdir()]
    assert any(b"cannot open the vault" in found for found in kept)
    assert not any(SECRET.encode() in found for found in kept)
    call_command("replay", str(case), json=told, stdout=StringIO())
    (found,) = json.loads(told.read_text())
    said = found["first"]
    assert (
        ":".join(p for p in (said["component"], said["cause"], said["detail"]) if p) == live == found["live"]
    )
    assert found["ended"] == "plan" and found["right"] is None
