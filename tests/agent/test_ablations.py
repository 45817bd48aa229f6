"""The cases made by hand, with something added that should not matter, or taken away that one might lean on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent import statements
from agent.roles.diagnoser import think
from incidents.findings import Finding, none_of_these
from incidents.verdict import ACT_AT
from systems.services import LoadedSystem
from tests.agent.reasoner.test_cases import CASES
from tests.agent.reasoner.world import GRAPH, KINDS, SPECS, S, both, evidence

GOLDEN = ("config_drift", "env_drift", "release_changed")  # told by a copy of how it should be
HARMLESS = both("config_drift", "logging.level: INFO -> DEBUG")
AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Words:
    signal: str
    service: str
    text: str
    title: str = ""
    first_seen: datetime = AT
    last_seen: datetime = AT


def leader(states: list[S]) -> Finding:
    """What is told of it: the reasoner's answer, after what the parts say themselves."""
    opinion = think(GRAPH, cast(Any, evidence(*states)), SPECS)
    said = [
        Words(s.signal, s.service, s.text) for s in states if s.value and s.signal in statements.outright()
    ]
    system = cast(LoadedSystem, SimpleNamespace(graph=GRAPH))
    found = statements.heard(statements.told_in_order(said), system, opinion).findings
    return found[0] if found else none_of_these(0.0)


def is_right(found: Finding, wanted: str) -> bool:
    return f"{found.component}:{found.cause}" == ":".join(wanted.split(":")[:2])


@pytest.mark.parametrize("name", CASES)
def test_a_harmless_change_beside_it_moves_no_diagnosis(name: str) -> None:
    """Of both replicas' log level, with no time to tell that it did nothing."""
    wanted, states = CASES[name]
    found = leader(with_beside(states))
    assert is_right(found, wanted), found


def with_beside(states: list[S]) -> list[S]:
    """The harmless change too; one signal tells of all that differs on a part."""
    told = {s.service: s.text for s in states if s.signal == "config_drift"}
    beside = [replace(s, text="; ".join(filter(None, [told.get(s.service), s.text]))) for s in HARMLESS]
    mine = {s.service for s in beside}
    return [*(s for s in states if s.signal != "config_drift" or s.service not in mine), *beside]


def test_harmless_changes_keep_hardly_any_repair_back() -> None:
    sure = [sum(leader(f(s)).probability >= ACT_AT for _, s in CASES.values()) for f in (list, with_beside)]
    assert sure[1] >= sure[0] - 1, sure


def test_without_any_golden_copy_most_are_named_and_none_is_named_wrongly() -> None:
    """What differs from how it should be is not read at all, on no part. A cache without a limit is then a leak."""
    unread = [S(signal, part, None) for signal in GOLDEN for part in KINDS]
    lost, wrong = {}, {}
    cases = CASES | {"a cache without limit": ("web-b:memory_leak", CASES["a cache without limit"][1])}
    for name, (wanted, states) in cases.items():
        found = leader([*(s for s in states if s.signal not in GOLDEN), *unread])
        if not is_right(found, wanted):
            lost[name] = (found.component, found.cause, round(found.probability, 2))
            if found.probability >= ACT_AT:
                wrong[name] = lost[name]
    assert not wrong
    assert len(lost) <= 0.15 * len(CASES), lost
