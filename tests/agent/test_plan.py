"""Which fix comes first."""

from __future__ import annotations

from agent.case import Choice, Path
from agent.roles.planner import paths
from incidents.findings import Finding, PlannedStep
from tests.agent.world import finding, path

EFFECTS = {"rewrite": ["file", "restart"], "restart-it": ["restart"]}
RISKS = {"mend": "low", "patch": "medium", "rebuild": "high"}


def choose(
    findings: list[Finding],
    tried: set[str] | None = None,
    rates: dict[str, float] | None = None,
) -> Choice:
    return paths(
        findings,
        tried=tried or set(),
        targets=lambda action, target, params: {"gone": [], "api": ["api-1", "api-2"]}.get(target, [target]),
        risk_of=lambda action, target: RISKS.get(action, "low"),
        cure_rate=lambda cause, action: (rates or {}).get(action, 2 / 3),
        effects_of=lambda step: {f"{word}:{step.target}" for word in EFFECTS.get(step.action, [step.action])},
    )


def order(
    findings: list[Finding], tried: set[str] | None = None, rates: dict[str, float] | None = None
) -> list[Path]:
    return choose(findings, tried, rates).paths


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
