"""Runbook pages: why a search matched, editing with the line that is wrong, history and restore."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client

from knowledge import service
from knowledge.models import Runbook, RunbookRevision
from tests.pages import person

pytestmark = pytest.mark.django_db

BOOK = """---
id: paper_jam
title: The printer is jammed
category: container
applies_to: [worker]
prior: 0.02
symptoms:
  unit_down: usual
summary: "{component} is jammed"
actions:
  - {action: restart-service, target: "{component}"}
---
# What it looks like
Sheets stick in the fuser and the spooler says E-4711.
"""


@pytest.fixture
def book(db: None) -> Runbook:
    return service.save("paper_jam", BOOK, "mira", "first", expected_version=0)


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("mira"))
    return client


def test_list_and_page(boss: Client, book: Runbook) -> None:
    assert "The printer is jammed" in boss.get("/runbooks/").content.decode()
    page = boss.get("/runbooks/paper_jam/").content.decode()
    assert "Sheets stick in the fuser" in page
    assert "unit_down" in page
    assert "has not been found in an incident yet" in page


def test_search_says_why(boss: Client, book: Runbook) -> None:
    page = boss.get("/runbooks/?q=spooler+E-4711", headers={"HX-Request": "true"}).content.decode()
    assert "The printer is jammed" in page
    assert "<mark>spooler</mark>" in page
    assert "in its text" in page


def test_preview_names_the_line(boss: Client, book: Runbook) -> None:
    wrong = BOOK.replace("prior: 0.02", "prior: often")
    page = boss.post("/runbooks/preview/", {"text": wrong, "slug": "paper_jam"}).content.decode()
    assert "line 6" in page
    assert "prior" in page
    good = boss.post("/runbooks/preview/", {"text": BOOK, "slug": "paper_jam"}).content.decode()
    assert "The front matter is valid" in good
    evil = boss.post("/runbooks/preview/", {"text": BOOK + "<script>alert(1)</script>", "slug": "paper_jam"})
    assert b"<script>" not in evil.content


def test_edit_history_restore(boss: Client, book: Runbook) -> None:
    url = "/runbooks/paper_jam/"
    text = BOOK.replace("Sheets stick", "Pages stick")
    assert boss.post(url + "edit/", {"text": text, "note": "word", "version": 1}).status_code == 302
    wrong = boss.post(url + "edit/", {"text": text.replace("id: paper_jam", "id: other"), "version": 2})
    assert wrong.status_code == 422
    assert "line 2" in wrong.content.decode()
    stale = boss.post(url + "edit/", {"text": text + "!", "version": 1}).content.decode()
    assert "Not saved" in stale
    page = boss.get(url + "history/").content.decode()
    assert "-Sheets stick in the fuser" in page
    assert "+Pages stick in the fuser" in page
    boss.post(url + "restore/1/")
    book.refresh_from_db()
    assert book.version == 3
    assert "Sheets stick" in book.text


def test_new_runbook_takes_its_id_from_the_text(boss: Client) -> None:
    assert boss.post("/runbooks/new/", {"text": BOOK, "version": 0}).status_code == 302
    assert Runbook.objects.get().slug == "paper_jam"


def test_reading_is_for_all_editing_is_not(book: Runbook) -> None:
    reader = Client()
    reader.force_login(person("tom"))
    assert reader.get("/runbooks/paper_jam/").status_code == 200
    for path in ("edit/", "enable/", "restore/1/"):
        assert reader.post(f"/runbooks/paper_jam/{path}", {"text": "x"}).status_code in (403, 405)
    assert reader.post("/runbooks/preview/", {"text": "x"}).status_code == 403


def test_set_aside(boss: Client, book: Runbook) -> None:
    boss.post("/runbooks/paper_jam/enable/")
    assert "Set aside" in boss.get("/runbooks/paper_jam/").content.decode()
    assert not Runbook.objects.get().enabled


def test_a_long_history_comes_in_pages(boss: Client, book: Runbook, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [RunbookRevision(runbook=book, version=n, text="x", author="mira") for n in range(2, 120)]
    RunbookRevision.objects.bulk_create(rows)
    url, seen = f"/runbooks/{book.slug}/history/", []
    address = url
    while address:
        page = boss.get(address).content.decode()
        seen += [int(n) for n in re.findall(r"<td class=\"nowrap\"><a[^>]*>version (\d+)</a>", page)]
        older = re.search(r'href="([^"]+)">Older</a>', page)
        address = url + unescape(older[1]) if older else ""
    assert seen == list(range(119, 0, -1))
