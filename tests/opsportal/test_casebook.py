"""What a game day keeps of its runs: the evidence, what was done, and the answer beside it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from actions.models import ActionRequest, Status
from chaos.registry import FAULTS
from chaos.scorecard import Row
from incidents.bundles import folder
from opsportal.casebook import Keeper
from systems import frames, services
from systems.readings import Reading

MANIFEST = """
system: small
runtime: {driver: fake, name: small, units: [api-1]}
services:
  api-1: {kind: http}
"""


@pytest.mark.django_db
def test_a_run_is_kept_with_what_was_done_and_its_answer(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    system = services.register(tmp_path / "manifest.yaml")
    injected = timezone.now() - timedelta(seconds=20)
    act = ActionRequest.objects.create(
        system=system, slug="restart-service", target="api-1", requested_by="agent", status=Status.SUCCEEDED,
        risk="low", digest="x", claimed_at=injected + timedelta(seconds=9),
        finished_at=injected + timedelta(seconds=11),
    )  # fmt: skip
    ActionRequest.objects.create(
        system=system, slug="restart-service", target="api-1", requested_by="agent", status=Status.REJECTED, risk="low",
        digest="x", claimed_at=injected,
    )  # fmt: skip
    keep = Keeper(tmp_path / "kept", system)
    row = Row("api_down", "process", 3, incident_number=12)
    keep(row, injected, timezone.now())
    assert keep.failed and "no readings are kept" in keep.failed[0], "said, and no game day ends by it"
    with connection.cursor() as cursor:
        for second in range(-5, 20):
            found = [Reading("api-1", "http.ok", float(second < 0), "" if second < 0 else "refused")]
            at = injected + timedelta(seconds=second)
            packed = frames.pack(found)
            cursor.execute(
                "insert into systems_tick values (%s, %s, %s, %s, %s)",
                [system.pk, at, second == 3, False, packed],
            )
    keep(row, injected, timezone.now())
    kept = folder.read(tmp_path / "kept" / "api_down-3")
    assert (len(kept.ticks), kept.trouble_from, [t.at for t in kept.ticks if t.mini]) == (25, 5.0, [8.0])
    assert kept.ticks[5].readings == [Reading("api-1", "http.ok", 0.0, "refused")]
    assert [(c["what"], c["service"], c["status"]) for c in kept.changes] == [
        (act.deed, "api-1", "succeeded")
    ]
    answer = folder.answer(tmp_path / "kept" / "api_down-3")
    assert answer is not None and answer["causes"] == list(FAULTS["api_down"].expected.causes)
    told = [
        p.read_text() for p in (tmp_path / "kept" / "api_down-3").glob("*.json") if p.name != "answer.json"
    ]
    assert not any("api_down" in text for text in told), "only the answer names it"
    assert json.loads((tmp_path / "kept" / "api_down-3" / "bundle.json").read_text())["incident"] == 12
