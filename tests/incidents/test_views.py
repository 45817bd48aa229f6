"""The incident pages: list, live timeline, notes, log tail, figures, postmortem."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from actions import audit
from incidents import evidence, facts, figures, lifecycle, own, postmortem, timeline
from incidents.findings import Evidence, Question, none_of_these
from incidents.models import Incident, State, Symptom
from incidents.openings import Opening
from incidents.picture import Picture
from incidents.plain import sure
from incidents.sections import ActionItem, Sentence
from incidents.signals import SignalState
from systems import services
from tests.pages import make_incident, make_request, make_system, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("mira"))
    return client


@pytest.fixture
def incident(tmp_path: Path) -> Incident:
    return make_incident(make_system(tmp_path))


def test_list_filters_by_state_words_and_number(boss: Client, incident: Incident) -> None:
    other = make_incident(
        incident.system,
        fingerprint="b",
        summary="the queue grows",
        state=State.RESOLVED,
        resolved_at=timezone.now(),
    )

    def numbers(query: str) -> list[int]:
        page = boss.get(f"/incidents/?{query}", headers={"HX-Request": "true"}).content.decode()
        return sorted(int(n) for n in re.findall(r'id="row-(\d+)"', page))

    assert numbers("") == [incident.number, other.number]
    assert numbers("state=open") == [incident.number]
    assert numbers("state=resolved") == [other.number]
    assert numbers("q=queue") == [other.number]
    assert numbers(f"q=%23{incident.number}") == [incident.number]
    assert numbers("service=api-1") == [incident.number, other.number]
    assert numbers("q=nothing-like-it") == []


def test_the_list_refreshes_itself_with_what_its_filter_says_by_then(
    boss: Client, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Typed live, the filter is in the form and in no address that the page was rendered with."""
    monkeypatch.setattr("incidents.views.PAGE", 1)
    for name in ("b", "c"):
        make_incident(incident.system, fingerprint=name, summary="the queue grows")
    page = boss.get("/incidents/?q=older&state=open&service=api-1&before=9").content.decode()
    rows = re.search(r'<div class="card" id="rows"[^>]*>', page)
    form = re.search(r'<form[^>]*id="filter".*?</form>', page, re.S)
    assert rows and form
    assert 'hx-get="/incidents/"' in rows[0] and 'hx-include="#filter, #rows-page"' in rows[0]
    assert set(re.findall(r'name="(\w+)"', form[0])) == {"q", "state", "severity", "service"}

    newest = incident.system.incidents.first().number
    sent = {"q": "queue", "state": "open", "severity": "", "service": "api-1", "before": str(newest)}
    again = boss.get("/incidents/", sent, headers={"HX-Request": "true"}).content.decode()
    assert f'id="rows-page" name="before" value="{newest}"' in again
    assert re.findall(r'id="row-(\d+)"', again) == [str(newest - 1)]
    assert "q=queue" in again, "the links between pages keep it too"
    assert re.search(r'id="open-now"[^>]*hx-swap-oob="true">3 open now', again)


def test_pages_of_the_list_neither_repeat_nor_miss_while_it_grows(
    boss: Client, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("incidents.views.PAGE", 3)
    there = {incident.number} | {make_incident(incident.system, fingerprint=f"f{n}").number for n in range(9)}
    seen: list[int] = []
    address = "/incidents/?service=api-1"
    while address:
        page = boss.get(address).content.decode()
        seen += [int(n) for n in re.findall(r'id="row-(\d+)"', page)]
        make_incident(incident.system, fingerprint=f"new-{len(seen)}")  # comes while somebody turns the pages
        older = re.search(r'href="([^"]+)">Older</a>', page)
        address = f"{unescape(older[1])}" if older else ""
    assert seen == sorted(there, reverse=True)
    assert "service=api-1" in page and "Nothing older" in boss.get("/incidents/?before=1").content.decode()


def test_a_long_timeline_comes_in_pages_and_only_what_is_new(
    boss: Client, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        timeline.record(incident.pk, facts.Weighed(), f"thought {number}")
    monkeypatch.setattr("incidents.page.PAGE", 10)
    url = f"/incidents/{incident.number}/"

    def numbers(address: str) -> list[int]:
        return [int(n) for n in re.findall(r'data-seq="(\d+)"', boss.get(address).content.decode())]

    last = incident.last_seq + 40
    seen = numbers(url)
    assert seen == list(range(last, last - 10, -1))
    while seen[-1] > 1:
        seen += numbers(f"{url}events?before={seen[-1]}")
    assert seen == list(range(last, 0, -1))
    assert "Older" not in boss.get(f"{url}events?before=9").content.decode()
    assert numbers(f"{url}events?before=40&to=12") == list(range(39, 11, -1)), "a link to an old one"
    monkeypatch.setattr("incidents.page.MOST_SINCE", 15)
    have = 5  # a page that slept: what it is told follows what it has
    while got := numbers(f"{url}events?after={have}"):
        assert got == list(range(got[0], have, -1))
        have = got[0]
    assert have == last
    with CaptureQueriesContext(connection) as few:
        boss.get(f"{url}events?after={last}")
    rows = [q["sql"] for q in few if 'FROM "incidents_timelineevent"' in q["sql"]]
    assert not any("LIMIT 500" in sql for sql in rows)


def test_page_tells_what_is_wrong_why_and_what_is_planned(boss: Client, incident: Incident) -> None:
    make_request(incident.system, incident)
    with CaptureQueriesContext(connection) as seen:
        page = boss.get(f"/incidents/{incident.number}/").content.decode()
    for words in (
        "api-1 cannot reach its database",
        "The process is gone",
        "api-1 refuses connections",
        "clearly",
        "a little",
        "restart api-1",
        "80 % likely to work",
        "Take over",
        "Approve: rotate the database credentials on postgres",
    ):
        assert words in page, words
    assert len(seen) <= 18, [q["sql"][:100] for q in seen]


def test_events_after_a_number_newest_first(boss: Client, incident: Incident) -> None:
    first = incident.last_seq
    for number in range(3):
        timeline.record(incident.pk, facts.Noted(), f"note {number}")
    page = boss.get(f"/incidents/{incident.number}/events?after={first}").content.decode()
    assert [int(n) for n in re.findall(r'data-seq="(\d+)"', page)] == [first + 3, first + 2, first + 1]
    assert 'id="head" hx-swap-oob' in page
    again = boss.get(f"/incidents/{incident.number}/events?after={first + 3}").content.decode()
    assert "data-seq" not in again
    refused = boss.get(f"/incidents/{incident.number}/events?after=x")
    assert refused.status_code == 400 and "after" in refused.content.decode()


def test_text_from_outside_is_text(boss: Client, incident: Incident) -> None:
    evil = "<script>alert(1)</script>"
    timeline.record(incident.pk, facts.Seen(label=evil), evil, body=evil)
    page = boss.get(f"/incidents/{incident.number}/").content.decode()
    assert evil not in page
    assert "&lt;script&gt;" in page


def test_notes_need_the_permission(boss: Client, incident: Incident) -> None:
    url = f"/incidents/{incident.number}/note"
    boss.post(url, {"text": "I look at the disk\nand more"})
    event = incident.events.get(kind="note")
    assert (event.title, event.body, event.actor) == ("I look at the disk", "and more", "mira")
    other = Client()
    other.force_login(person("tom"))
    assert other.post(url, {"text": "x"}).status_code == 403


def test_log_tail_marks_errors_and_survives_a_missing_file(boss: Client, incident: Incident) -> None:
    url = f"/incidents/{incident.number}/log?service=api-1&lines=1"
    page = boss.get(url).content.decode()
    assert re.search(r'class="l e"[^>]*>[^<]*no database', page)
    (Path(incident.system.manifest_path).parent / "api-1.log").unlink()
    assert "Nothing to read" in boss.get(url).content.decode()
    assert "Nothing to read" in boss.get(url.replace("api-1", "nobody")).content.decode()


def test_a_system_without_logs_says_how_one_is_shown(boss: Client, tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_text(
        "system: dumb\nruntime: {driver: none}\nservices:\n  api-1: {kind: http}\n"
    )
    mute = make_incident(services.register(tmp_path / "manifest.yaml"))
    page = boss.get(f"/incidents/{mute.number}/log").content.decode()
    assert "No log is named" in page and "has no service" not in page


def _read(incident: Incident, age_s: float, metric: str, value: float, label: str = "buy") -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into systems_reading(system_id, at, service, metric, label, value, text)"
            " values (%s, %s, 'gateway', %s, %s, %s, '')",
            [incident.system_id, timezone.now() - timedelta(seconds=age_s), metric, label, value],
        )


def test_figures_need_readings(boss: Client, incident: Incident) -> None:
    assert boss.get(f"/incidents/{incident.number}/figures").content.strip() == b""


def test_plot_shows_what_failed_and_keeps_gaps(boss: Client, incident: Incident) -> None:
    for age in [*range(90, 60, -1), *range(25, 0, -1)]:  # nothing was measured from 60 to 26 seconds ago
        _read(incident, age, "journey.latency_ms", 50.0)
        _read(incident, age, "journey.ok", 0.0 if age < 30 else 1.0)
    answer = boss.get(f"/incidents/{incident.number}/figures")
    page = answer.content.decode()
    assert "first symptom" in page
    plot = json.loads(page.split('id="plot-data" type="application/json">')[1].split("</script>")[0])
    assert [s["name"] for s in plot["series"]] == ["journeys that work", "time to buy"]
    works = plot["series"][0]
    assert works["y"].count(None) == 1
    assert {100.0, 0.0} <= set(works["y"])
    rows = {r["name"]: r for r in plot["rows"]}
    assert (rows["journeys that work"]["before"], rows["journeys that work"]["during"]) == (100.0, 0.0)


def test_declared_readings_are_plotted_by_their_name_in_their_unit(
    boss: Client, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = {
        ("gateway", "own.free"): own.Named("free of gateway"),
        ("gateway", "own.lag"): own.Named("lag of gateway", "jobs"),
    }
    monkeypatch.setattr(own, "named", lambda slug: called)
    Symptom.objects.create(
        system=incident.system, incident=incident, signal="declared_flow_high", service="gateway", label="lag eu",
        severity="high", title="lag", first_seen=incident.started_at, last_seen=incident.started_at,
    )  # fmt: skip
    for age in range(60, 0, -2):
        _read(incident, age, "own.lag", 900.0 if age < 30 else 2.0, label="eu")
        _read(incident, age, "own.free", 7.0, label="")
    page = boss.get(f"/incidents/{incident.number}/figures").content.decode()
    first = json.loads(page.split('id="plot-own-0" type="application/json">')[1].split("</script>")[0])
    assert [(s["name"], s["unit"]) for s in first["series"]] == [("lag of gateway (eu)", "jobs")]
    assert "plot-own-1" in page and 'id="plot-data"' not in page
    assert "<td>lag of gateway (eu)</td>" in page and "900 jobs</td>" in page
    found = figures.figures(incident, incident.symptoms.all())
    assert {(f.name, f.unit, f.during) for f in found} >= {("lag of gateway (eu)", "jobs", 900.0)}


def test_postmortem_is_read_edited_and_exported(boss: Client, incident: Incident) -> None:
    url = f"/incidents/{incident.number}/postmortem/"
    assert boss.get(url).status_code == 404
    Incident.objects.update(state=State.RESOLVED, resolved_at=timezone.now())
    written = postmortem.generate(incident.pk)
    page = boss.get(url).content.decode()
    assert f'href="/incidents/{incident.number}/#e-' in page
    data = {
        "version": written.version,
        "what_broke": "The api was gone. [1]",
        "why": "Nobody knows",
        "item_text": ["Add an alert"],
        "item_owner": ["mira"],
    }
    boss.post(url + "edit/", data)
    written.refresh_from_db()
    assert written.sections.what_broke == [Sentence(text="The api was gone.", seq=[1])]
    assert written.sections.action_items == [ActionItem(text="Add an alert", owner="mira")]
    answer = boss.post(url + "edit/", data | {"why": "stale"})
    assert "Not saved" in answer.content.decode()
    text = boss.get(f"/incidents/{incident.number}/postmortem.md").content.decode()
    assert "The api was gone." in text
    taken = audit.search(verb="incident.postmortem.exported").get()
    assert (taken.actor, taken.incident) == ("mira", incident.number)
    assert "you see version 1" in boss.get(url + "?version=1").content.decode()


def _way(boss: Client, incident: Incident) -> list[str]:
    chips = re.search(
        r'<ol class="steps".*?</ol>', boss.get(f"/incidents/{incident.pk}/").content.decode(), re.S
    )
    assert chips
    return re.findall(r"([A-Z][^<>]+)</li>", chips[0])


def test_the_way_shows_no_step_that_was_not_gone(boss: Client, tmp_path: Path) -> None:
    system = make_system(tmp_path)
    kept = {"fingerprint": "a", "state": State.DIAGNOSING}
    acted, alone = make_incident(system, **kept), make_incident(system, **kept | {"fingerprint": "b"})
    assert _way(boss, acted) == ["Detect", "Diagnose", "Act", "Verify", "Resolved"]  # still to come
    well = facts.Measured(green_since=timezone.now())
    make_request(system, acted, status="succeeded")
    for state in (State.ACTING, State.VERIFYING):
        lifecycle.transition(acted.pk, state)
    for state in (State.WAITING, State.VERIFYING):
        lifecycle.transition(alone.pk, state)
    for incident in (acted, alone):
        timeline.record(incident.pk, well, "Recovered")
        lifecycle.transition(incident.pk, State.RESOLVED)
    assert _way(boss, acted) == ["Detect", "Diagnose", "Act", "Verify", "Resolved"]
    assert _way(boss, alone) == ["Detect", "Diagnose", "Asked you", "Verify", "Resolved"]  # nobody acted


def test_after_a_hand_over_the_way_says_what_happened(boss: Client, tmp_path: Path) -> None:
    incident = make_incident(make_system(tmp_path), state=State.DIAGNOSING)
    for state in (State.ACTING, State.VERIFYING, State.DIAGNOSING, State.HANDED_OVER):
        if state == State.DIAGNOSING:
            timeline.record(incident.pk, facts.Measured(), "Not recovered")
        lifecycle.transition(incident.pk, state)
    way = ["Detect", "Diagnose", "Act: nothing that worked", "Verify: not recovered", "Handed over"]
    assert _way(boss, incident) == way
    page = boss.get(f"/incidents/{incident.pk}/").content.decode()
    assert "Stop the agent" not in page and "Resolve #" in page and "Give back to the agent" in page


def test_what_was_not_verified_has_no_tick(boss: Client, tmp_path: Path) -> None:
    incident = make_incident(make_system(tmp_path), state=State.DIAGNOSING)
    lifecycle.transition(incident.pk, State.HANDED_OVER)
    assert _way(boss, incident) == ["Detect", "Diagnose", "Handed over"]


def test_an_agent_that_only_watches_is_not_on_it(boss: Client, tmp_path: Path) -> None:
    system = make_system(tmp_path)
    system.agent_on = False
    system.save()
    page = boss.get(f"/incidents/{make_incident(system).pk}/").content.decode()
    assert "the agent only watches here" in page
    assert "the agent is on it" not in page and "Stop the agent" not in page


def test_what_is_seen_is_not_said_to_be_missing(boss: Client, incident: Incident) -> None:
    """Evidence is weighed at one look and symptoms come later: the page shows one truth."""

    def missing(signal: str, service: str, text: str) -> Evidence:
        said = f"expected, but not seen: {text} on {service}"
        return Evidence(signal=signal, service=service, text=said, weight=-2.0, missing=True)

    leader = incident.hypotheses[0]
    incident.hypotheses[0] = leader.model_copy(
        update={
            "con": [
                missing("http_unreachable", "api-1", "http unreachable"),
                missing("http_unreachable", "api-2", "http unreachable"),
                missing("journey_failed", "postgres", "journey failed"),
            ]
        }
    )
    incident.save()
    url = f"/incidents/{incident.number}/"
    assert len(incident.verdict.bars[0].con) == 3
    page = boss.get(url).content.decode()
    assert "http unreachable on api-1" not in page, "it is among the open symptoms"
    assert "http unreachable on api-2" in page and "journey failed on postgres" in page
    now = timezone.now()
    values = {"title": "customers cannot look at products", "first_seen": now, "last_seen": now}
    incident.symptoms.create(system=incident.system, signal="journey_failed", service="gateway", **values)
    assert "journey failed on postgres" not in boss.get(url).content.decode(), (
        "a journey is the whole system's"
    )
    incident.symptoms.update(cleared_at=now)
    assert "http unreachable on api-1" not in boss.get(url).content.decode(), "it was seen, as the page says"


def test_no_unit_of_information_theory_on_the_page(boss: Client, incident: Incident) -> None:
    asked = Question(signal="http_ok", service="api-1", title="Does it answer", gain=0.61)
    weighed = facts.Weighed(questions=[asked], hypotheses=incident.hypotheses)
    timeline.record(incident.pk, weighed, "Most likely: it is gone")
    page = boss.get(f"/incidents/{incident.number}/").content.decode()
    assert "Does it answer" in page and "would tell much" in page
    assert not re.search(r">[^<]*\bbits\b[^<]*<|title=\"[^\"]*\bbits\b|gain_bits", page)


@pytest.mark.parametrize(
    ("probability", "headline", "head"),
    [
        (0.34, "cause not known yet: best guess the process is gone on api (34 %)", ""),
        (0.9999, "api-1 cannot reach its database", "99.9 % sure"),
        (1.0, "api-1 cannot reach its database", "99.9 % sure"),
    ],
)
def test_headline_and_bars_are_one_opinion(
    boss: Client, incident: Incident, probability: float, headline: str, head: str
) -> None:
    """Also when the row was written at another time than the bars."""
    lead = incident.hypotheses[0].model_copy(update={"probability": probability})
    less = lead.model_copy(update={"cause": "worn", "title": "It is worn", "probability": probability / 4})
    incident.hypotheses = [lead, less, none_of_these(1 - probability)]
    incident.confidence = 0.77
    incident.save()
    page = unescape(boss.get(f"/incidents/{incident.number}/").content.decode())
    title = re.search(r"<h1[^>]*>(.*?)<span", page, re.S)
    assert title and headline in title[1]
    assert re.findall(r">([^<]*% sure)<", page) == ([head] if head else [])
    bar = r'<b>([^<]*)</b>(?: <span class="muted">on</span> <b>(\w+)</b>)?.*?class="p">(.*?)</span>'
    bars = re.findall(bar, page)
    wanted = [("The process is gone", "api", probability), ("It is worn", "api", probability / 4),
              ("None of these", "", 1 - probability)]  # fmt: skip
    assert bars == [(name, where, sure(p)) for name, where, p in wanted]
    assert "77 %" not in page


def test_what_is_wrong_now_comes_before_what_is_over(boss: Client, incident: Incident) -> None:
    at = timezone.now()
    values = {"system": incident.system, "service": "api-2", "first_seen": at, "last_seen": at}
    for number in range(70):
        incident.symptoms.create(signal=f"s{number}", title=f"gone {number}", cleared_at=at, **values)
    incident.symptoms.create(signal="unit_down", title="came last and holds", **values)

    def side(*states: SignalState) -> str:
        evidence.write(incident.system.slug, Picture(at, states=list(states)))
        return boss.get(f"/incidents/{incident.number}/").content.decode().lower()

    holds = SignalState("unit_down", "api-2", "", True, 0.0, "", at, "state")
    page = side(holds)
    seen = page.split('id="sym-h"')[1]
    assert 0 < seen.index("came last and holds") < seen.index("gone ")
    assert "72 symptoms, 1 now, 1 cannot be read now" in seen and ">not read<" in seen
    assert "1 symptom still holds" in page and "whether 1 symptom still holds is not known" in page
    assert "72 symptoms, 2 cannot be read now" in side(replace(holds, value=None))
    assert "symptom still holds:" not in side(replace(holds, value=False))


def test_what_came_back_says_so_everywhere(boss: Client, incident: Incident) -> None:
    long_ago = timezone.now() - timedelta(minutes=9)
    times = [
        Opening(started_at=long_ago, opened_at=long_ago, resolved_at=long_ago + timedelta(seconds=n))
        for n in (1, 2)
    ]
    for count, words in ((1, "ame back<"), (2, "ame back 2 times<")):
        Incident.objects.filter(pk=incident.pk).update(openings=times[:count])
        for url in ("/incidents/", f"/incidents/{incident.number}/", "/"):
            assert words in boss.get(url).content.decode(), url
    page = boss.get(f"/incidents/{incident.number}/").content.decode()
    assert re.search(rf"first .*{long_ago:%H:%M:%S}.* UTC, again since", page)
