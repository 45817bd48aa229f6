"""The pages of what changed: the list, its filter and places, one change, the dashboard's marks, and who may see."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from incidents.memo import memo
from opsportal.changes import filters
from systems.models import ChangeRow, SettledState, System
from tests.pages import make_change, make_incident, make_system, person

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _fresh() -> None:
    memo.forget()


@pytest.fixture
def reader(client: Client) -> Client:
    client.force_login(person("rita", "view_changes"))
    return client


@pytest.fixture
def system(tmp_path: Path) -> System:
    return make_system(tmp_path)


def rows(page: str) -> list[int]:
    return [int(n) for n in re.findall(r'id="ch-(\d+)"', page)]


def test_only_who_may_see(client: Client, system: System) -> None:
    change = make_change(system)
    client.force_login(person("nils"))
    incident = make_incident(system)
    for path in ("/changes/", f"/changes/{change.pk}/", f"/incidents/{incident.number}/changes"):
        assert client.get(path).status_code == 403, path
    for path in ("/", f"/incidents/{incident.number}/", f"/incidents/{incident.number}/figures"):
        page = client.get(path).content.decode()
        assert "log.level" not in page and "/changes/" not in page, path


@pytest.mark.parametrize(
    ("query", "which"),
    [
        ("", "dcba"),
        ("component=api-1", "cba"),  # and what was told of its group
        ("component=api", "cba"),
        ("component=kiosk", "d"),
        ("kind=deploy", "b"),
        ("source=reported", "db"),
        ("actor=ours", "c"),
        ("actor=unknown", "dba"),
        ("within=1h", "dcb"),
        ("system=nowhere", ""),
        ("component=api&kind=config", "a"),
    ],
)
def test_the_filter(reader: Client, system: System, query: str, which: str) -> None:
    found = {
        "a": make_change(system, ago_s=7200),
        "b": make_change(system, ago_s=300, component="api", kind="deploy", source="reported"),
        "c": make_change(system, ago_s=200, kind="act", actor="ours", source="requests", ref="r"),
        "d": make_change(system, ago_s=100, component="kiosk", kind="maintenance", source="reported"),
    }
    page = reader.get(f"/changes/?{query}", headers=HTMX).content.decode()
    assert rows(page) == [found[name].pk for name in which]


def test_a_window_takes_what_may_have_been_in_it(reader: Client, system: System) -> None:
    at = datetime(2026, 3, 1, 14, 3, 10, tzinfo=UTC)
    wide = make_change(system, last_old=at, first_new=at + timedelta(seconds=4))
    for query, is_in in (
        ("since=2026-03-01T14:03:14&until=2026-03-01T15:00", True),
        ("since=2026-03-01T14:03:15&until=2026-03-01T15:00", False),
        ("until=2026-03-01T15:03:10%2B01:00", True),
        ("until=2026-03-01T14:03:09", False),
    ):
        page = reader.get(f"/changes/?{query}", headers=HTMX).content.decode()
        assert (rows(page) == [wide.pk]) == is_in, query
    assert "between 2026-03-01 14:03:10 and 14:03:14 UTC" in reader.get("/changes/").content.decode()


@pytest.mark.parametrize(
    "query", ["before=x", "before=9-9-9", "before=²-1", f"before={9 * 10**16}-1", "since=soon"]
)
def test_what_is_no_place_is_said(reader: Client, system: System, query: str) -> None:
    assert reader.get(f"/changes/?{query}").status_code == 400


def test_every_change_is_on_one_page_however_many_come_meanwhile(
    reader: Client, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "PAGE", 3)
    same = timezone.now() - timedelta(minutes=5)
    every = [make_change(system, last_old=same, first_new=same).pk for _ in range(5)]
    every += [make_change(system, ago_s=30).pk, make_change(system, ago_s=20).pk]
    seen, path = [], "/changes/?system=kiosk"
    while path:
        page = reader.get(path).content.decode()
        seen += rows(page)
        make_change(system, ago_s=0)
        older = re.search(r'href="(/changes/\?[^"]*)">Older', page)
        path = older[1].replace("&amp;", "&") if older else ""
    assert seen == sorted(every, reverse=True)


def test_rows_are_sent_again_only_when_they_look_different(reader: Client, system: System) -> None:
    change = make_change(system, pending=True)
    page = reader.get("/changes/", headers=HTMX).content.decode()
    assert "Written, not in effect yet" in page
    stamp = re.search(r'name="stamp" value="(\w+)"', page)
    assert stamp
    again = f"/changes/?stamp={stamp[1]}"
    assert reader.get(again, headers=HTMX).status_code == 204
    ChangeRow.objects.filter(pk=change.pk).update(
        pending=False, effective_at=change.first_new + timedelta(minutes=2)
    )
    page = reader.get(again, headers=HTMX).content.decode()
    assert "In effect from" in page and "not in effect yet" not in page


def test_an_empty_page_says_what_is_watched_and_how_to_report(reader: Client, system: System) -> None:
    page = reader.get("/changes/").content.decode()
    assert "Nothing has changed yet" in page and "Nothing was read yet" in page
    assert "curl http://testserver/api/changes -H &#x27;Authorization: Bearer" in page
    assert "&quot;component&quot;: &quot;api&quot;" in page and "systems.report_change" in page
    SettledState.objects.create(
        system=system, component="", source="postgres of db", read_at=timezone.now(), packed=b""
    )
    page = reader.get("/changes/").content.decode()
    assert "settings, schema, roles" in page and "Nothing was read yet" not in page


def test_one_change_by_its_address(reader: Client, system: System) -> None:
    change = make_change(
        system, ago_s=60, before="a=1 <b>level=INFO", after="a=1 <b>level=DEBUG", owner="gitops"
    )
    beside = make_change(system, ago_s=61, component="postgres", what="work_mem", words="work_mem moved")
    incident = make_incident(system)
    page = reader.get(f"/changes/{change.pk}/").content.decode()
    assert "a=1 &lt;b&gt;level=<b>INFO</b>" in page and "a=1 &lt;b&gt;level=<b>DEBUG</b>" in page
    assert "gitops" in page and "by whom is not known" in page and "at once" in page
    assert f"/changes/{beside.pk}/" in page and f"/incidents/{incident.number}/" in page
    assert reader.get(f"/changes/{change.pk + 9}/").status_code == 404


def test_dashboard_marks_the_hour_and_links_each_service(reader: Client, system: System) -> None:
    make_change(system, ago_s=1800, component="api")
    make_change(system, ago_s=1799, component="postgres")
    make_change(system, ago_s=7200, component="gateway")
    with CaptureQueriesContext(connection) as seen:
        page = reader.get("/").content.decode()
    assert sum("systems_changerow" in q["sql"] for q in seen) == 1
    counts = dict(re.findall(r'aria-label="What changed in ([\w-]+): (\d+) in the last hour"', page))
    assert counts == {"api-1": "1", "api-2": "1", "postgres": "1", "gateway": "0"}
    assert re.findall(r'class="mark change"[^>]*>(\d*)<', page) == ["2"], "two on each other are one mark"
    link = re.search(r'class="mark change"[^>]*href="([^"]+)"', page)
    assert link and len(rows(reader.get(link[1].replace("&amp;", "&")).content.decode())) == 2


def test_across_systems_each_row_names_its_own(client: Client, system: System, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    other: Any = make_system(tmp_path / "b", "library")
    System.objects.filter(pk=other.pk).update(title="Library")
    make_change(system), make_change(other)
    client.force_login(User.objects.create_superuser("mira"))
    page = client.get("/changes/").content.decode()
    assert len(rows(page)) == 2 and '<div class="small muted">Library</div>' in page
    assert len(rows(client.get("/changes/?system=library").content.decode())) == 1
