"""The faults that no runbook tells of: what can be said of them without a sandbox."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from chaos.alterations import load
from chaos.decoys.registry import DECOYS
from chaos.registry import ALIASES, FAULTS, find, known
from chaos.unknown.base import Drawn
from chaos.unknown.registry import TRACEABLE, UNKNOWN, UNTRACEABLE
from systems.state.types import KINDS

ROOT = Path(__file__).parents[2]
FAMILIES = {"postgres", "redis", "files", "proxy", "runtime", "network", "outside"}
SEEDS = range(1, 41)


@pytest.mark.parametrize("made", UNKNOWN.values(), ids=list(UNKNOWN))
def test_each_draws_from_its_seed_and_says_what_it_changes(made: Drawn) -> None:
    assert made.title
    assert made.family in FAMILIES
    assert made.drivers
    assert find(made.id) is made
    assert known(made.id)
    drawn = [made.chosen(seed) for seed in SEEDS]
    assert drawn == [made.chosen(seed) for seed in SEEDS]
    shown = {json.dumps(chosen) for chosen in drawn}
    assert len(shown) >= min(len(made.choices), 3), "the seeds do not reach what there is to choose from"
    for chosen in drawn:
        undo = {"chosen": chosen}
        assert set(made.right_parts(undo)) <= set(made.components)
        touched = made.touched(undo)
        assert all(t.kind in KINDS for t in touched)
        assert made.culprit(undo) == (touched[0] if made.traceable else None)
    assert bool(touched) is made.traceable


def test_no_id_is_taken_twice() -> None:
    assert not UNKNOWN.keys() & {*FAULTS, *DECOYS, *ALIASES}
    assert not TRACEABLE.keys() & UNTRACEABLE.keys()


def test_the_sample_of_the_documentation_can_be_loaded(tmp_path: Path) -> None:
    (sample,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/injectors.md").read_text(), re.DOTALL)
    (tmp_path / "sample.py").write_text(sample)
    (made,) = load(tmp_path).values()
    assert made.id == "revoked"
    assert made.culprit({"table": "stock", "right": "UPDATE"}) == made.touched({"table": "stock"})[0]
    assert made.right_parts({}) == ("postgres",)
