"""A manifest is activated whole or not at all; a file that changed on disk is offered, not taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from actions.models import AuditEntry
from incidents.models import Incident, State
from systems import activation, services
from systems.models import System
from tests.pages import may_look

pytestmark = pytest.mark.django_db

GOOD = """system: whole
title: Whole
runtime: {driver: fake, name: whole, units: [a]}
services:
  a: {kind: http}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "manifest.yaml"
    file.write_text(GOOD)
    call_command("register_system", str(file), verbosity=0)
    return file


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("runtime: {driver: fake, name: whole, units: [a]}\n", "", ["runtime.socket"]),
        (
            "driver: fake",
            "driver: podmann",
            ["manifest.yaml:3: runtime: runtime.driver: there is no 'podmann'"],
        ),
        ("driver: fake", "driver: [x]", ["manifest.yaml:3"]),
        (
            "{kind: http}",
            "{kidn: http, http: {url: '${NOWHERE}'}}\nsecrets: not-there.env\ntilte: x",
            ["not-there.env", "manifest.yaml:5: services.a.kidn", "manifest.yaml:7: tilte"],
        ),
    ],
)
def test_what_cannot_work_changes_nothing_and_is_named_whole(
    path: Path, old: str, new: str, words: list[str]
) -> None:
    before = System.objects.values().get()
    incident = Incident.objects.create(
        system_id=before["id"], title="x", component="a", fingerprint="f", started_at=timezone.now()
    )
    running = services.load("whole")
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(CommandError) as refused:
        call_command("register_system", str(path), verbosity=0)
    assert all(word in str(refused.value) for word in words), str(refused.value)
    assert System.objects.values().get() == before
    assert services.load("whole") is running
    assert Incident.objects.get(pk=incident.pk).state == State.DETECTING


def test_a_file_that_changed_is_offered_and_taken_only_when_activated(path: Path) -> None:
    row, running = System.objects.get(), services.load("whole")
    assert activation.offered(row) == ""
    path.write_text(GOOD.replace("  a: {kind: http}", "  a: {kind: http}\n  b: {kind: worker, unit: null}"))
    assert services.load_all() == [running]
    assert "register_system" in activation.offered(row)
    call_command("register_system", str(path), verbosity=0)
    row.refresh_from_db()
    assert (row.manifest_version, row.manifest_before, activation.offered(row)) == (2, GOOD, "")
    assert set(services.load("whole").services) == {"a", "b"}
    path.unlink()
    assert set(services.load("whole").services) == {"a", "b"}
    assert "cannot be read" in activation.offered(row)


def test_a_broken_row_stops_no_other(path: Path, tmp_path: Path) -> None:
    System.objects.create(slug="broken", title="Broken", manifest_path=str(tmp_path / "no.yaml"))
    System.objects.create(
        slug="odd", title="Odd", manifest_path="/", manifest_text="system: [", manifest_version=1
    )
    assert [s.slug for s in services.load_all()] == ["whole"]


def test_the_settings_page_shows_what_changes_and_takes_only_what_was_seen(path: Path) -> None:
    user, client = may_look(User.objects.create_user("vera")), Client()
    client.force_login(user)
    path.write_text(GOOD.replace("title: Whole", "title: Renamed\nfront_door: http://u:hidden-word@h/"))
    page = client.get("/settings/").content.decode()
    assert "+title: Renamed" in page and "hidden-word" not in page and "/activate/" not in page
    found = activation.offer(System.objects.get())
    assert found is not None
    url, seen = "/settings/systems/whole/activate/", {"digest": found.digest}
    assert client.post(url, seen).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename="change_system"))
    assert "/activate/" in client.get("/settings/").content.decode()
    assert "changed since" in client.post(url, {"digest": "other"}, follow=True).content.decode()
    assert System.objects.get().title == "Whole"
    client.post(url, seen)
    row = System.objects.get()
    assert (row.title, row.manifest_version, row.manifest_before) == ("Renamed", 2, GOOD)
    assert AuditEntry.objects.get(verb="manifest.activated").actor == "vera"


@pytest.mark.parametrize(
    "new", [GOOD.replace("kind: http", "kidn: http"), GOOD.replace("system: whole", "system: other")]
)
def test_a_file_with_mistakes_is_told_and_not_offered(path: Path, new: str) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("boss", "", "x"))
    path.write_text(new)
    page = client.get("/settings/").content.decode()
    assert "cannot be activated" in page and "manifest.yaml:" in page and "/activate/" not in page
    client.post("/settings/systems/whole/activate/", {"digest": activation._digest(new)})
    assert System.objects.get().manifest_text == GOOD


def test_a_broken_manifest_is_named_on_every_dashboard(path: Path) -> None:
    System.objects.create(
        slug="odd", title="Odd", manifest_path="/", manifest_text="system: [", manifest_version=1
    )
    client = Client()
    client.force_login(may_look(User.objects.create_user("vera")))
    page = client.get("/?system=whole").content.decode()
    assert "Odd is not watched" in page and "not valid YAML" in page
    assert "Whole is not watched" not in page
