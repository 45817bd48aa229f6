"""Words and signals that people add: what is refused, what is in force, and what the watcher makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from actions.models import AuditEntry
from incidents.detection import Detector
from incidents.models import Incident, Symptom
from incidents.signals import CATALOG
from incidents.signals.base import SignalState
from incidents.signals.judging.engine import Engine
from incidents.signals.words import Spec, specs
from knowledge import validation
from knowledge.models import VocabularyEntry, VocabularyRevision
from knowledge.service import EditConflict
from knowledge.vocabulary import service
from knowledge.vocabulary.spec import Word, parse
from systems.models import System
from systems.readings import Reading
from tests.incidents.conftest import MANIFEST, Ticker, load_bakery

pytestmark = pytest.mark.django_db

SIGNAL = """kind: signal
id: dough_waits
title: "{value} loaves wait in {service}"
metric: own.dough
above: 100
clear: 50
hold: 3
class: flow
severity: high
"""
WORD = """kind: word
id: log_paper_jam
title: '{service} says its printer is jammed: {text}'
category: devices
opens: true
patterns: ['paper jam', 'tray \\d+ empty']
"""


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """What is heard of here is not heard of elsewhere."""
    service._seen.clear()
    yield
    service._seen.clear()
    CATALOG.put(())


@pytest.fixture
def bakery() -> System:
    return System.objects.create(
        slug="bakery", title="Bakery", manifest_path="/nowhere", manifest_text=MANIFEST
    )


def add(text: str) -> VocabularyEntry:
    row = service.save("", text, "ann", "we saw it", expected_version=0)
    CATALOG.refresh(at_once=True)
    return row


def dough(value: float | None, part: str = "oven-1", label: str = "") -> Reading:
    return Reading(part, "own.dough", value, "", label)


# -- what an entry may say --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "list of `key: value`"),
        ("kind: both\nid: x_y", 1, "one of word, signal"),
        (SIGNAL.replace("hold: 3", "hold: 300"), 7, "hold: Input should be less than or equal to 20"),
        (SIGNAL.replace("above: 100", "above: .inf"), 5, "above: Input should be a finite number"),
        (SIGNAL.replace("above: 100", "above: 100\nbelow: 3"), 1, "here is above and below"),
        (SIGNAL.replace("clear: 50", "clear: 500"), 1, "the good side"),
        (SIGNAL.replace("above: 100\nclear: 50", "baseline: above"), 1, "hold belongs to above and below"),
        (SIGNAL.replace("own.dough", "log.template"), 4, "by a word"),
        (SIGNAL.replace("own.dough", "declared.own.high"), 4, "judged already"),
        (SIGNAL.replace("{value}", "{colour}"), 3, "knows no {colour}"),
        (SIGNAL.replace("dough_waits", "http_unreachable"), 2, "a signal of the portal itself"),
        (SIGNAL + "colour: red\n", 10, "colour: Extra inputs are not permitted"),
        (SIGNAL + "hold: 4\n", 10, "given twice"),
        (WORD.replace("paper jam", "(?=x)y"), 6, "look-ahead"),
        (WORD.replace("paper jam", "(jam"), 6, "not a regular expression"),
        (WORD.replace("paper jam", "(jam)*"), 6, "fits an empty text"),
        (WORD.replace("paper jam", "(a{0,500}b{0,500}c{1,500}[x-z]{1,400}){1}\\w{1000}"), 6, "too wide"),
        (WORD + "moved_by: weather\n", 7, "no kind of change"),
        (WORD + "tried_by: guessing\n", 7, "no check"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(text: str, line: int, words: str) -> None:
    spec, problems = parse(text)
    assert spec is None
    assert [p for p in problems if p.line == line and words in p.message], problems


def test_a_word_has_the_schema_of_those_that_ship() -> None:
    left_out = {"tried_texts", "by_name"}  # searched by Python's own expressions, which can take for ever
    assert {f.name for f in fields(Spec)} - left_out == set(Word.model_fields) - {"kind", "system"}
    for shipped in specs():
        given = {
            n: getattr(shipped, n) for n in ("title", "category", "patterns", "calm", "but", "times", "opens")
        }
        word = Word.model_validate({"kind": "word", "id": f"our_{shipped.id}"[:60], **{
            k: list(v) if isinstance(v, tuple) else v for k, v in given.items()
        }})  # fmt: skip
        assert word.entry().words is not None


# -- kept -------------------------------------------------------------------------------------------------------


def test_every_change_is_a_revision_and_an_audit_row() -> None:
    add(SIGNAL)
    service.save("dough_waits", SIGNAL.replace("100", "90"), "ben", "too late", expected_version=1)
    service.switch("dough_waits", False, "ann")
    service.switch("dough_waits", False, "ann")
    row = service.restore("dough_waits", 1, "ann", expected_version=3)
    assert (row.version, row.text, row.enabled) == (4, SIGNAL, False)
    kept = VocabularyRevision.objects.order_by("version").values_list("version", "author", "enabled", "note")
    assert list(kept) == [
        (1, "ann", True, "we saw it"),
        (2, "ben", True, "too late"),
        (3, "ann", False, "switched off"),
        (4, "ann", False, "restored version 1"),
    ]
    audited = AuditEntry.objects.filter(target="dough_waits").order_by("seq").values_list("actor", "verb")
    verbs = ["added", "changed", "off", "changed"]
    assert list(audited) == [
        (by, f"vocabulary.{v}") for by, v in zip(("ann", "ben", "ann", "ann"), verbs, strict=True)
    ]
    assert "+above: 90" in service.diff("dough_waits", 1, 2)


def test_who_comes_second_is_told() -> None:
    add(SIGNAL)
    with pytest.raises(EditConflict, match="version 1 was saved"):
        service.save("dough_waits", SIGNAL, "ben", expected_version=7)
    with pytest.raises(service.InvalidEntry, match="is taken"):
        service.save("", SIGNAL, "ben", expected_version=0)
    with pytest.raises(service.InvalidEntry, match="must stay"):
        service.save("dough_waits", SIGNAL.replace("dough_waits", "bread"), "ben", expected_version=1)
    with pytest.raises(service.InvalidEntry, match="no 'nowhere' under care"):
        service.save("", WORD + "system: nowhere\n", "ben", expected_version=0)


def test_a_mistake_in_one_stops_no_other() -> None:
    add(SIGNAL)
    add(WORD)
    VocabularyEntry.objects.filter(slug="dough_waits").update(text="kind: signal\nid: dough_waits", version=2)
    CATALOG.refresh(at_once=True)
    assert "log_paper_jam" in CATALOG.of("any") and "dough_waits" not in CATALOG.of("any")
    found = {j.row.slug: j for j in service.judged()}
    assert "metric" in found["dough_waits"].trouble and found["log_paper_jam"].in_force


def test_patterns_are_only_so_many_together(monkeypatch: pytest.MonkeyPatch) -> None:
    add(WORD)
    monkeypatch.setattr(service, "MOST_WORK", 40)
    with pytest.raises(service.InvalidEntry, match="too much beside"):
        service.save("", WORD.replace("log_paper_jam", "log_other"), "ann", expected_version=0)


# -- in force ---------------------------------------------------------------------------------------------------


def test_it_is_of_its_system_only_and_known_when_it_is_off(bakery: System) -> None:
    add(SIGNAL + "system: bakery\n")
    assert "dough_waits" in CATALOG.of("bakery") and "dough_waits" not in CATALOG.of("smithy")
    before = CATALOG.of("bakery")
    CATALOG.refresh(at_once=True)
    assert CATALOG.of("bakery") is before, "the same until something changes"
    service.switch("dough_waits", False, "ann")
    CATALOG.refresh(at_once=True)
    assert "dough_waits" not in CATALOG.of("bakery")
    state = SignalState("dough_waits", "oven-1", "", True, 120.0, "", None, "metric")
    assert CATALOG["dough_waits"].describe(state) == "120 loaves wait in oven-1"


def test_the_engine_judges_it_as_any_other(bakery: System) -> None:
    add(SIGNAL + "part: oven-1\n")
    tick = Ticker(Engine(load_bakery().graph, CATALOG.of("bakery")))
    tick(times=60)
    assert tick(dough(120), times=2) == []
    assert tick(dough(120), dough(500, "oven-2")) == ["+dough_waits@oven-1"]
    assert tick(dough(60), times=5) == [], "over only below what clears it"
    assert tick(dough(40), times=2) == ["-dough_waits@oven-1"]


def test_a_label_is_meant_alone() -> None:
    add(SIGNAL.replace("class:", "label: rye\nclass:"))
    tick = Ticker(Engine(load_bakery().graph, CATALOG.of("bakery")))
    tick(times=60)
    assert tick(dough(500), dough(500, label="wheat"), times=5) == []
    assert tick(dough(500, label="rye"), times=3) == ["+dough_waits@oven-1#rye"]


def test_what_is_usual_is_learnt() -> None:
    add(SIGNAL.replace("above: 100\nclear: 50\nhold: 3", "baseline: above\nleast: 10"))
    tick = Ticker(Engine(load_bakery().graph, CATALOG.of("bakery")))
    tick(dough(20), times=90)
    assert tick(dough(45), times=10) == []
    assert "+dough_waits@oven-1" in tick(dough(200), times=10)


def test_the_watcher_takes_it_up_and_gives_it_up_without_a_restart(bakery: System) -> None:
    tick = Ticker(Detector(load_bakery(bakery.pk)))
    tick(dough(500), times=60)
    assert not Symptom.objects.exists()
    add(SIGNAL)
    assert tick(dough(500), times=4) == ["+dough_waits@oven-1"]
    incident = Incident.objects.get()
    assert incident.title == "500 loaves wait in oven-1" and incident.severity == "high"
    service.save("dough_waits", SIGNAL.replace("above: 100", "above: 1000"), "ann", expected_version=1)
    CATALOG.refresh(at_once=True)
    assert tick(dough(500), times=4) == ["-dough_waits@oven-1"], "judged by the new limit"
    service.save("dough_waits", SIGNAL, "ann", expected_version=2)
    CATALOG.refresh(at_once=True)
    assert tick(dough(500), times=4) == ["+dough_waits@oven-1"]
    service.switch("dough_waits", False, "ann")
    CATALOG.refresh(at_once=True)
    assert tick(dough(500), times=2) == ["-dough_waits@oven-1"]
    assert Symptom.objects.get(signal="dough_waits").given_up


def test_a_word_is_found_in_a_line_and_ships_no_other_away(bakery: System) -> None:
    add(WORD)
    tick = Ticker(Detector(load_bakery(bakery.pk)))
    tick(times=60)
    said = Reading("oven-1", "log.template", 1, "ERROR Paper jam in tray 3", "ERROR Paper jam")
    assert tick(said) == ["+log_paper_jam@oven-1"]
    refused = Reading("oven-1", "log.template", 2, "ERROR Connection refused", "ERROR Connection refused")
    assert "+log_connect_refused@oven-1" in tick(refused)
    assert Symptom.objects.get(signal="log_paper_jam").opens


def test_a_runbook_may_name_it(bakery: System) -> None:
    text = """---
id: dough_stuck
title: Dough is stuck
category: bakery
applies_to: any
symptoms: {dough_waits: certain}
summary: "{component} has more dough than it bakes"
---
"""
    unknown = [p.message for p in validation.problems_of(text)[1] if p.level == "error"]
    assert any("unknown signal 'dough_waits'" in m for m in unknown)
    add(SIGNAL)
    assert [p.message for p in validation.problems_of(text)[1] if p.level == "error"] == []


def test_a_store_that_is_away_leaves_what_was_known(monkeypatch: pytest.MonkeyPatch) -> None:
    add(SIGNAL)

    def away() -> Any:
        raise OSError("gone")

    monkeypatch.setattr(CATALOG, "source", away)
    CATALOG.refresh(at_once=True)
    assert "dough_waits" in CATALOG.of("bakery")
