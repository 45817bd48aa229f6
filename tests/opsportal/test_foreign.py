"""The page to which an incident of another system is brought as files."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from actions.models import AuditEntry
from opsportal.foreign import upload
from opsportal.inputgate import MOST_UPLOADED
from opsportal.tokens import grant
from tests.agent.foreign import shop, writers
from tests.pages import may_look

PAGE = "/diagnose/"


@pytest.fixture
def user(client: Client) -> User:
    user = may_look(User.objects.create_user("mira"))
    client.force_login(user)
    return user


def _zip(folder: Path) -> SimpleUploadedFile:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return SimpleUploadedFile("case.zip", body.getvalue())


@pytest.mark.django_db
def test_an_archive_is_read_as_a_case_and_nothing_of_it_is_kept(
    user: User, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(user, ["incidents.diagnose_bundle"])
    made = shop.make("memory", 4, seed=2, minutes=8, spans=True)
    source, places = tmp_path / "source", tmp_path / "places"
    places.mkdir()
    monkeypatch.setenv("TMPDIR", str(places))
    monkeypatch.setattr("tempfile.tempdir", str(places))
    writers.wide(made, source)
    writers.jaeger(made, source)
    change = {
        "sha": "4be1f02a9c33",
        "message": f"{made.culprit}: cache <b>all</b> sessions",
        "date": made.inject - 60,
    }
    (source / "commits.json").write_text(json.dumps([change]))
    answer = client.post(PAGE, {"bundle": [_zip(source)]})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert f"{made.culprit}: Memory runs out" in page
    assert "4be1f02a9c33" in page and "cache &lt;b&gt;all" in page
    assert "Who needs whom" in page and "When what began" in page
    assert list(places.iterdir()) == []
    written = AuditEntry.objects.get(verb="bundle.diagnosed")
    assert (written.actor, written.data["verdict"]) == ("mira", "cause")


@pytest.mark.django_db
def test_without_the_right_nothing_is_read(
    user: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: Any) -> None:
        raise AssertionError("read")

    monkeypatch.setattr(upload, "diagnose", read)
    file = SimpleUploadedFile("a.json", b"{}")
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"bundle": [file]}).status_code == 403
    assert PAGE not in client.get("/").content.decode()
    client.logout()
    assert client.post(PAGE, {"bundle": [file]})["Location"].startswith("/login/")
    grant(user, ["incidents.diagnose_bundle"])
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    assert strict.post(PAGE, {"bundle": [file]}).status_code == 403


@pytest.mark.django_db
def test_what_cannot_be_taken_is_refused_with_a_sentence(user: User, client: Client) -> None:
    grant(user, ["incidents.diagnose_bundle"])
    assert "no file was chosen" in client.post(PAGE, {}).content.decode()
    large = client.post(PAGE, {"bundle": []}, CONTENT_LENGTH=MOST_UPLOADED + 1)
    assert large.status_code == 400 and "./ops diagnose" in large.content.decode()
    assert "at most 50 MB" in client.get(PAGE).content.decode()
