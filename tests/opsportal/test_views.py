"""Dashboard, settings, and what every page must do: ask for a login, stay small in queries."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver

from actions import grants
from actions.models import AuditEntry, Freeze, PolicyRule
from incidents.memo import memo
from opsportal import portal_urls
from opsportal.packed import packed
from systems.models import System
from tests.pages import make_incident, make_request, make_system, person, show

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> None:
    memo.forget()
    cache.clear()


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("mira"))
    return client


def _routes(patterns: list[Any], prefix: str = "/") -> list[str]:
    """Every route with its parameters filled in."""
    found: list[str] = []
    for item in patterns:
        route = prefix + str(item.pattern).removeprefix("^").removesuffix("$").replace("\\", "")
        if isinstance(item, URLResolver):
            found += _routes(item.url_patterns, route)
        elif isinstance(item, URLPattern):
            route = route.replace("(?P<form>csv|jsonl)", "csv")
            route = re.sub(r"<uuid:\w+>", "00000000-0000-0000-0000-000000000000", route)
            found.append(re.sub(r"<slug:\w+>", "some", re.sub(r"<int:\w+>", "1", route)))
    return found


@pytest.mark.parametrize("path", _routes(portal_urls.urlpatterns))
def test_every_page_and_button_asks_for_a_login(client: Client, path: str) -> None:
    for answer in (client.get(path), client.post(path)):
        assert answer.status_code in (302, 405), path
        if answer.status_code == 302:
            assert answer["Location"].startswith("/login/")


def test_empty_portal_says_what_to_do_next(boss: Client) -> None:
    answer = boss.get("/")
    assert "No system is under care yet" in answer.content.decode()


def test_dashboard_shows_map_incidents_and_what_waits(boss: Client, tmp_path: Path) -> None:
    system = make_system(tmp_path)
    incident = make_incident(system)
    make_request(system, incident)
    page = boss.get("/").content.decode()
    assert "1 action waiting for your approval" in page
    assert f'href="/incidents/{incident.number}/"' in page
    nodes = re.findall(r'id="node-([\w-]+)"', page)
    assert sorted(nodes) == ["api-1", "api-2", "gateway", "postgres"]
    assert "Down" in page
    assert "plotly" not in page


def test_all_well_only_when_it_is(boss: Client, tmp_path: Path) -> None:
    make_system(tmp_path)
    assert "All is well" not in boss.get("/").content.decode()
    show(api_1="ok")
    assert "All is well" in boss.get("/").content.decode()
    show(api_1="ok", ago_s=60)
    assert "The watcher is silent" in boss.get("/").content.decode()


def test_what_is_not_seen_is_not_well(boss: Client, tmp_path: Path) -> None:
    make_system(tmp_path)
    show(postgres="")
    page = boss.get("/").content.decode()
    assert "All is well" not in page and "Not known how postgres does: not seen" in page
    show(gateway="unknown", api_1="unknown", api_2="unknown", postgres="unknown")
    page = boss.get("/").content.decode()
    assert "Not known: none of the 4 services is seen" in page
    assert "Healthy" not in page
    show(api_1="ok", ago_s=300)
    page = boss.get("/").content.decode()
    assert "All is well" not in page and "Healthy" not in page, (
        "what was well five minutes ago is not known now"
    )


def test_map_shows_open_symptoms_and_marks_the_suspected_cause(boss: Client, tmp_path: Path) -> None:
    system = make_system(tmp_path)
    show(api_1="degraded")
    incident = make_incident(system, hypotheses=_thought("postgres", 0.97))
    page = boss.get("/").content.decode()
    node = {
        name: page.split(f'id="node-{name}"')[1].split("</a>")[0] for name in ("api-1", "api-2", "postgres")
    }
    assert "Degraded" in node["api-1"] and "api-1 is degraded" in node["api-1"]
    assert "Healthy" not in node["api-1"] and "suspected cause" not in node["api-1"]
    assert "suspected cause" in node["postgres"] and f"incident #{incident.number}" in node["postgres"]
    assert "Healthy" in node["api-2"]
    show(api_1="ok")
    page = boss.get("/").content.decode()
    assert "Healthy" in page.split('id="node-api-1"')[1].split("</a>")[0]


def test_below_the_threshold_the_map_marks_a_guess(boss: Client, tmp_path: Path) -> None:
    make_incident(make_system(tmp_path), hypotheses=_thought("postgres", 0.34))
    node = boss.get("/").content.decode().split('id="node-postgres"')[1].split("</a>")[0]
    assert "best guess" in node and "suspected cause" not in node


def _thought(component: str, probability: float) -> list[dict[str, Any]]:
    """What an agent thinks: one cause there, or none of those known."""
    key = f"{component}:credentials"
    lead = {"key": key, "component": component, "title": "Credentials", "probability": probability}
    return [lead, {"key": "none", "title": "None of these", "probability": 1 - probability}]


def test_where_the_agent_only_watches_it_is_said_and_how_to_change_it(boss: Client, tmp_path: Path) -> None:
    system = make_system(tmp_path)
    assert "only watches" not in boss.get("/").content.decode()
    System.objects.update(agent_on=False)
    make_incident(system)
    page = boss.get("/").content.decode()
    assert "The agent only watches Kiosk" in page and "./ops manage agent on kiosk" in page
    assert "nobody yet" in page and "the agent is on it" not in page, "nobody is on the incident"
    assert "1 incident open, 1 waiting for a person" in page


def test_the_sentence_is_about_the_system_shown_and_names_what_waits_elsewhere(
    boss: Client, tmp_path: Path
) -> None:
    make_system(tmp_path)
    show(api_1="ok")
    other = make_system(tmp_path, "stall")
    System.objects.filter(pk=other.pk).update(title="Stall")
    make_request(other, make_incident(other))
    page = boss.get("/?system=kiosk").content.decode()
    assert "<strong data-announce>All is well</strong>" in page
    assert "1 action of Stall waiting for your approval" in page and "1 incident of Stall open" in page
    assert "1 action waiting for your approval" in boss.get("/?system=stall").content.decode()


def test_the_portal_is_not_called_well_for_a_system_that_is_not(boss: Client, tmp_path: Path) -> None:
    """The dot of the portal's own parts says nothing of the systems under care."""
    make_system(tmp_path)
    own = boss.get("/").content.decode().split("The portal itself")[1]
    assert "Postgres" in own and "Sandbox" not in own


def test_broken_manifest_is_said_on_the_page(boss: Client, tmp_path: Path) -> None:
    system = make_system(tmp_path)
    Path(system.manifest_path).write_text("system: kiosk\nservices: {api: {kin: http}}\n")
    assert "manifest.yaml:2" in boss.get("/").content.decode()
    assert "manifest.yaml:2" in boss.get("/settings/").content.decode()


def test_live_part_comes_alone_and_cheap(boss: Client, tmp_path: Path) -> None:
    system = make_system(tmp_path)
    for number in range(5):
        make_incident(system, fingerprint=f"f{number}")
    boss.get("/", headers={"HX-Request": "true"})
    with CaptureQueriesContext(
        connection,
    ) as seen:
        page = boss.get("/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert len(seen) <= 14, [q["sql"][:120] for q in seen]


def test_rules_are_kept_by_those_who_may_and_audited(client: Client, boss: Client, tmp_path: Path) -> None:
    system = make_system(tmp_path)
    data = {"action": "Restart_DB", "system": system.pk, "verdict": "refuse", "note": "not today"}
    assert boss.post("/settings/", data).status_code == 302
    rule = PolicyRule.objects.get()
    assert (rule.action, rule.system, rule.verdict) == ("restart-db", system, "refuse")
    assert AuditEntry.objects.filter(verb="policy.rule", actor="mira").exists()
    boss.post(f"/settings/rules/{rule.pk}/remove/")
    assert not PolicyRule.objects.exists()
    other = Client()
    other.force_login(person("tom"))
    assert other.post("/settings/", data).status_code == 403
    assert not PolicyRule.objects.exists()


def test_freeze_and_lift(boss: Client, tmp_path: Path) -> None:
    make_system(tmp_path)
    boss.post("/settings/freeze/", {"mode": "halt", "system": "kiosk", "minutes": "30", "note": "release"})
    freeze = Freeze.objects.get()
    assert freeze.ends_at is not None
    assert "release" in boss.get("/settings/").content.decode()
    boss.post("/settings/freeze/", {"mode": "halt", "system": "kiosk", "do": "lift"})
    assert "release" not in boss.get("/settings/").content.decode()


def test_what_is_approved_in_advance_is_shown_and_ended(boss: Client, tmp_path: Path) -> None:
    words = {"scope": "game_day", "scope_id": "7", "requester": "agent", "actions": ["restart-db"]}
    system = make_system(tmp_path)
    grant = grants.give(system, created_by="game day", reason="a fault", minutes=5, **words)  # type: ignore[arg-type]
    page = " ".join(boss.get("/settings/").content.decode().split())
    assert "for game day 7: what agent asks for incidents that open meanwhile, by game day" in page
    assert "Only restart-db." in page
    other = Client()
    other.force_login(person("tom"))
    assert other.post(f"/settings/grants/{grant.pk}/end/").status_code == 403
    assert list(grants.live()) == [grant]
    assert boss.post(f"/settings/grants/{grant.pk}/end/").status_code == 302
    assert list(grants.live()) == []
    assert AuditEntry.objects.filter(verb="policy.grant.revoked", actor="mira").exists()


def test_agent_can_be_told_to_only_watch(boss: Client, tmp_path: Path) -> None:
    make_system(tmp_path)
    boss.post("/settings/systems/kiosk/", {"agent": "off"})
    assert not System.objects.get().agent_on
    assert AuditEntry.objects.filter(verb="agent.off").exists()


def test_taking_over_stops_the_agent(boss: Client, tmp_path: Path) -> None:
    incident = make_incident(make_system(tmp_path))
    boss.post(f"/incidents/{incident.number}/agent", {"do": "take"})
    incident.refresh_from_db()
    assert incident.agent_stopped
    assert incident.owner == User.objects.get(username="mira")
    assert AuditEntry.objects.filter(verb="incident.taken", actor="mira", incident=incident.pk).exists()
    other = Client()
    other.force_login(person("tom"))
    assert other.post(f"/incidents/{incident.number}/agent", {"do": "give"}).status_code == 403


def test_pages_load_nothing_from_elsewhere(boss: Client, tmp_path: Path) -> None:
    make_system(tmp_path)
    page = boss.get("/").content.decode()
    loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="([^"]+)"', page)
    assert loaded
    assert all(url.startswith("/static/") for url in loaded)
    scripts = [str(finders.find(u.removeprefix("/static/").split("?")[0])) for u in loaded if ".js" in u]
    assert sum(Path(s).stat().st_size for s in scripts) < 80_000
    assert Path(str(finders.find("plotly/plotly-basic.min.js"))).stat().st_size < 1_200_000


def test_pages_and_scripts_go_out_small(boss: Client, tmp_path: Path) -> None:
    make_system(tmp_path)
    page = boss.get("/", headers={"Accept-Encoding": "gzip"})
    assert page["Content-Encoding"] == "gzip"
    assert len(page.content) < len(gzip.decompress(page.content)) / 3
    plain = b"".join(boss.get("/static/plotly/plotly-basic.min.js").streaming_content)  # type: ignore[attr-defined]
    answer = boss.get("/static/plotly/plotly-basic.min.js", headers={"Accept-Encoding": "gzip, br"})
    small = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    assert answer["Content-Encoding"] == "gzip" and int(answer["Content-Length"]) == len(small) < 420_000
    assert gzip.decompress(small) == plain and "Accept-Encoding" in answer["Vary"]
    again = boss.get(
        "/static/plotly/plotly-basic.min.js",
        headers={"Accept-Encoding": "gzip", "If-None-Match": answer["ETag"]},
    )
    assert again.status_code == 304


def test_a_file_is_packed_once_and_anew_when_it_changes(tmp_path: Path) -> None:
    script, folder = tmp_path / "a.js", tmp_path / "packed"
    script.write_text("let one = 1;\n" * 500)
    first = packed(script, folder)
    assert first is not None and packed(script, folder) == first
    script.write_text("let two = 2;\n" * 501)
    second = packed(script, folder)
    assert second is not None and second != first
    assert gzip.decompress(second.read_bytes()) == script.read_bytes()
    (tmp_path / "tiny.js").write_text("1")
    assert packed(tmp_path / "tiny.js", folder) is None, "too small to gain"
    (tmp_path / "file").touch()
    assert packed(script, tmp_path / "file") is None, "no place to keep it: it goes out as it is"


def test_of_many_who_fetch_the_board_one_makes_it(boss: Client, tmp_path: Path) -> None:
    make_system(tmp_path)
    ask = {"HX-Request": "true"}
    first = boss.get("/?system=kiosk", headers=ask).content.decode()
    with CaptureQueriesContext(connection) as seen:
        second = boss.get("/?system=kiosk", headers=ask).content.decode()
    assert first == second
    assert len(seen) <= 5, "who asks, and what they may see"
