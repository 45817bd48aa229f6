"""Which fix comes first."""

from __future__ import annotations

import pytest

from agent import harm
from agent.case import Choice, Path
from agent.harm import Harm
from agent.roles.planner import paths
from incidents.findings import Finding, PlannedStep
from tests.agent.world import finding, path

EFFECTS = {"rewrite": ["config", "restart"], "revert-change": ["revert"], "restart-it": ["restart"]}
RISKS = {"mend": "low", "patch": "medium", "rebuild": "high"}


def choose(
    findings: list[Finding],
    tried: set[str] | None = None,
    rates: dict[str, float] | None = None,
    lost: dict[str, Harm] | None = None,
) -> Choice:
    return paths(
        findings,
        tried=tried or set(),
        targets=lambda action, target, params: {"gone": [], "api": ["api-1", "api-2"]}.get(target, [target]),
        harm_of=lambda step, measured: (
            (measured and (lost or {}).get(step.action)) or Harm(RISKS.get(step.action, "low"))
        ),
        cure_rate=lambda cause, action: (rates or {}).get(action, 2 / 3),
        effects_of=lambda step: {f"{word}:{step.target}" for word in EFFECTS.get(step.action, [step.action])},
    )


def order(
    findings: list[Finding],
    tried: set[str] | None = None,
    rates: dict[str, float] | None = None,
    lost: dict[str, Harm] | None = None,
) -> list[Path]:
    return choose(findings, tried, rates, lost).paths


def words(found: list[Path]) -> list[str]:
    return [" ".join(f"{s.action}@{s.target}" for s in p.steps) for p in found]


def test_the_less_risky_fix_of_one_cause_comes_first():
    found = order([finding("x", 0.9, path("rebuild db"), path("mend db"))])
    assert words(found) == ["mend@db", "rebuild@db"]


def test_the_author_s_order_decides_between_equals():
    assert words(order([finding("x", 0.9, path("mend b"), path("mend a"))])) == ["mend@b", "mend@a"]


def test_a_fix_that_has_failed_often_drops_behind():
    findings = [finding("x", 0.9, path("mend db"), path("patch db"))]
    assert words(order(findings))[0] == "mend@db"
    assert words(order(findings, rates={"mend": 0.1, "patch": 0.9}))[0] == "patch@db"


def test_what_leaves_the_change_in_place_that_it_evidently_follows_from_drops_behind_its_inverse():
    """Going round it, or making anew what only lies elsewhere, mends less than taking it back; writing anew from the
    good copy does take it back."""
    back = path("revert-change db")
    lost = {"revert-change": Harm("medium")}
    assert words(order([finding("x", 0.9, path("mend db"), back)], lost=lost))[0] == "revert-change@db"
    assert words(order([finding("x", 0.9, path("rewrite db"), back)], lost=lost))[0] == "rewrite@db"
    by_itself = finding("change", 0.9, back, path("mend db"))
    assert words(order([by_itself], lost=lost))[0] == "revert-change@db"


def test_what_does_not_lead_earns_no_path():
    """Whatever is cheap elsewhere: below the acting threshold there is reading, and a person."""
    found = order([finding("x", 0.7, path("rebuild a")), finding("y", 0.3, path("mend b"))])
    assert words(found) == ["rebuild@a"]
    assert words(order([finding("x", 0.59, path("mend a"))])) == []


def test_two_that_lead_jointly_are_both_repaired_the_cheaper_first():
    found = order([finding("x", 0.9, path("rebuild a")), finding("y", 0.8, path("mend b"))])
    assert words(found) == ["mend@b", "rebuild@a"]


def test_a_group_means_each_member():
    assert words(order([finding("x", 0.9, path("mend api"))])) == ["mend@api-1 mend@api-2"]


def test_a_path_is_whole_or_it_is_not_taken():
    found = choose([finding("x", 0.9, path("mend api", "patch gone"), path("mend api"))])
    assert words(found.paths) == ["mend@api-1 mend@api-2"]
    assert found.left_out == ["patch does not apply to gone"]
    unnamed = [PlannedStep(action="mend", target="a", params={"job": ""}), *path("patch a")]
    nothing = choose([finding("x", 0.9, unnamed)])
    assert (nothing.paths, nothing.left_out) == ([], ["mend: the evidence does not name its parameter"])


def test_what_an_earlier_step_has_restarted_is_not_restarted_again():
    assert words(order([finding("x", 0.9, path("rewrite a", "restart-it a"))])) == ["rewrite@a"]
    assert words(order([finding("x", 0.9, path("rewrite a", "restart-it b"))])) == ["rewrite@a restart-it@b"]


def test_what_may_not_be_done_now_is_said():
    found = choose([finding("x", 0.9, path("mend a"), path("patch a"))])
    left = found.without({found.paths[0].key: "not now"})
    assert (words(left.paths), left.left_out) == (["patch@a"], ["not now"])


def test_tried_paths_are_not_offered_again():
    first = order([finding("x", 0.9, path("mend a"), path("patch a"))])
    left = order([finding("x", 0.9, path("mend a"), path("patch a"))], tried={first[0].key})
    assert words(left) == ["patch@a"]


def test_the_same_steps_for_another_cause_are_another_path():
    """Undone for one cause, a fix may still be right for the next."""
    first = order([finding("x", 0.9, path("mend a"))])[0]
    assert words(order([finding("y", 0.9, path("mend a"))], tried={first.key})) == ["mend@a"]


def rows(number: int | None) -> Harm:
    return Harm("low", {"rows": number})


def sessions(number: int) -> Harm:
    return Harm("low", {"sessions": number})


ROWS = rows(3)
RESTART = Harm("low", restarts=1)


@pytest.mark.parametrize(
    ("first", "second", "lost"),
    [
        ("reload a", "restart a", {"restart": RESTART}),  # at equal fit
        ("revert-one a", "restart a", {"restart": RESTART, "revert-one": Harm("low", undoable=True)}),
        ("kill-idle a", "kill-all a", {"kill-idle": sessions(1), "kill-all": sessions(30)}),
        ("restart a", "wipe a", {"restart": RESTART, "wipe": ROWS}),
        ("table a", "schema a", {"table": ROWS, "schema": rows(900)}),
        ("wipe-copied a", "wipe a", {"wipe-copied": Harm("low", {"rows": 3}, undoable=True), "wipe": ROWS}),
        ("wipe a", "wipe-blindly a", {"wipe": ROWS, "wipe-blindly": rows(None)}),
    ],
)  # fmt: skip
def test_at_equal_fit_the_least_harmful_comes_first(first: str, second: str, lost: dict[str, Harm]):
    """Two causes that are equally likely: their repairs stand at the same place of their runbooks."""
    found = order([finding("x", 0.8, path(second)), finding("y", 0.8, path(first))], lost=lost)
    assert [s.words for p in found for s in p.steps] == [w.replace(" ", " on ") for w in (first, second)]


def test_what_passes_does_not_turn_the_author_s_order_round_and_data_does():
    both = finding("x", 0.95, path("restart a"), path("other a"))
    passing = Harm("low", {"sessions": 500, "keys": 9000, "transactions": None}, restarts=6)
    assert words(order([both], lost={"restart": passing}))[0] == "restart@a"
    assert words(order([both], lost={"restart": ROWS}))[0] == "other@a"


def test_a_loss_in_vain_counts_twice_and_a_loss_for_the_right_cause_counts():
    sure, unsure = harm.expected_s([ROWS], 1.0), harm.expected_s([ROWS], 0.6)
    assert harm.loss_s([ROWS]) == 30.0  # three rows, for good
    assert (sure, unsure) == (31.0, pytest.approx(1.0 + 30.0 * 1.4))


@pytest.mark.parametrize(
    ("loss", "p", "told", "reads"),
    [
        (30.0, 0.6, 1.0, True),
        (30.0, 0.92, 1.0, True),  # as sure as one need be to act, and not to lose rows
        (30.0, 0.99, 1.0, False),
        (30.0, 0.6, 0.1, False),  # it would tell nothing
        (0.9, 0.6, 1.0, False),  # a restart in vain costs less than reading
        (0.0, 0.6, 1.0, False),
    ],
)
def test_reading_comes_first_where_it_spares_more_than_it_takes(
    loss: float, p: float, told: float, reads: bool
):
    assert harm.is_worth_reading(loss, p, told) is reads


def test_with_nothing_to_choose_and_hardly_a_doubt_no_target_is_asked():
    asked = []

    def weigh(step: PlannedStep, measured: bool) -> Harm:
        asked.append(measured)
        return Harm("low")

    def plan(*findings: Finding) -> None:
        paths(
            list(findings), tried=(), targets=lambda a, t, p: [t], harm_of=weigh, cure_rate=lambda c, a: 1.0,
            effects_of=lambda s: (),
        )  # fmt: skip

    plan(finding("x", 0.98, path("mend a")))
    plan(finding("x", 0.7, path("mend a")))
    plan(finding("x", 0.95, path("mend a"), path("patch a")))
    assert asked == [False, True, True, True]


def test_of_changes_made_in_one_go_the_likelier_is_taken_back_first_unless_data_is_lost():
    go = finding("change", 0.9, path("rebuild a"), path("mend a"))
    assert words(order([go]))[0] == "rebuild@a"
    assert words(order([go], lost={"rebuild": Harm("high", {"rows": 5})}))[0] == "mend@a"
