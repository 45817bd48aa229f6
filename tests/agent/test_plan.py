"""Which fix comes first."""

from __future__ import annotations

from agent import plan
from agent.plan import Path
from agent.roles.base import Finding
from tests.agent.world import finding, path

RISKS = {"mend": "low", "patch": "medium", "rebuild": "high"}


def order(
    findings: list[Finding], tried: set[str] | None = None, rates: dict[str, float] | None = None
) -> list[Path]:
    return plan.paths(
        findings,
        tried=tried or set(),
        targets=lambda action, target, params: {"gone": [], "api": ["api-1", "api-2"]}.get(target, [target]),
        risk_of=lambda action, target: RISKS[action],
        cure_rate=lambda cause, action: (rates or {}).get(action, 2 / 3),
    )


def words(found: list[Path]) -> list[str]:
    return [" ".join(f"{s['action']}@{s['target']}" for s in p.steps) for p in found]


def test_the_less_risky_fix_of_one_cause_comes_first():
    found = order([finding("x", 0.9, path("rebuild db"), path("mend db"))])
    assert words(found) == ["mend@db", "rebuild@db"]


def test_the_author_s_order_decides_between_equals():
    assert words(order([finding("x", 0.9, path("mend b"), path("mend a"))])) == ["mend@b", "mend@a"]


def test_a_fix_that_has_failed_often_drops_behind():
    findings = [finding("x", 0.9, path("mend db"), path("patch db"))]
    assert words(order(findings))[0] == "mend@db"
    assert words(order(findings, rates={"mend": 0.1, "patch": 0.9}))[0] == "patch@db"


def test_the_likelier_cause_comes_first_at_the_same_risk():
    found = order([finding("x", 0.5, path("mend a")), finding("y", 0.3, path("mend b"))])
    assert words(found) == ["mend@a", "mend@b"]


def test_an_incredible_cause_earns_no_path():
    assert words(order([finding("x", plan.MIN_PROBABILITY / 2, path("mend a"))])) == []


def test_a_group_means_each_member_and_what_does_not_apply_is_said():
    found = order([finding("x", 0.9, path("mend api", "patch gone"))])
    assert words(found) == ["mend@api-1 mend@api-2"]
    assert found[0].skipped == ["patch: does not apply to gone"]


def test_tried_paths_are_not_offered_again():
    first = order([finding("x", 0.9, path("mend a"), path("patch a"))])
    left = order([finding("x", 0.9, path("mend a"), path("patch a"))], tried={first[0].key})
    assert words(left) == ["patch@a"]


def test_the_same_steps_for_another_cause_are_another_path():
    """Undone for one cause, a fix may still be right for the next."""
    first = order([finding("x", 0.9, path("mend a"))])[0]
    assert words(order([finding("y", 0.9, path("mend a"))], tried={first.key})) == ["mend@a"]
