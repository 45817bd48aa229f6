"""The pages and the REST of added signals and words, as people and programs use them."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from knowledge.models import VocabularyEntry
from knowledge.vocabulary.telling import starter
from opsportal import tokens
from systems import services
from systems.models import System
from tests.knowledge.test_trying import kept
from tests.knowledge.test_vocabulary import SIGNAL, WORD, clean
from tests.pages import make_system, person

pytestmark = pytest.mark.django_db
__all__ = ["clean"]  # nothing that is heard of here is heard of elsewhere
AT = "/settings/vocabulary/"
PERMS = ("add_vocabularyentry", "change_vocabularyentry")


@pytest.fixture
def ann() -> Client:
    client = Client()
    client.force_login(person("ann", *PERMS))
    return client


@pytest.fixture
def reader() -> Client:
    client = Client()
    client.force_login(person("rita"))
    return client


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_the_empty_page_says_what_to_do_next(ann: Client, reader: Client) -> None:
    assert "/settings/vocabulary/new/?kind=signal" in page(ann, AT)
    assert "An admin can add" in page(reader, AT)
    assert AT in page(ann, "/runbooks/") and AT in page(ann, "/settings/")


def test_what_a_new_one_begins_with_can_be_saved_as_it_is(ann: Client) -> None:
    for kind in ("signal", "word"):
        text = starter(kind)
        assert "kind: " + kind in page(ann, f"{AT}new/?kind={kind}")
        answer = ann.post(f"{AT}new/", {"text": text, "version": "0", "note": "first"}, follow=True)
        assert "Saved as version 1" in answer.content.decode()
    assert VocabularyEntry.objects.count() == 2
    listed = page(ann, AT)
    assert "Holds where own.backlog of any part of every system is above 100 for 3 looks in a row" in listed
    assert listed.count("In force") == 2


def test_a_mistake_keeps_the_text_and_names_the_line(ann: Client) -> None:
    wrong = SIGNAL.replace("above: 100", "above: much")
    answer = ann.post(f"{AT}new/", {"text": wrong, "version": "0"})
    text = answer.content.decode()
    assert answer.status_code == 422 and "above: much" in text and "line 5" in text
    shown = ann.post(f"{AT}preview/", {"text": wrong, "slug": ""}).content.decode()
    assert "line 5" in shown
    ann.post(f"{AT}new/", {"text": SIGNAL, "version": "0"})
    again = ann.post(f"{AT}new/", {"text": SIGNAL, "version": "0"}).content.decode()
    assert "is taken" in again
    stale = ann.post(f"{AT}dough_waits/", {"text": SIGNAL, "version": "9"}).content.decode()
    assert "was saved in the meantime" in stale


def test_history_switch_and_restore(ann: Client) -> None:
    ann.post(f"{AT}new/", {"text": SIGNAL, "version": "0"})
    ann.post(f"{AT}dough_waits/", {"text": SIGNAL.replace("100", "90"), "version": "1", "note": "earlier"})
    ann.post(f"{AT}dough_waits/switch/", {"on": "off"})
    assert "Off" in page(ann, AT) and "Switched off" in page(ann, f"{AT}dough_waits/")
    text = page(ann, f"{AT}dough_waits/history/?old=1&new=2")
    assert "+above: 90" in text and "earlier" in text
    assert ann.get(f"{AT}dough_waits/history/?new=8").status_code == 404
    ann.post(f"{AT}dough_waits/restore/1/")
    row = VocabularyEntry.objects.get()
    assert (row.version, "above: 100" in row.text, row.enabled) == (4, True, False)
    ann.post(f"{AT}dough_waits/switch/", {"on": "on"})
    row.refresh_from_db()
    assert row.enabled


def test_who_may_not_change_it_reads_it(ann: Client, reader: Client) -> None:
    ann.post(f"{AT}new/", {"text": SIGNAL, "version": "0"})
    text = page(reader, f"{AT}dough_waits/")
    assert "readonly" in text and "Save</button>" not in text
    for path in ("dough_waits/", "dough_waits/switch/", "dough_waits/restore/1/", "new/", "preview/", "try/"):
        assert reader.post(AT + path, {"text": SIGNAL, "version": "1"}).status_code == 403, path
    assert Client().get(AT).status_code == 302
    assert VocabularyEntry.objects.get().version == 1


def test_one_that_is_broken_is_shown_at_its_place(ann: Client) -> None:
    ann.post(f"{AT}new/", {"text": SIGNAL, "version": "0"})
    ann.post(f"{AT}new/", {"text": WORD, "version": "0"})
    VocabularyEntry.objects.filter(slug="dough_waits").update(text="kind: signal\nid: dough_waits\n")
    text = page(ann, AT)
    assert "To mend" in text and "metric: Field required" in text and text.count("In force") == 1
    assert page(ann, f"{AT}dough_waits/")


@pytest.mark.django_db(transaction=True)
def test_trying_tells_how_far_it_is_and_what_came_of_it(tmp_path: Path, ann: Client, reader: Client) -> None:
    make_system(tmp_path)
    services._cache.clear()
    system = services.load("kiosk")
    try:
        from systems.readings import Reading

        kept(system, 120, lambda s: [Reading("api-1", "own.dough", 500.0 if s > 100 else 5.0)])
        form = {"text": SIGNAL, "slug": "", "try_system": "kiosk", "hours": "1"}
        began = ann.post(f"{AT}try/", form).content.decode()
        token = re.search(r"/try/([\w-]+)/", began)
        assert token, began
        until, shown = time.monotonic() + 30, ""
        while "would" not in shown and time.monotonic() < until:
            shown = page(ann, f"{AT}try/{token[1]}/")
            time.sleep(0.1)
        assert "It would have fired 1 time." in shown and "held to the end" in shown and "<svg" in shown
        assert "Nothing is kept from before" in shown
        assert "forgotten" in page(reader, f"{AT}try/{token[1]}/"), "it is of who asked"
        assert not VocabularyEntry.objects.exists()
        wrong = ann.post(f"{AT}try/", form | {"text": "kind: signal"}).content.decode()
        assert "Mend the text first" in wrong
        assert "hours: one of" in ann.post(f"{AT}try/", form | {"hours": "900"}).content.decode()
        assert "no system" in ann.post(f"{AT}try/", form | {"try_system": "moon"}).content.decode()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("delete from systems_tick")
        services._cache.clear()


def test_programs_read_and_change_it_with_the_rights_of_their_user(tmp_path: Path) -> None:
    System.objects.create(slug="kiosk", title="Kiosk", manifest_path="/nowhere")
    perms = (tokens.READ, *(f"knowledge.{p}" for p in PERMS))
    token, _ = tokens.create(person("bob", "view_incident", *PERMS), "ci", perms)
    few, _ = tokens.create(person("eve", "view_incident"), "looks", (tokens.READ,))
    client = Client()

    def call(
        method: str, path: str, body: object = None, secret: str = token
    ) -> tuple[int, dict[str, object]]:
        headers = {"Authorization": f"Bearer {secret}"}
        answer = client.generic(
            method,
            f"/api/vocabulary{path}",
            json.dumps(body) if body else "",
            "application/json",
            headers=headers,
        )
        return answer.status_code, answer.json()

    code, made = call("PUT", "/dough_waits", {"text": SIGNAL, "note": "from ci"})
    assert (code, made["version"], made["on"], made["kind"]) == (201, 1, True, "signal")
    assert call("PUT", "/dough_waits", {"text": SIGNAL})[0] == 409
    assert call("PUT", "/other", {"text": SIGNAL})[0] == 422
    code, said = call("PUT", "/dough_waits", {"text": SIGNAL + "colour: red\n", "version": 1})
    assert code == 422 and "line 10: colour" in str(said["detail"])
    assert call("PUT", "/dough_waits", {"text": SIGNAL, "version": 1})[1]["version"] == 2
    assert call("POST", "/dough_waits/switch", {"on": False})[1]["on"] is False
    assert call("GET", "", secret=few)[0] == 200
    assert call("GET", "/nothing")[0] == 404
    assert call("PUT", "/dough_waits", {"text": SIGNAL, "version": 3}, secret=few)[0] == 403
    assert call("POST", "/dough_waits/switch", {"on": True}, secret=few)[0] == 403
