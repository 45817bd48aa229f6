"""Risk comes from code: no parameter, reason, requester or target's text can lower it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions import policy, registry, risk, service
from actions.models import Risk, Status
from incidents import live
from systems import services
from systems.models import System
from systems.services import LoadedSystem

pytestmark = pytest.mark.django_db
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HIGH = {"restart-db", "regenerate-db-creds", "restore-db", "run-migrations", "roll-back-migration"}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda v: st.lists(v, max_size=2),
    max_leaves=4,
)
words = st.sampled_from(
    ["risk", "sessions", "pattern", "grace_s", "approved", "force", "pid", "role", "restart"]
)


def test_the_ones_a_person_decides() -> None:
    rated = {slug for slug, action in registry.ACTIONS.items() if action.risk == Risk.HIGH}
    assert rated == HIGH


@SLOW
@given(
    slug=st.sampled_from(sorted(registry.ACTIONS)),
    params=st.dictionaries(words | st.text(max_size=8), json_values),
)
def test_no_parameters_lower_the_risk(system: LoadedSystem, slug: str, params: dict[str, Any]) -> None:
    action = registry.ACTIONS[slug]
    for target in action.targets(system):
        floor, _ = risk.assess(action, system, target)
        model = action.Params.model_construct(None, **params)
        rated, why = risk.assess(action, system, target, model)
        assert risk.ORDER[rated] >= risk.ORDER[floor] >= risk.ORDER[action.risk]
        assert why


@SLOW
@given(
    slug=st.sampled_from(sorted(HIGH & {"restart-db", "regenerate-db-creds"})),
    params=st.dictionaries(words | st.text(max_size=8), json_values, max_size=3),
    reason=st.text(max_size=80),
    requester=st.sampled_from(["agent", "alice", "opsportal"]),
    ask_why=st.text(max_size=20),
)
def test_high_risk_never_runs_alone(
    system: LoadedSystem,
    row: System,
    slug: str,
    params: dict[str, Any],
    reason: str,
    requester: str,
    ask_why: str,
) -> None:
    ruling = policy.rule(row, slug, Risk.HIGH, requester, ask_why)
    assert ruling.verdict == policy.Verdict.ASK
    try:
        request = service.propose(
            "tiny",
            slug,
            "db",
            params,
            requested_by=requester,
            reason=reason.replace("\0", ""),
            ask_why=ask_why,
        )
    except service.ActionRefused:
        return
    assert request.status in (Status.WAITING, Status.REFUSED)
    assert request.risk == "high"


@pytest.mark.parametrize("risk_word", ["", "none", "LOW ", "unknown"])
def test_a_risk_nobody_knows_asks(system: LoadedSystem, row: System, risk_word: str) -> None:
    assert policy.rule(row, "x", risk_word, "agent").verdict == policy.Verdict.ASK


def test_unknown_actions_and_targets_are_high(system: LoadedSystem) -> None:
    assert risk.assess(None, system, "web-1")[0] == Risk.HIGH
    assert risk.assess(registry.get("restart-service"), system, "nowhere")[0] == Risk.HIGH
    assert service.risk_of("tiny", "format-disk", "web-1") == "high"


def test_stateful_targets_raise_the_risk(system: LoadedSystem) -> None:
    assert service.risk_of("tiny", "restart-service", "web-1") == "low"
    live.client().set("risk:held", 1, ex=60)  # it keeps nothing over a restart
    assert service.risk_of("tiny", "restart-service", "cache") == "high"
    assert service.risk_of("tiny", "restart-service", "db") == "high"
    assert service.risk_of("tiny", "rolling-restart", "web") == "low"


def test_naming_sessions_raises_the_risk(system: LoadedSystem) -> None:
    shown = service.preview("tiny", "clear-cache", "cache", {"pattern": "sess:*", "sessions": True})
    assert shown["risk"] == "high"


@pytest.mark.parametrize("pattern", ["*", "?", "**", "a*", "", "[a-z]*", "*:x", "s*", "pro*duct:*"])
def test_patterns_that_hit_everything_are_not_accepted(system: LoadedSystem, pattern: str) -> None:
    try:
        shown = service.preview("tiny", "clear-cache", "cache", {"pattern": pattern})
    except service.ActionRefused:
        return
    assert pattern == ""
    assert "product:*" in shown["command"]


@pytest.fixture
def two_groups(base: Path) -> LoadedSystem:
    return services.from_manifest(base / "manifest.yaml")


def test_every_action_is_described(two_groups: LoadedSystem) -> None:
    for slug, action in registry.ACTIONS.items():
        assert slug == registry.normal(slug) == action.slug
        assert registry.get(slug.replace("-", "_")) is action
        assert action.title
        assert action.Params.model_config["extra"] == "forbid"
        json.dumps(action.Params.model_json_schema())
    assert not set(registry.ALIASES) & set(registry.ACTIONS)
