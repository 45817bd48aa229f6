"""What the pages say of real incidents: how they ended, where the trouble is, and nothing against what is seen."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from incidents.memo import memo
from tests.outside.ward import Person, Ward

WORDS = {"repaired": "repaired by the agent", "alone": "recovered alone", "handed over": "handed over"}


@pytest.fixture
def nora(ward: Ward) -> Person:
    """Somebody who responds to incidents."""
    return Person("nora", "incidents.view_incident", "incidents.respond_incident")


def page(who: Person, path: str) -> str:
    memo.forget()
    client = Client()
    client.force_login(User.objects.get(username=who.name))
    return client.get(path).content.decode()


def ends(ward: Ward) -> dict[str, int]:
    """The three numbers of the dashboard."""
    memo.forget()
    found = ward.page(f"/?system={ward.slug}").split('id="ends"')[1].split("</ul>")[0]
    rows = {text: row for row in found.split("<li")[1:] for text in WORDS.values() if text in row}
    return {key: int(re.findall(r"<b[^>]*>(\d+)</b>", rows[text])[0]) for key, text in WORDS.items()}


def journeys_fail(ward: Ward) -> None:
    for name in ("browse", "order"):
        ward.set("gateway", "journey.ok", 0, f"GET /{name}: 502", name)


def delay(ward: Ward) -> None:
    """A delay that somebody wrote into the configuration."""
    for name in ("api-1", "api-2"):
        file = ward.file(f"etc/{name}.yaml")
        file.write_text(file.read_text().replace("delay_s: 0", "delay_s: 6"))
        ward.set(name, "app.p50_ms", 6000)
        ward.set(name, "http.latency_ms", 6000)
        ward.on("signal", name, ward.heal)
    journeys_fail(ward)


def dead_database(ward: Ward, *, felt: bool = True) -> None:
    ward.set("db", "pg.ok", 0, "connection refused")
    ward.set("db", "tcp.ok", 0, "connection refused")
    ward.runtime.crash("db", exit_code=-9, fatal=True)
    if felt:
        journeys_fail(ward)


def strange(ward: Ward) -> None:
    """Something that no runbook knows."""
    journeys_fail(ward)
    ward.saying["api-1", "ERROR the frobnicator is out of plumbus"] = 5


def over(ward: Ward) -> bool:
    return bool(ward.numbers) and ward.incident["state"] == "resolved"


def test_what_went_away_by_itself_was_not_repaired_by_anybody(ward: Ward) -> None:
    journeys_fail(ward)
    ward.look_until(lambda: ward.numbers)
    ward.heal()
    ward.look_until(lambda: over(ward))
    assert ward.calls == []
    assert ends(ward) == {"repaired": 0, "alone": 1, "handed over": 0}


def test_what_the_agent_repaired_is_counted_as_that(ward: Ward) -> None:
    delay(ward)
    ward.look_until(lambda: over(ward))
    assert ends(ward) == {"repaired": 1, "alone": 0, "handed over": 0}


def test_what_a_person_closed_is_counted_as_handed_over_and_told_in_their_words(
    ward: Ward, nora: Person
) -> None:
    strange(ward)
    ward.look_until(lambda: ward.numbers and ward.incident["state"] == "handed_over")
    ward.heal()
    nora.post(f"/api/incidents/{ward.numbers[-1]}/resolve", {"note": "the plumbus ran dry; refilled it"})
    assert ends(ward) == {"repaired": 0, "alone": 0, "handed over": 1}
    assert "the plumbus ran dry" in ward.incident["headline"]
    assert ward.incident["confidence"] is None
    assert "the plumbus ran dry" in ward.page(f"/incidents/{ward.numbers[-1]}/postmortem/")


def test_after_a_hand_over_nothing_is_ticked_that_was_not_done(ward: Ward, nora: Person) -> None:
    strange(ward)
    ward.look_until(lambda: ward.numbers and ward.incident["state"] == "handed_over")
    shown = page(nora, f"/incidents/{ward.numbers[-1]}/")
    way = shown.split('<ol class="steps"')[1].split("</ol>")[0]
    verified = any(title.startswith("Recovered") for title in ward.titles("verify"))
    assert not verified and '<li class="done"' in way
    assert not re.search(r'<li class="done"[^>]*>[^/]*(?:</use>|</svg>)*\s*Verify', way)
    assert "Stop the agent" not in shown and "Resolve #" in shown


def test_the_map_shows_where_it_is_seen_and_marks_the_cause(ward: Ward) -> None:
    dead_database(ward)
    ward.look_until(lambda: ward.numbers and ward.incident["standing"] in ("known", "stated"))
    memo.forget()
    shown = ward.page(f"/?system={ward.slug}")
    services = {service for _, service in seen(ward)}
    nodes = {name: shown.split(f'id="node-{name}"')[1].split("</a>")[0] for name in ward.system.services}
    assert "suspected cause" in nodes["db"]
    assert [n for n, node in nodes.items() if "suspected cause" in node] == ["db"]
    for name in services & {"db", "gateway"}:
        assert "Healthy" not in nodes[name], name


def test_what_is_seen_later_is_no_longer_said_to_be_missing(ward: Ward) -> None:
    """The hypotheses are of one look; while a person is asked nobody thinks again, and it begins to be tried again."""
    again = ("unit_restarting", "db")
    dead_database(ward, felt=False)
    ward.look_until(lambda: ward.requests("waiting"))
    assert again in not_seen(ward), "nobody has tried yet"
    ward.runtime.crash("db", exit_code=-9)
    ward.look_until(lambda: again in seen(ward))
    assert again not in not_seen(ward)
    assert not not_seen(ward) & seen(ward)
    shown = ward.page(f"/incidents/{ward.numbers[-1]}/").split('id="side"')[
        1
    ]  # the timeline tells of its time
    assert "not seen: db ends by itself" not in shown
    ward.look_until(lambda: again not in seen(ward))
    assert again not in not_seen(ward), "over, but seen"


def not_seen(ward: Ward) -> set[tuple[str, str]]:
    return {(e["signal"], e["service"]) for e in missing(ward)}


def seen(ward: Ward) -> set[tuple[str, str]]:
    """The open symptoms."""
    return {(s["signal"], s["service"]) for s in ward.incident["symptoms"] if s["cleared_at"] is None}


def missing(ward: Ward) -> list[dict[str, str]]:
    """Evidence that something is not there."""
    against = [e for bar in ward.incident["hypotheses"] for e in bar["con"]]
    return [e for e in against if "not seen" in e["text"] or "and is not" in e["text"]]
