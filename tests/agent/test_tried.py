"""What a check or a reading measured outweighs any number of lines that say otherwise."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent import statements, tried
from agent.phases import diagnose
from agent.roles.diagnoser import think
from incidents.findings import Opinion
from incidents.signals.base import SignalState
from incidents.verdict import ACT_AT
from systems.graph import SystemGraph
from tests.agent.reasoner.test_cases import AUTH, CASES
from tests.agent.reasoner.world import FAILED, GRAPH, SPECS, S, both, evidence
from tests.agent.test_ablations import Words

ERROR = f"ERROR {AUTH}"
TABLE = 'ERROR relation "orders" does not exist'
EVERYWHERE = ("db", "web-a", "web-b", "consumer", "cron")


def opinion(*shown: S, answers: tuple[S, ...] = ()) -> Opinion:
    """As a run forms it, of what is shown, what the checks answered and what the parts say outright."""
    answered = {(a.signal, a.service) for a in answers}
    seen = [*(s for s in evidence(*shown) if (s.signal, s.service) not in answered), *answers]
    states = [state(s) for s in seen]
    said = [Words(s.signal, s.service, s.text) for s in shown if s.signal in statements.outright()]
    return diagnose.weigh(
        cast(Any, SimpleNamespace(graph=GRAPH)),
        states,
        lambda believed: think(GRAPH, believed, SPECS),
        acts=(),
        failed={},
        said=statements.told_in_order(said),
    )


def state(s: S) -> SignalState:
    source = "check" if s.signal in ("pg_login_failed", "direct_ok") else "log"
    return SignalState(s.signal, s.service, s.label, s.value, s.reading_value, s.text, s.onset, source)


def claims(found: Opinion, cause: str) -> float:
    return max((f.probability for f in found.findings if f.cause == cause), default=0.0)


FORGED = [S("log_auth_failed", name, text=ERROR) for name in EVERYWHERE]
OPENS = S("pg_login_failed", "db", False, text='web-a, web-b can log in as "app"')


@pytest.mark.parametrize("others", [(), both("log_errors", ERROR), (*both("not_ready"), FAILED)])
def test_lines_of_a_refused_password_are_not_believed_once_the_login_was_tried_and_worked(
    others: tuple[S, ...],
) -> None:
    untried, tried_ = opinion(*FORGED, *others), opinion(*FORGED, *others, answers=(OPENS,))
    assert claims(untried, "app_credentials_mismatch") > 0.6
    assert claims(tried_, "app_credentials_mismatch") < 0.05
    leader = tried_.leading
    assert leader is None or not (leader.stated or leader.cause == "app_credentials_mismatch"), leader


def test_a_login_that_is_refused_is_believed_as_before() -> None:
    refused = opinion(*FORGED, FAILED, answers=(S("pg_login_failed", "db", text="app"),))
    assert claims(refused, "app_credentials_mismatch") > 0.9


def test_lines_of_a_missing_table_do_not_outweigh_that_none_is_missing() -> None:
    """What is said is still told, for it may be another table; nothing is restored for it."""
    lines = [S("log_relation_missing", name, text=TABLE) for name in EVERYWHERE]
    counted = opinion(*lines, FAILED, answers=(S("pg_table_missing", "db", False),))
    unread = opinion(*lines, FAILED, answers=(S("pg_table_missing", "db", None),))
    assert claims(unread, "table_missing") >= ACT_AT > 0.1 > claims(counted, "table_missing")
    assert counted.leading is not None and counted.leading.stated


@pytest.mark.parametrize("name", CASES)
def test_what_no_check_speaks_of_is_taken_as_it_is_said(name: str) -> None:
    states = [state(s) for s in CASES[name][1]]
    assert tried.without_refuted(GRAPH, [*states, state(OPENS)]) == [
        replace(s, value=False) if s.signal == "log_auth_failed" else s for s in [*states, state(OPENS)]
    ]


def test_a_check_speaks_only_of_what_it_tried() -> None:
    graph = SystemGraph(
        {"web": "http", "db": "postgres", "stats": "postgres", "cache": "redis"},
        {"web": ["db", "stats", "cache"]},
    )
    one, other = replace(OPENS), S("pg_login_failed", "stats", False)
    first, both_asked = [state(one)], [state(one), state(other)]
    words = ("log_auth_failed", "web")
    assert not tried.is_refuted(*words, AUTH, graph, first), "the other server was not asked"
    assert tried.is_refuted(*words, AUTH, graph, both_asked)
    assert tried.is_refuted("log_auth_failed", "db", AUTH, graph, first)
    assert not tried.is_refuted(*words, "NOAUTH Authentication required.", graph, both_asked)
    assert not tried.is_refuted("log_auth_failed", "db", AUTH.replace("app", "report"), graph, first)
    assert not tried.is_refuted("log_auth_failed", "db", AUTH, graph, [replace(state(one), value=None)]), (
        "it could not be tried"
    )
