"""Approvals and the audit log, as people use them."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import AsyncClient, Client

from actions import audit, audit_checking, tasks
from actions.models import ActionRequest, AuditEntry, Decision, Status
from tests.pages import make_incident, make_request, make_system, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_(tmp_path: Path) -> ActionRequest:
    system = make_system(tmp_path)
    return make_request(system, make_incident(system))


def _as(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_card_shows_all_a_person_must_know(request_: ActionRequest) -> None:
    page = _as(person("ann", "approve_action")).get("/approvals/").content.decode()
    for words in (
        "ALTER ROLE shop PASSWORD",
        "four services share this credential",
        "The login is refused",
        "the old verifier is put back",
        "it stays down",
        "api-1",
        'class="add"',
    ):
        assert words in page, words
    assert "Approve" in page


def test_approve_and_reject(request_: ActionRequest) -> None:
    ann = _as(person("ann", "approve_action"))
    url = f"/approvals/{request_.pk}/decide/"
    ann.post(url, {"verdict": "reject", "reason": ""})
    request_.refresh_from_db()
    assert request_.status == Status.WAITING, "a rejection needs a reason"
    ann.post(url, {"verdict": "maybe", "reason": "x"})
    assert not Decision.objects.exists()
    ann.post(url, {"verdict": "reject", "reason": "not at noon"})
    request_.refresh_from_db()
    assert request_.status == Status.REJECTED
    assert Decision.objects.get().reason == "not at noon"
    page = ann.post(url, {"verdict": "approve"}, follow=True).content.decode()
    assert "already" in page
    request_.refresh_from_db()
    assert request_.status == Status.REJECTED


def test_only_who_may_decides(request_: ActionRequest) -> None:
    tom = _as(person("tom"))
    assert "Approve regenerate" not in tom.get("/approvals/").content.decode()
    assert tom.post(f"/approvals/{request_.pk}/decide/", {"verdict": "approve"}).status_code == 403
    agent = _as(person("agent", "approve_action"))
    page = agent.post(
        f"/approvals/{request_.pk}/decide/", {"verdict": "approve"}, follow=True
    ).content.decode()
    assert "nobody decides on their own request" in page
    request_.refresh_from_db()
    assert request_.status == Status.WAITING


def test_next_never_leads_elsewhere(request_: ActionRequest) -> None:
    ann = _as(person("ann", "approve_action"))
    answer = ann.post(
        f"/approvals/{request_.pk}/decide/", {"verdict": "approve", "next": "https://evil.example/"}
    )
    assert answer["Location"] == "/approvals/"


def test_header_counts_what_waits(request_: ActionRequest) -> None:
    page = _as(person("tom")).get("/nav/").content.decode()
    assert ">1<" in page
    ActionRequest.objects.update(status=Status.EXPIRED)
    assert _as(person("tim")).get("/nav/").content.strip() == b""


def test_audit_filters_export_and_verify() -> None:
    for actor, verb in (("agent", "action.started"), ("mira", "policy.rule"), ("agent", "action.finished")):
        audit.append(actor, verb, system="kiosk", target="api-1", incident=7)
    viewer = _as(person("ann", "export_audit"))
    page = viewer.get("/audit/?verb=action.", headers={"HX-Request": "true"}).content.decode()
    assert "action.started" in page
    assert "policy.rule" not in page
    assert "No row fits" in viewer.get("/audit/?actor=nobody").content.decode()
    for wrong in ("since=2026-99-99", "incident=x"):
        refused = viewer.get(f"/audit/?{wrong}")
        assert refused.status_code == 400 and wrong.partition("=")[0] in refused.content.decode()
    lines = b"".join(viewer.get("/audit/export.jsonl?actor=mira").streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert [json.loads(line)["verb"] for line in lines] == ["policy.rule"]
    assert viewer.get("/audit/export.csv")["Content-Type"].startswith("text/csv")
    taken = AuditEntry.objects.filter(actor="ann", verb="audit.exported").order_by("seq")
    assert [e.data for e in taken] == [
        {"form": "jsonl", "filters": {"actor": "mira"}},
        {"form": "csv", "filters": {}},
    ]
    assert _as(person("tom")).get("/audit/export.csv").status_code == 403


def test_the_log_is_checked_by_a_worker_and_the_page_asks_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache.clear()
    sent: list[str] = []
    monkeypatch.setattr(tasks.verify_audit, "apply_async", lambda **_: sent.append("asked"))
    monkeypatch.setattr(audit_checking, "SAY_EVERY", 2)
    for number in range(5):
        audit.append("agent", "action.started", target=f"api-{number}")
    viewer = _as(person("ann"))
    assert viewer.get("/audit/verify/").content.decode().strip() == ""
    asked = viewer.post("/audit/verify/").content.decode()
    assert "as soon as a worker is free" in asked and 'hx-get="/audit/verify/"' in asked
    viewer.post("/audit/verify/")
    assert sent == ["asked"], "one walk at a time, however many press the button"
    tasks.verify_audit()
    told = viewer.get("/audit/verify/").content.decode()
    assert "The log is whole" in told and "hx-get" not in told
    with connection.cursor() as cursor:
        cursor.execute("alter table actions_auditentry disable trigger user")
        cursor.execute("update actions_auditentry set actor = 'eve' where seq = 3")
    viewer.post("/audit/verify/")
    tasks.verify_audit()
    assert "row 3 was changed" in viewer.get("/audit/verify/").content.decode()


def test_pages_of_the_log_neither_repeat_nor_miss_while_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actions.views.PAGE", 4)
    for number in range(10):
        audit.append("agent", "action.started", target=f"api-{number}")
    viewer, seen, address = _as(person("ann")), [], "/audit/?verb=action."
    while address:
        page = viewer.get(address).content.decode()
        seen += [int(n) for n in re.findall(r'id="au-(\d+)"', page)]
        audit.append("agent", "action.started", target="new")
        older = re.search(r'href="([^"]+)">Older</a>', page)
        address = unescape(older[1]) if older else ""
    assert seen == list(range(10, 0, -1))
    assert viewer.get("/audit/?before=x").status_code == 400


def test_what_waits_comes_in_pages_oldest_first(
    request_: ActionRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actions.views.QUEUE", 3)
    monkeypatch.setattr("actions.views.DECIDED", 2)
    wait = [request_.pk] + [make_request(request_.system, target=f"api-{n}").pk for n in range(7)]
    done = [make_request(request_.system, target="gateway", status=Status.REFUSED).pk for _ in range(5)]
    at = ActionRequest.objects.get(pk=wait[2]).requested_at
    ActionRequest.objects.filter(pk__in=wait[2:5]).update(requested_at=at)  # the key decides among equals
    viewer = _as(person("ann", "approve_action"))

    def turned(word: str, found: str) -> list[str]:
        seen, address = [], "/approvals/"
        while address:
            page = viewer.get(address).content.decode()
            seen += re.findall(found, page)
            link = re.search(rf'href="([^"]+)">{word}</a>', page)
            address = unescape(link[1]) if link else ""
        return seen

    cards = turned("Next", r'<article[^>]*id="ask-([\w-]+)"')
    assert len(cards) == len(set(cards)) and set(cards) == {str(pk) for pk in wait}
    rows = turned("Older", r'<a data-open href="/approvals/([\w-]+)/"><b>')
    assert rows == [str(pk) for pk in reversed(done)]
    assert "8 waiting for approval" in viewer.get("/approvals/").content.decode()
    assert viewer.get("/approvals/?after=1_x").status_code == 400


@pytest.mark.django_db(transaction=True)
async def test_an_export_goes_out_in_portions_also_under_asgi(monkeypatch: pytest.MonkeyPatch) -> None:
    """There a plain iterator would be gathered whole before the first byte."""
    monkeypatch.setattr(audit, "PORTION", 3)
    read: list[int] = []
    portion = audit.portion

    def counted(*given: Any) -> list[AuditEntry]:
        found = portion(*given)
        read.append(len(found))
        return found

    monkeypatch.setattr(audit, "portion", counted)
    for number in range(7):
        await sync_to_async(audit.append)("agent", "action.started", target=f"api-{number}")
    client = AsyncClient()
    await client.aforce_login(await sync_to_async(person)("ann", "export_audit"))
    answer = await client.get("/audit/export.jsonl?actor=agent")
    parts = []
    async for part in answer.streaming_content:  # type: ignore[attr-defined]
        parts.append(part.decode())
        assert len(read) == len(parts), "nothing is read before the part before it has gone out"
    assert [part.count("\n") for part in parts] == [3, 3, 1]
