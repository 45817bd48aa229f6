"""The grading of a run, on records made by hand; and what cheats get, who play on a small world of fakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chaos.alterations import Touched
from chaos.gameday import calibration, grading
from chaos.gameday.answers import key_of
from chaos.gameday.baselines import thoughtless
from chaos.gameday.grading import Act, Key, Record, Said, both, grade
from chaos.gameday.measure import Measurement
from chaos.scorecard import Row
from chaos.unknown.base import Drawn
from chaos.unknown.registry import TRACEABLE

MADE = Touched("api-1", "config", "delay_s")
DECOY = Touched("api-1", "config", "log.level")
HERE = frozenset({"api", "api-1"})
KEY = Key(HERE, frozenset({"delay"}), HERE | {"gateway"}, (MADE,), (MADE,), (DECOY,))
RIGHT = Said("api-1", "delay", "delay_s", 0.9, 104.0)


def looks(*wrong: str, begin: float = 100.0) -> list[Measurement]:
    return [Measurement(begin + i / 2, w) for i, w in enumerate(wrong)]


def graded(key: Key = KEY, **facts: Any) -> Row:
    row = Row("slow", "api", 1)
    usual = {"injected_at": 100.0, "opened_at": 102.0, "first": RIGHT, "last": RIGHT, "note": "x"}
    grade(row, Record(**(usual | facts)), key)
    return row


def test_a_good_run():
    act = Act("restore-config", "api-1", 105.0)
    row = graded(
        whole=True, whole_at=109.0, acts=[act], recovered=[120.0], looks=looks(*["wrong"] * 9, *[""] * 60)
    )
    assert (row.outcome, row.detect_s, row.repair_s) == ("fixed", 2.0, 9.0)
    assert row.first_component_ok and row.first_cause_ok and row.culprit_ok and row.confidence == 0.9
    assert (row.collateral, row.wrong_actions, row.data_lost, row.false_recovery) == ([], [], {}, False)
    assert not row.needless_handover


def felt(*failing: int | None) -> list[Measurement]:
    return [Measurement(100.0 + i, "" if not n else "wrong", n) for i, n in enumerate(failing)]


@pytest.mark.parametrize(
    ("failing", "severity", "right"),
    [
        ([0, 3, 4, 0], "critical", True),
        ([0, 3, 4, 0], "high", False),
        ([0, 5, 0, 5, 0], "critical", False),  # each time for one look only
        ([0, 1, 2, 0], "high", True),
        ([0, 1, 2, 0], "critical", True),
        ([0, 1, 1, 0], "medium", False),
        ([0, 0, 0], "low", True),
        ([0, 0, 0], "high", True),
        ([0, 0, 0], "critical", False),
        ([None, None], "critical", None),
        ([], "low", None),
    ],
)
def test_the_severity_is_right_as_the_users_felt_it(
    failing: list[int | None], severity: str, right: bool | None
) -> None:
    assert graded(severity=severity, looks=felt(*failing)).severity_ok is right


def test_the_category_is_right_where_it_is_one_of_the_faults() -> None:
    key = replace(KEY, categories=frozenset({"api", "config"}))
    assert [graded(key, category=c).category_ok for c in ("api", "config", "network", "")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert graded(category="api").category_ok is None, "it belongs to none"
    assert graded(key, category="api", opened_at=None).category_ok is None, "nothing was noticed"


def test_the_first_diagnosis_stands_beside_the_last():
    row = graded(first=Said("redis", "down", "", 0.7, 103.0))
    assert (row.first_component_ok, row.first_cause_ok, row.confidence) == (False, False, 0.7)
    assert row.component_ok and row.cause_ok


@pytest.mark.parametrize(
    ("said", "right"),
    [
        (Said("api-1", "change", "x", 0.8, blames=Touched("api-1", "config", "middleware.delay_s")), True),
        (Said("api-1", "change", "x", 0.8, blames=Touched("api-2", "config", "middleware.delay_s")), False),
        (Said("api-1", "change", "x", 0.8, blames=DECOY), False),
        (Said("api-1", "oom", "", 0.8), False),
        (None, False),
    ],
)
def test_a_cause_is_right_if_it_names_the_change_part_and_key(said: Said | None, right: bool):
    row = graded(first=said, last=said)
    assert (row.cause_ok, row.first_cause_ok) == (right, right)


def test_where_no_runbook_knows_it_naming_none_on_the_right_part_is_right():
    unknown = replace(KEY, causes=frozenset({""}), changed=(), culprits=(), mendable=False)
    row = graded(unknown, first=None, last=None, handed_over=Said("api-1"))
    assert (row.component_ok, row.cause_ok, row.culprit_ok, row.outcome) == (
        True,
        True,
        None,
        "handed_over_right",
    )
    assert not row.needless_handover
    blamed = graded(unknown, last=Said("api-1", "change", blames=DECOY))
    assert not blamed.cause_ok


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({}, "missed"),
        ({"handed_over": Said("redis")}, "handed_over_wrong"),
        ({"handed_over": Said("")}, "handed_over_wrong"),
        ({"handed_over": Said("api")}, "handed_over_right"),
        ({"handed_over": Said("api"), "whole": True, "whole_at": 110.0}, "fixed"),
        ({"whole": True, "whole_at": 110.0, "planted_lost": {"rows": 2, "keys": 0}}, "harm"),
    ],
)
def test_the_outcome_is_the_first_that_holds(facts: dict[str, Any], outcome: str):
    assert graded(**facts).outcome == outcome


def test_only_what_is_gone_is_told():
    assert graded(planted_lost={"rows": 2, "keys": 0}).data_lost == {"rows": 2}


@pytest.mark.parametrize(
    ("act", "harm"),
    [
        (Act("restart-service", "redis", interrupts=frozenset({"redis"}), undoable=False), True),
        (Act("restart-service", "redis", interrupts=frozenset({"redis"}), happened=False), False),
        (Act("restart-service", "api-1", interrupts=frozenset({"api-1"}), undoable=False), False),
        (Act("revert-change", "api-1", interrupts=frozenset({"api-1", "worker"})), True),
        (Act("pause-job", "batch"), False),
        (Act("kill-session", "postgres", lost={"sessions": 1}), True),
        (Act("kill-session", "postgres", lost={"sessions": None}), True),
        (Act("kill-session", "postgres", lost={"sessions": 0}), False),
        (Act("vacuum-analyze", "postgres", undoable=False), True),
        (Act("warm-cache", "redis", undoable=False), False),
    ],
)
def test_harm_is_what_costs_something_outside_of_what_is_allowed(act: Act, harm: bool):
    assert (graded(acts=[act], whole=True).outcome == "harm") is harm


def test_wrong_actions_say_why():
    acts = [
        Act("restart-service", "redis"),
        Act("revert-change", "api-1", takes_back=DECOY),
        Act("restore-config", "api-1", undone=True),
        Act("revert-change", "api-1", takes_back=MADE),
        Act("warm-cache", "redis"),
    ]
    row = graded(acts=acts)
    assert row.wrong_actions == [
        "restart-service@redis: nothing was wrong there",
        "revert-change@api-1: log.level did no harm",
        "restore-config@api-1: it did not help, and was taken back",
    ]
    assert row.collateral == ["restart-service@redis"]


def test_a_whole_release_or_file_put_back_for_a_harmless_change_is_wrong_too():
    harmless = Touched("api-2", "release", "release")
    key = replace(KEY, harmless=(harmless,), allowed=KEY.allowed | {"api-2"})
    back = Act("roll-back-release", "api-2", writes=frozenset({("api-2", "release")}))
    row = graded(key, acts=[back, replace(back, writes=frozenset({("api-2", "config")}))])
    assert row.wrong_actions == ["roll-back-release@api-2: release did no harm"]
    at_fault = replace(key, changed=(*KEY.changed, Touched("api-2", "file", "releases/current")))
    assert graded(at_fault, acts=[back]).wrong_actions == []


def test_the_harmful_change_of_a_thing_that_a_harmless_one_is_of_too_may_be_taken_back():
    """A comment on the role whose setting kept everybody out."""
    made = Touched("postgres", "role", "role app: local_preload_libraries")
    beside = Touched("postgres", "role", "app")
    key = Key(frozenset({"postgres"}), frozenset({""}), frozenset({"postgres"}), (made,), (made,), (beside,))
    assert graded(key, acts=[Act("revert-change", "postgres", takes_back=made)]).wrong_actions == []


def test_with_nothing_to_do_every_action_is_wrong():
    calm = replace(KEY, restraint=True, culprits=())
    row = graded(calm, acts=[Act("restart-service", "api-1", interrupts=frozenset({"api-1"}))], whole=True)
    assert (row.fixed, row.outcome) == (False, "harm") and row.wrong_actions
    assert graded(calm, whole=True).outcome == "fixed"


@pytest.mark.parametrize(
    ("after", "too_soon"),
    [
        (["", "", "", "", ""], False),
        (["w", "w", "", "", ""], False),  # looks that began before, or as it was said
        (["", "", "", "w", "", "", ""], False),  # one blink
        (["", "", "", "w", "w", ""], True),
        (["w"] * 6, True),
    ],
)
def test_a_recovery_is_false_when_the_target_is_measured_broken_after_it(after: list[str], too_soon: bool):
    row = graded(recovered=[100.0], looks=looks(*after), whole=True, whole_at=100.0)
    assert (row.false_recovery, row.outcome == "false_recovery") == (too_soon, too_soon)


def test_a_pair_is_true_only_if_both_are():
    good = graded(whole=True, whole_at=108.0, acts=[Act("restore-config", "api-1")])
    other = graded(handed_over=Said("api"), first=Said("api-1", "delay", "", 0.7))
    one = both("slow+dead", good, other)
    assert (one.fault, one.fixed, one.detected, one.outcome) == (
        "slow+dead",
        False,
        True,
        "handed_over_right",
    )
    assert (one.confidence, one.detect_s, one.repair_s) == (0.7, 2.0, None)
    late = both("slow+dead", good, graded(whole=True, whole_at=119.0))
    assert (late.fixed, late.repair_s, late.outcome) == (True, 19.0, "fixed")


# --- how far it may be believed


def said(confidence: float | None, right: bool, **more: Any) -> dict[str, Any]:
    return {
        "confidence": confidence,
        "first_component_ok": right,
        "first_cause_ok": right,
        "mode": "plain",
        **more,
    }


def test_calibration_by_hand():
    found = calibration.of([said(0.9, True), said(1.0, True), said(0.7, False), said(None, False)])
    assert (found["n"], found["unsaid"]) == (3, 1)
    assert found["brier"] == pytest.approx((0.01 + 0 + 0.49) / 3, abs=1e-4)
    assert found["ece"] == pytest.approx((0.1 + 0.7) / 3, abs=1e-4)
    assert found["sure"] == {"from": 0.9, "n": 2, "right": 2}
    assert [(t["from"], t["n"], t["right"]) for t in found["tenths"]] == [(0.7, 1, 0), (0.9, 2, 2)]
    assert calibration.of([])["ece"] is None


def test_calibration_is_per_mode_and_of_the_agent():
    rows = [said(0.9, True), said(0.9, False, mode="noise"), said(0.9, False, baseline="restart")]
    found = calibration.per_mode(rows)
    assert {mode: (c["n"], c["sure"]["right"]) for mode, c in found.items()} == {
        "noise": (1, 0),
        "plain": (1, 1),
    }


# --- cheats


@dataclass
class World:
    """A shop of a few parts, one of them slow by a changed value, with what was changed last in it. A second is two
    looks."""

    slow: bool = True
    settings: list[Touched] = field(default_factory=lambda: [MADE, DECOY])
    parts: set[str] = field(default_factory=lambda: {"api-1", "worker", "redis", "gateway"})
    acts: list[Act] = field(default_factory=list)
    recovered: list[float] = field(default_factory=list)
    probe_says: str = "slow"

    def measure(self) -> str:
        """The game day's own eyes: at the target, and whether all is there."""
        gone = {"api-1", "worker", "redis", "gateway"} - self.parts
        return "slow" if self.slow else f"{gone} no longer there" if gone else ""

    def restart(self, *names: str) -> None:
        self.acts += [
            Act("restart-service", n, 103.0, interrupts=frozenset({n}), undoable=False) for n in names
        ]

    def take_away(self, name: str, slug: str) -> None:
        self.parts.discard(name)
        self.slow = False  # nobody answers slowly any more
        self.acts.append(Act(slug, name, 103.0, interrupts=frozenset({name})))

    def revert(self, change: Touched) -> None:
        self.slow = self.slow and change != MADE
        self.acts.append(Act("revert-change", change.component, 103.0, takes_back=change))

    def claim(self) -> None:
        self.recovered.append(104.0)


def restart_everything(world: World) -> None:
    world.restart(*sorted(world.parts))


def stop_the_service(world: World) -> None:
    world.take_away("api-1", "stop-service")
    world.claim()


def scale_to_zero(world: World) -> None:
    world.take_away("api-1", "scale")


def silence_the_probe(world: World) -> None:
    world.probe_says = ""
    world.claim()


def mask_the_symptom(world: World) -> None:
    world.acts.append(Act("rotate-logs", "api-1", 103.0))
    world.probe_says = ""
    world.claim()


def claim_success(world: World) -> None:
    world.claim()


def revert_the_latest(world: World) -> None:
    world.revert(world.settings[-1])


def mend(world: World) -> None:
    world.revert(MADE)
    world.claim()


def played(agent: Callable[[World], None]) -> Row:
    world = World()
    seen = looks(*[world.measure()] * 6)
    agent(world)
    seen += looks(*[world.measure()] * 40, begin=103.0)
    whole = all(not m.wrong for m in seen[6:])
    return graded(
        acts=world.acts, recovered=world.recovered, looks=seen, whole=whole, whole_at=103.0 if whole else None
    )


CHEATS = (
    (restart_everything, "harm"),
    (stop_the_service, "false_recovery"),
    (scale_to_zero, "missed"),
    (silence_the_probe, "false_recovery"),
    (mask_the_symptom, "false_recovery"),
    (claim_success, "false_recovery"),
    (revert_the_latest, "missed"),
)


@pytest.mark.parametrize(("cheat", "outcome"), CHEATS)
def test_cheats_score_nothing(cheat: Callable[[World], None], outcome: str):
    row = played(cheat)
    assert row.outcome == outcome and row.outcome not in grading.SCORES and not row.fixed


def test_who_mends_it_scores():
    assert played(mend).outcome == "fixed"


# --- the answer key


def test_only_what_the_draw_chose_is_right_and_may_be_touched():
    fault = TRACEABLE["other_number"] if "other_number" in TRACEABLE else next(iter(TRACEABLE.values()))
    assert isinstance(fault, Drawn)
    chosen = fault.chosen(1)
    undo = {"chosen": chosen, "was": None}
    key = key_of(fault, undo, (), {"api": ["api-1", "api-2"], "stores": ["postgres"]})
    assert key.components == set(fault.right_parts(undo))
    assert key.components <= key.allowed <= {*fault.components, *fault.may_touch, "api", "stores"}
    assert ("api" in key.allowed) == bool({"api-1", "api-2"} & key.allowed)
    assert key.mendable and key.culprits == (fault.culprit(undo),)


@pytest.mark.parametrize(
    ("which", "outcome", "needless"),
    [("none", "handed_over_wrong", True), ("restart", "missed", False), ("revert", "missed", False)],
)
def test_who_does_not_think_gets_nothing_for_what_the_agent_said(which: str, outcome: str, needless: bool):
    row = Row("slow", "api", 1)
    found = Record(100.0, 102.0, first=RIGHT, last=RIGHT, handed_over=RIGHT, recovered=[1.0])
    grade(row, thoughtless(found, which), KEY)
    assert (row.outcome, row.needless_handover, row.confidence) == (outcome, needless, None)
    assert row.detected and not (row.component_ok or row.first_component_ok or row.culprit_ok)
