"""What a game day keeps of its runs: the evidence, what was done, and the answer beside it."""

from __future__ import annotations

import json
import tarfile
from datetime import datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from actions.models import AuditEntry
from agent.replay.recorded import acts_of
from chaos.decoys.registry import DECOYS
from chaos.gameday.amid import Made
from chaos.registry import FAULTS
from chaos.scorecard import Row
from incidents.bundles import folder
from incidents.models import Incident
from opsportal.casebook import Keeper
from opsportal.tokens import grant
from systems import frames, services
from systems.models import System
from systems.readings import Reading
from systems.state import acts
from tests.pages import may_look

MANIFEST = """
system: small
runtime: {driver: fake, name: small, units: [api-1]}
services:
  api-1: {kind: http}
"""


def looks(system: System, start: datetime) -> None:
    """A reading a second, from five seconds before it until twenty after."""
    with connection.cursor() as cursor:
        for second in range(-5, 20):
            found = [Reading("api-1", "http.ok", float(second < 0), "" if second < 0 else "refused")]
            at = start + timedelta(seconds=second)
            cursor.execute(
                "insert into systems_tick values (%s, %s, %s, %s, %s)",
                [system.pk, at, second == 3, False, frames.pack(found)],
            )


@pytest.mark.django_db
def test_a_run_is_kept_with_what_was_done_and_its_answer(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    system = services.register(tmp_path / "manifest.yaml")
    injected = timezone.now() - timedelta(seconds=20)
    began, ended = (injected + timedelta(seconds=s) for s in (9, 11))
    acts.began(system.pk, "r-1", "api-1", [], "restart-service on api-1", began, "restart-service")
    acts.ended(system.pk, "r-1", ended, "succeeded")
    keep = Keeper(tmp_path / "kept", system)
    row = Row("api_down", "process", 3, incident_number=12)
    keep(row, injected, timezone.now(), {}, [])
    assert keep.failed and "no readings are kept" in keep.failed[0], "said, and no game day ends by it"
    looks(system, injected)
    keep(row, injected, timezone.now(), {}, [])
    kept = folder.read(tmp_path / "kept" / "api_down-3")
    assert (len(kept.ticks), kept.trouble_from, [t.at for t in kept.ticks if t.mini]) == (25, 5.0, [8.0])
    assert kept.ticks[5].readings == [Reading("api-1", "http.ok", 0.0, "refused")]
    assert [(c.words, c.component, c.after) for c in kept.changes] == [
        ("restart-service on api-1", "api-1", "succeeded")
    ]
    assert [(a.target, a.claimed_at, a.finished_at) for a in acts_of(kept.changes)] == [
        ("api-1", began, ended)
    ]
    answer = folder.answer(tmp_path / "kept" / "api_down-3")
    assert answer is not None and answer["causes"] == list(FAULTS["api_down"].expected.causes)
    assert answer["kind"] == "known" and "harmless" not in answer
    told = [
        p.read_text() for p in (tmp_path / "kept" / "api_down-3").glob("*.json") if p.name != "answer.json"
    ]
    assert not any("api_down" in text for text in told), "only the answer names it"
    assert json.loads((tmp_path / "kept" / "api_down-3" / "bundle.json").read_text())["incident"] == 12


@pytest.mark.django_db
def test_a_run_amid_harmless_changes_and_a_piece_of_quiet_say_so_in_their_answers(tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    system = services.register(tmp_path / "manifest.yaml")
    injected = timezone.now() - timedelta(seconds=20)
    looks(system, injected)
    touched = DECOYS["config_value"].touched({"place": list(DECOYS["config_value"].places[0])})
    made = [Made("config_value", "before", injected, touched, "e")]
    keep = Keeper(tmp_path / "kept", system)
    keep(Row("api_down", "process", 1), injected, timezone.now(), {}, made)
    keep.quiet(2, injected, timezone.now(), [])
    assert keep.failed == []
    amid, quiet = (folder.answer(tmp_path / "kept" / name) for name in ("api_down-1-amid", "quiet-2"))
    assert amid is not None and quiet is not None
    assert amid["kind"] == "decoys"
    assert amid["harmless"][0]["touched"] == [{"component": "api-1", "kind": "config", "what": "log.level"}]
    assert (quiet["kind"], quiet["components"], quiet["causes"]) == ("quiet", [], [])


@pytest.mark.django_db
def test_an_incident_is_downloaded_as_a_bundle_by_whoever_has_the_right(
    tmp_path: Path, client: Client
) -> None:
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    system = services.register(tmp_path / "manifest.yaml")
    start = timezone.now() - timedelta(seconds=20)
    incident = Incident.objects.create(system=system, title="api-1 refuses", started_at=start)
    where = f"/incidents/{incident.number}/bundle.tar.gz"
    user = may_look(User.objects.create_user("mira"))
    client.force_login(user)
    assert client.get(where).status_code == 403
    assert where not in client.get(f"/incidents/{incident.number}/").content.decode()
    grant(user, ["incidents.export_incident"])
    assert where in client.get(f"/incidents/{incident.number}/").content.decode()
    said = client.get(where, follow=True).content.decode()
    assert "no readings are kept" in said, "back on its page, with the reason"
    assert not AuditEntry.objects.filter(verb="incident.exported").exists()
    looks(system, start)
    answer = client.get(where)
    assert answer["Content-Disposition"] == f'attachment; filename="small-{incident.number}.tar.gz"'
    packed = b"".join(answer.streaming_content)  # type: ignore[arg-type]
    with tarfile.open(fileobj=BytesIO(packed)) as tar:
        assert {m.uname for m in tar} == {""}
        for member in (m for m in tar if m.isfile()):  # the first of 3.11 know no filter for all of them
            target, held = tmp_path / "out" / member.name, tar.extractfile(member)
            assert target.resolve().is_relative_to(tmp_path / "out") and held is not None
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(held.read())
    bundle = folder.read(tmp_path / "out" / f"small-{incident.number}")
    assert bundle.ticks[-1].readings == [Reading("api-1", "http.ok", 0.0, "refused")]
    assert not (tmp_path / "out" / f"small-{incident.number}" / "answer.json").exists()
    written = AuditEntry.objects.get(verb="incident.exported")
    size = sum(f.stat().st_size for f in (tmp_path / "out" / f"small-{incident.number}").iterdir())
    assert (written.actor, written.incident, written.data["bytes"]) == ("mira", incident.number, size)


@pytest.mark.django_db
def test_a_bundle_written_on_the_command_line_is_on_record_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    system = services.register(tmp_path / "manifest.yaml")
    start = timezone.now() - timedelta(seconds=20)
    incident = Incident.objects.create(system=system, title="api-1 refuses", started_at=start)
    looks(system, start)
    call_command("export_case", str(incident.number), str(tmp_path / "out"), stdout=StringIO())
    written = AuditEntry.objects.get(verb="incident.exported")
    assert (written.actor, written.incident, written.system) == ("command line", incident.number, "small")

    def full(*_: object, **__: object) -> None:
        raise OSError("no room for the audit log")

    monkeypatch.setattr("opsportal.casebook.audit.append", full)
    with pytest.raises(CommandError, match="no room"):
        call_command("export_case", str(incident.number), str(tmp_path / "again"), stdout=StringIO())
    assert not (tmp_path / "again").exists()
