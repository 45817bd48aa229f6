"""The signals that ship are data: one schema, one reader, and an error that names the entry and what to mend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from incidents.signals import CATALOG, entries
from incidents.signals.base import ALWAYS, UNLESS_PLAIN, Hold
from incidents.signals.catalog import RUNS
from incidents.signals.describing import schema, text
from incidents.signals.detectors import Above, Failing, UncleanExit
from incidents.signals.entries import DETECTORS, FOLDER, Entry, Wrong
from systems.checks import CHECKS
from tests.systems.manifest.schemas import wrongs

GOOD = {
    "id": "queue_full",
    "title": "{service} is full",
    "metric": "own.full",
    "when": {"above": 3},
    "category": "queue",
    "class": "flow",
}


def test_an_entry_is_a_signal_with_the_defaults_of_one() -> None:
    made = Entry.model_validate(GOOD).signal()
    assert (made.id, made.klass, made.detector) == ("queue_full", "flow", Above(3))
    assert (made.hold, made.clear, made.timing, made.opens) == (Hold(), Hold(2), None, True)
    more = GOOD | {
        "hold": 3,
        "over_after": {"ticks": 1, "seconds": 4},
        "timing": "unless plain",
        "when": {"unclean_exit": None},
    }
    made = Entry.model_validate(more).signal()
    assert (made.hold, made.clear, made.timing) == (Hold(3), Hold(1, 4), UNLESS_PLAIN)
    assert made.detector == UncleanExit()
    made = Entry.model_validate(GOOD | {"timing": "always", "when": {"failing": {"but": "x"}}}).signal()
    assert (made.timing, made.detector) == (ALWAYS, Failing("", "x"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"when": {}}, "one of above, below"),
        ({"when": {"above": 1, "below": 2}}, "one of above, below"),
        ({"when": {"over": 1}}, "there is no 'over'; there is above"),
        ({"when": {"above": {"limit": 1, "until": 0}}}, "above takes limit, clear, not until"),
        ({"when": {"above": "many"}}, "valid number"),
        ({"when": {"rising": 1}}, "window_s"),
        ({"class": "odd"}, "class: Input should be 'own'"),
        ({"id": "Queue full"}, "id: String should match"),
        ({"leak": 2}, "leak"),
        ({"colour": "red"}, "colour: Extra inputs"),
    ],
)
def test_what_is_wrong_is_named_with_its_entry(tmp_path: Path, change: dict[str, object], said: str) -> None:
    file = tmp_path / "queues.yaml"
    file.write_text(json.dumps([GOOD, GOOD | change]))
    with pytest.raises(Wrong) as told:
        list(entries.read(file))
    assert said in str(told.value)
    assert str(told.value).startswith("queues.yaml, ")


def test_every_file_fits_the_schema_that_editors_use() -> None:
    assert (Path(__file__).parents[2] / "docs/signals.schema.json").read_text() == text(), (
        "python -m incidents.signals.describing > docs/signals.schema.json"
    )
    files = sorted(FOLDER.glob("*.yaml"))
    for file in files:
        assert wrongs(schema(), yaml.safe_load(file.read_text())) == [], file.name
    assert wrongs(schema(), [GOOD]) == []
    assert wrongs(schema(), [GOOD | {"when": {"above": "many"}}]) != []
    assert wrongs(schema(), [GOOD | {"colour": "red"}]) != []
    told = {e["id"] for file in files for e in yaml.safe_load(file.read_text())}
    assert told == {s for s in CATALOG if not CATALOG[s].is_declared}


def test_each_detector_is_there_to_be_used_and_each_check_is_one() -> None:
    used = {type(s.detector) for s in CATALOG.values()}
    assert {name for name, kind in DETECTORS.items() if kind not in used} == set()
    assert set(RUNS.values()) <= set(CHECKS)
