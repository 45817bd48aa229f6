"""Of whom a part complains, and since when a change can be: what keeps harmless changes elsewhere from the blame."""

from __future__ import annotations

import dataclasses

import pytest

from agent.reasoner import complaints, history, wiring, words
from agent.reasoner.board import Node
from agent.reasoner.causes import Cause
from agent.roles.diagnoser import opinion
from tests.agent.reasoner.test_changes import at, blamed, made, timed, told
from tests.agent.reasoner.world import FAILED, GRAPH, S, both

TURNED_AWAY = timed(
    *both("not_ready"),
    *both("log_errors", text="ERROR queue unavailable: invalid username-password pair"),
    FAILED,
)


def test_trouble_is_looked_for_in_the_part_that_callers_name() -> None:
    elsewhere = made(1, what="tcp_keepalives_idle", kind="setting", old="7200", new="120")
    found = told(TURNED_AWAY, elsewhere)
    assert found.suspect[0] == found.place[0] == "cache"
    assert found.place[1] > 0.5 > max(h.probability for h in found.hypotheses)


def test_who_is_called_hears_of_that_part_before_a_guess_that_is_less_likely() -> None:
    elsewhere = made(1, what="tcp_keepalives_idle", kind="setting", old="7200", new="120")
    found = told(TURNED_AWAY, elsewhere)
    for suspect, place in (("cache", 0.5), "cache"), (("cache", 0.01), None), (("", 0.0), None):
        said = opinion(dataclasses.replace(found, suspect=suspect, place=("cache", 0.5)), [elsewhere]).place
        assert (said and said.component) == place
    known = dataclasses.replace(found.hypotheses[0], probability=0.7)
    sure = dataclasses.replace(found, suspect=("cache", 0.3), place=("cache", 0.3), hypotheses=(known,))
    assert opinion(sure, [elsewhere]).place is None, "what is known is likelier"


@pytest.mark.parametrize(
    ("text", "whom"),
    [
        ("redis error: NOREPLICAS Not enough good replicas to write.", {"cache"}),
        ("permission denied for table orders", {"db"}),
        ("partner answers nothing", {"partner"}),
        ("something went wrong", set()),
    ],
)
def test_a_part_is_named_by_name_by_kind_or_by_its_own_words(text: str, whom: set[str]) -> None:
    assert complaints.spoken_of([text], "web-a", GRAPH) == whom


def test_who_lies_on_the_way_to_the_named_part_may_still_be_it() -> None:
    assert complaints.is_about_others({"cache"}, ("db",), GRAPH)
    assert not complaints.is_about_others({"cache"}, ("wire",), GRAPH), "it carries the calls"
    assert not complaints.is_about_others({"cache"}, ("web-a",), GRAPH), "it asks, and may ask wrongly"
    assert not complaints.is_about_others(set(), ("db",), GRAPH)


@pytest.mark.parametrize(
    ("what", "text", "spoken"),
    [
        ("min-replicas-to-write", "NOREPLICAS Not enough good replicas to write.", True),
        ("user default", "User default has no permissions to run the 'set' command", True),
        ("table shop.orders", "permission denied for table orders", True),
        ("idle_session_timeout", "terminating connection due to idle-session timeout", True),
        ("role app: statement_timeout", 'too many connections for role "app"', False),
        ("auth.token_ttl_s", "unable to read the token", False),
    ],
)
def test_a_change_is_spoken_of_where_its_name_is_said_word_for_word(
    what: str, text: str, spoken: bool
) -> None:
    node = Node("log_errors", "web-a", True, 0.01, states=[S("log_errors", "web-a", text=text)])
    found = words.names(what, Cause("change", "db", ("db",), -5.0), [node])
    assert any(words.is_of_several(name) for name in found) is spoken


@pytest.mark.parametrize(
    ("label", "spoken"), [("web-db", True), ("web-d", False), ("db", False), ("old-web-db", False)]
)
def test_what_a_sign_is_of_is_what_it_speaks_of(label: str, spoken: bool) -> None:
    """A way that carries nothing, and the setting of just that way."""
    states = [S("link_down", "wire", text="reset", label=label)]
    node = Node("link_down", "wire", True, 0.01, states=states)
    found = words.names("edges.web-db.target", Cause("change", "wire", ("wire",), -5.0), [node])
    assert (label in found) is spoken and any(map(words.is_of_several, found)) is spoken


def test_a_sign_of_a_change_is_no_older_than_the_value_that_the_ledger_saw_before_it() -> None:
    """The probe may see it seconds late, the ledger knows that it was not there yet."""
    drifted = S("config_drift", "web-a", text="auth.ttl: 3600 -> 4200", onset=timed(FAILED)[0].onset)
    late = made(6, what="auth.ttl", kind="config", part="web-a", old="3600", new="4200")
    fails = timed(*both("app_errors"), FAILED)
    assert "config_changed" in {h.cause for h in told([*fails, drifted]).hypotheses if h.probability > 0.3}
    assert not [
        h
        for h in told([*fails, drifted], late).hypotheses
        if h.cause == "config_changed" and h.probability > 0.3
    ]


def test_what_changed_with_the_thing_itself_is_no_change_of_its_own() -> None:
    owner = made(0, what="table shop.orders", kind="schema", old="owner app", new="owner admin")
    rights = made(0, what="table shop.orders: rights of app", kind="grant", old="SELECT", new=None)
    denied = timed(*both("log_permission_denied", text="ERROR permission denied for table orders"), FAILED)
    assert blamed(told(denied, owner, rights))[0] == owner.id


def test_what_belongs_to_a_table_goes_to_its_new_owner_with_it() -> None:
    """The rights of the old owner to its sequence went to the new one: nobody took them away."""
    owner = made(0, what="table shop.orders", kind="schema", old="owner app", new="owner admin")
    of = "sequence shop.orders_id_seq: rights of "
    gone = made(0, what=f"{of}app", kind="grant", old="USAGE", new=None)
    come = made(0, what=f"{of}admin", kind="grant", old=None, new="USAGE")
    others = made(0, what=f"{of}reader", kind="grant", old="SELECT", new=None)
    denied = timed(*both("log_permission_denied", text="ERROR permission denied for table orders"), FAILED)
    assert blamed(told(denied, owner, gone, come))[0] == owner.id
    assert {c.id for go, _ in history.together([owner, gone, come, others], GRAPH) for c in go} == {
        owner.id,
        others.id,
    }


def test_whoever_names_the_changed_thing_speaks_of_its_change_and_leaves_its_work_lying() -> None:
    """No word of theirs is of the kind of such a change; nobody else need be to blame for what they say."""
    owner = made(0, what="table shop.orders", kind="schema", old="owner app", new="owner admin")
    denied = timed(
        *both("log_permission_denied", text="ERROR permission denied for table orders"),
        S("queue_stuck", "cache", label="q:orders"), FAILED,
    )  # fmt: skip
    leader = told(denied, owner).hypotheses[0]
    assert leader.change == owner
    assert {("log_permission_denied", "web-a"), ("queue_stuck", "cache")} <= {
        (e.signal, e.service) for e in leader.evidence_for
    }


def test_what_waits_for_a_start_has_been_tried_by_a_start_in_vain() -> None:
    pending = made(-20, what="current: points to", kind="release", part="web-a", old="1", new="2 (not there)")
    pending = dataclasses.replace(pending, pending=True)
    down = [S("unit_down", "web-a", onset=at(1)), S("http_unreachable", "web-a", onset=at(1)), FAILED]
    vain = [*down, S("unit_fatal", "web-a", onset=at(0))]
    assert not blamed(told(down, pending))
    assert blamed(told(vain, pending)) == [pending.id]


def test_a_cause_elsewhere_is_not_read_out_of_what_names_another_part() -> None:
    turned_away = timed(
        *both("log_auth_failed", text="redis error: WRONGPASS invalid username-password pair"), FAILED
    )
    assert not [h for h in told(turned_away).hypotheses if h.component == "db"]


def test_who_finds_little_in_a_cache_waits_and_hardly_fails() -> None:
    little = S("cache_miss_storm", "cache", text="3 hits, 40 misses")
    failing = timed(little, *both("app_errors"), *both("log_exception"), *both("log_errors"), FAILED)
    slow = timed(little, *both("app_slow"))
    odds = [
        next((h.probability for h in told(states).hypotheses if h.cause == "cache_miss_storm"), 0.0)
        for states in (slow, failing)
    ]
    assert odds[0] > 0.6 > odds[1]


@pytest.mark.parametrize(
    ("old", "new", "elsewhere"),
    [
        ("front", "web", True), ("front", "db", True), ("web", "web-a", False), ("web-a", "web-b", False),
        ("web", "front", True), ("25", "30", False),
    ],
)  # fmt: skip
def test_a_way_leads_elsewhere_where_it_names_another_part_a_group_as_well_as_one(
    old: str, new: str, elsewhere: bool
) -> None:
    change = made(-3, what="front.sent_to", kind="route", part="edge", old=old, new=new)
    nodes = [Node("journey_failed", "edge", True, 0.01, states=[FAILED], is_journey=True)]
    assert wiring.leads_elsewhere(change, GRAPH, nodes) is elsewhere


@pytest.mark.parametrize(
    ("what", "hinted"),
    [
        ("table shop.orders: trigger order_stamp", True), ("table order: column a", True),
        ("table shop.users: trigger user_stamp", False), ("orders.page_size", False),
    ],
)  # fmt: skip
def test_a_table_that_gives_its_name_to_what_fails_is_hinted_at(what: str, hinted: bool) -> None:
    said = "unhandled AssertionError on /api/checkout | api/orders.py:110 in place_order"
    node = Node("log_exception", "web-a", True, 0.01, states=[S("log_exception", "web-a", text=said)])
    assert words.is_hinted(what, [node]) is hinted


def test_an_open_breaker_is_what_its_caller_makes_of_a_part_that_fails_and_no_sign_of_a_third() -> None:
    """A stranger is slow; just before, somebody set a delay where nothing is slower than before."""
    shown = timed(
        *both("log_connect_timeout", text="partner: ReadTimeout: timed out"),
        *both("log_circuit_open", text="partner breaker: open"),
        *both("breaker_open", text="open"),
        *both("log_errors"),
        S("log_errors", "edge"),
        S("app_errors", "edge"),
        FAILED,
        S("config_drift", "front", text="animation_delay: (not set) -> 200"),
    )
    quick = [S("app_slow", "front", False), S("app_slow_tail", "front", False)]
    delay = made(-1, what="animation_delay", kind="config", part="front", old=None, new="200")
    found = told([*shown, *quick], delay)
    assert max((h.probability for h in found.hypotheses if h.component == "front"), default=0.0) < 0.5
    assert found.place[0] in ("partner", "web", "web-a", "web-b")
