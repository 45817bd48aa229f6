"""The file of a game day, what may be added to it, and its figures."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from chaos.gameday import draws, table
from chaos.gameday.commit import commit_of
from chaos.gameday.file import CannotResume, Gathered, resumed
from chaos.models import GameDay, GameDayRun
from chaos.registry import FAULTS

GOOD: dict[str, Any] = {
    "detected": True,
    "detect_s": 1.0,
    "component_ok": True,
    "cause_ok": True,
    "first_component_ok": True,
    "first_cause_ok": True,
    "confidence": 0.95,
    "fixed": True,
    "repair_s": 9.0,
    "outcome": "fixed",
}
HELD = {"detected": True, "outcome": "handed_over_right", "needless_handover": True}


@pytest.fixture
def day(db: None) -> GameDay:
    made = GameDay.objects.create(
        by="test", commit="abc", quiet={"minutes": 10, "incidents": 0, "actions": 0}
    )
    for seed, values in enumerate([GOOD, HELD, {"outcome": "missed"}], 1):
        GameDayRun.objects.create(game_day=made, fault="api_down", category="api", seed=seed, **values)
    return made


def test_the_file_has_the_agreed_form(day: GameDay, tmp_path: Path):
    Gathered(table.head_of(day), table.rows_of(day)).write(tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    fields = (
        "fault seed mode detected detect_s component_ok cause_ok first_component_ok first_cause_ok culprit_ok "
        "category_ok severity_ok "
        "confidence fixed repair_s paths approvals collateral wrong_actions data_lost left false_recovery "
        "needless_handover outcome note baseline"
    )
    assert [set(r) for r in found["runs"]] == [set(fields.split())] * 3
    assert set(found) == {"runs", "quiet", "baseline", "mode", "commit", "started_at", "calibration"}
    assert found["runs"][2]["detect_s"] is None and found["runs"][2]["culprit_ok"] is None
    assert found["calibration"]["plain"]["sure"] == {"from": 0.9, "n": 1, "right": 1}


def test_the_baselines_stand_in_the_same_table(day: GameDay):
    rows = table.rows_of(day)
    nobody = [r | {"baseline": "none", "fixed": False} for r in rows]
    agent, idle = table.sums([*nobody, *rows])
    assert (agent.who, agent.runs, agent.fixed, agent.needless, agent.harm) == ("the agent", 3, 1, 1, 0)
    assert (agent.first_right, agent.last_right, agent.detect_s, agent.repair_s) == (1, 1, 1.0, 9.0)
    assert (idle.who, idle.fixed, idle.needless) == ("do nothing", 0, 1)


def test_quiet_words():
    amid = GameDay(mode="decoys", quiet={"minutes": 20, "changes": 20, "incidents": 0, "actions": 0})
    assert table.quiet_words(amid) == "quiet 20 min with 20 harmless changes: 0 incidents, 0 actions"


def test_runs_of_the_same_commit_are_added_and_no_run_is_made_twice(day: GameDay, tmp_path: Path):
    path = tmp_path / "runs.json"
    assert resumed(path, "abc").rows == []
    Gathered(table.head_of(day), table.rows_of(day)).write(path)
    again = resumed(path, "abc")
    assert again.has("api_down", 2, "plain", "") and not again.has("api_down", 4, "plain", "")
    assert not again.has("api_down", 2, "plain", "none") and not again.has("api_down", 2, "decoys", "")


@pytest.mark.parametrize(
    ("text", "commit", "why"),
    [
        (
            None,
            "def",
            r"holds runs of commit abc, and this is commit def: what was measured of one",
        ),
        (None, "abc+changed", "differ from its commit.*commit first"),
        (None, "", "which commit runs here is not known"),
        ("{", "abc", "is no game day's file"),
        ('{"runs": [{"fault": "x"}], "commit": "abc"}', "abc", "no game day's file: KeyError"),
        ("[]", "abc", "no game day's file"),
    ],
)
def test_what_cannot_be_added_to_says_why(
    day: GameDay, tmp_path: Path, text: str | None, commit: str, why: str
):
    path = tmp_path / "runs.json"
    Gathered(table.head_of(day), table.rows_of(day)).write(path)
    if text is not None:
        path.write_text(text)
    with pytest.raises(CannotResume, match=why):
        resumed(path, commit)


def test_a_changed_checkout_is_another_commit(tmp_path: Path):
    assert commit_of(tmp_path / "nowhere") == ""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    (tmp_path / "a").write_text("1")
    for argv in (["init", "-q"], ["add", "a"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *argv], check=True)
    clean = commit_of(tmp_path)
    assert len(clean) == 40
    (tmp_path / "a").write_text("2")
    assert commit_of(tmp_path) == f"{clean}+changed"


def test_the_page_has_every_run_and_every_mode(day: GameDay, tmp_path: Path):
    Gathered(table.head_of(day), table.rows_of(day)).write(tmp_path / "a.json")
    idle = [r | {"baseline": "none", "mode": "noise"} for r in table.rows_of(day)]
    Gathered(table.head_of(day), idle).write(tmp_path / "b.json")
    call_command("gameday_report", tmp_path / "a.json", tmp_path / "b.json", "--out", tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert "Commit: `abc`. Runs: 6." in page
    assert page.count("| api_down |") == 6 and page.count("do nothing") == 4
    assert "| plain | 0.9 to 1.0 | 0.95 | 1 | 1 |" in page
    with pytest.raises(CommandError, match="is no game day's file"):
        call_command("gameday_report", tmp_path / "page.md")


# --- which runs there are


def test_draws_are_the_same_for_a_seed_and_use_all_before_one_comes_again():
    ids = [f"f{n}" for n in range(5)]
    found = draws.drawn(ids, 7, [3], "unknown")
    assert found == draws.drawn(list(reversed(ids)), 7, [3], "unknown")
    assert {d.name for d in found[:5]} == set(ids) and len({d.key for d in found}) == 7
    assert all(d.amid and d.mode == "unknown" for d in found)
    assert [d.name for d in draws.drawn(ids, 5, [4], "unknown")] != [d.name for d in found[:5]]


def test_the_faults_of_a_pair_are_apart():
    found = draws.pairs(FAULTS, 8, [1, 2], lambda f: {*f.targets, *f.expected.components})
    assert len(found) == 16 and len({d.name for d in found[:8]}) == 8
    for draw in found:
        a, b = (FAULTS[name] for name in draw.faults)
        assert not {*a.targets} & {*b.targets} and draw.name == f"{a.id}+{b.id}"
        assert not (a.restraint or b.restraint)
