"""A change as the cause: by its time, its part, and the kind of sign that it leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.reasoner import COINCIDENCE, Diagnosis, drastic, history
from agent.roles.diagnoser import takes_back
from systems.state.types import RUNTIME, Change
from tests.agent.reasoner.world import FAILED, GRAPH, KINDS, S, both, look

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So long after the trouble began; before it, where negative."""
    return BEGAN + timedelta(seconds=seconds)


def made(
    seconds: float, *, what: str = "role app: connection limit", old: str | None = "30", new: str | None = "2",
    kind: str = "limit", part: str = "db", actor: str = "",
) -> Change:  # fmt: skip
    words = f"{what} changed from {old} to {new}"
    return Change(
        f"{part} {what} {seconds}", part, kind, what, old, new, at(seconds - 2), at(seconds),
        actor=actor, words=words,
    )  # fmt: skip


def timed(*states: S) -> list[S]:
    return [S(s.signal, s.service, s.value, s.text, s.label, s.reading_value, at(1)) for s in states]


FULL = timed(
    S("pg_connections_saturated", "db", label="app", reading_value=100),
    *both("log_too_many_connections"),
    *both("not_ready"),
    FAILED,
)
FAILS = timed(*both("app_errors"), *both("log_errors"), FAILED)


def told(states: list[S], *changes: Change) -> Diagnosis:
    return look(*states, changes=changes, now=at(5))


def blamed(found: Diagnosis) -> list[str]:
    """Whatever is blamed at all by what may lead, the most probable first."""
    return [h.change.id for h in found.hypotheses if h.change is not None and h.probability >= 0.1]


def test_a_change_shortly_before_whose_kind_shows_is_named() -> None:
    lowered = made(-4)
    found = told(FULL, lowered, made(-900, what="work_mem", kind="setting"))
    assert blamed(found) == [lowered.id]
    assert found.hypotheses[0].change is lowered and found.hypotheses[0].probability > COINCIDENCE


@pytest.mark.parametrize(("old", "new", "back"), [("512 MB", "40 MB", True), ("40 MB", "512 MB", False)])
def test_a_named_cause_that_ran_into_a_limit_follows_from_lowering_it(old: str, new: str, back: bool) -> None:
    killed = timed(*(S(name, "consumer") for name in ("oom_killed", "unit_restarting", "exit_nonzero")))
    change = made(-2, what="memory limit", old=old, new=new, part="consumer")
    found = told(killed, change).hypotheses
    named = next(h for h in found if h.cause == "memory_limit_too_low" and h.component == "consumer")
    assert [[s.target for s in path] for path in takes_back(named, [change])] == [["consumer"]] * back


def test_of_two_settings_the_one_whose_name_fits_what_is_said_is_blamed() -> None:
    """A setting is of anything: that it was one says nothing."""
    mismatch = timed(*both("log_type_mismatch"), *both("app_errors"), *both("log_errors"), FAILED)
    encoding = made(-4, what="role app: client_encoding", kind="setting", old=None, new="SQL_ASCII")
    keepalive = made(-6, what="tcp_keepalives_idle", kind="setting", old="7200", new="120")
    found = told(mismatch, keepalive, encoding)
    assert found.hypotheses[0].change is encoding and found.hypotheses[0].probability > COINCIDENCE


def test_what_the_runtime_did_in_answer_is_not_to_blame() -> None:
    again = made(-2, what="run", old=None, new="again", kind="act")
    assert blamed(told(FULL, again)) == [again.id]
    assert blamed(told(FULL, replace(again, actor=RUNTIME))) == []


def test_what_came_after_the_trouble_is_not_to_blame() -> None:
    assert blamed(told(FULL, made(30))) == []


def test_what_our_own_act_changed_is_not_to_blame() -> None:
    act = made(-5, what="restart-db", kind="act", old=None, new="succeeded", actor="ours")
    assert blamed(told(FULL, act, made(-4))) == []


def test_what_had_its_value_again_before_the_trouble_is_not_to_blame() -> None:
    stands, wrong = made(-8), made(-60, what="role app: statement_timeout", old=None, new="2ms", kind="role")
    back = made(-20, what="role app: statement_timeout", old="2ms", new=None, kind="role")
    assert blamed(told(FULL, wrong, back, stands)) == [stands.id]
    assert wrong.id in blamed(told(FULL, wrong)), "it is, as long as it stands"


def test_time_alone_is_shown_and_never_enough() -> None:
    found = told(FAILS, made(-3, part="web-a", kind="flag", what="new_checkout", old="0", new="50"))
    assert found.hypotheses[0].change is not None
    assert 0.2 < found.hypotheses[0].probability <= COINCIDENCE


def test_what_follows_from_a_change_is_told_with_it() -> None:
    """With less allowed, the usual idle sessions are too many: no rival, but what the change led to."""
    idle = timed(S("pg_idle_hog", "db", label="web", reading_value=100))
    lowered = made(-4)
    lead = told([*FULL, *idle], lowered).hypotheses[0]
    assert (lead.component, lead.change) == ("db", lowered)


def test_what_is_said_of_the_trouble_may_name_what_was_changed() -> None:
    """It is no coincidence then, whenever it was; words that anybody uses name nothing."""
    said = 'new row for relation "order_lines" violates check constraint "order_lines_sane"'
    states = timed(*both("app_errors"), *both("log_errors"), S("log_errors", "db", text=said), FAILED)
    rule = made(-40, kind="schema", what="table shop.order_lines: constraint order_lines_sane", old=None)
    other = made(-3, kind="grant", what="table shop.relation: rights of row", old=None)
    found = told(states, rule, other)
    assert found.hypotheses[0].change is rule and found.hypotheses[0].probability > COINCIDENCE
    unnamed = told(FAILS, rule)
    assert all(h.probability <= COINCIDENCE for h in unnamed.hypotheses if h.change is rule)


def test_a_name_that_is_written_apart_is_the_same_name() -> None:
    lowered = made(-4, what="role app: statement_timeout", kind="setting", old=None, new="5ms")
    text = "canceling statement due to statement timeout"
    said = timed(*both("app_errors"), *both("log_errors"), S("log_errors", "db", text=text), FAILED)
    (first, *_) = told(said, lowered, made(-4, what="role app: lock_timeout", kind="limit")).hypotheses
    assert first.change is lowered and first.probability > COINCIDENCE


def test_a_step_of_a_path_is_a_name() -> None:
    """`rate_limit`, of a path of five words of which nobody says three in a row."""
    text = "page / failed: 429 rate limit exceeded"
    said = timed(S("app_errors", "edge"), S("log_errors", "edge", text=text), FAILED)
    limited = made(-4, part="edge", what="rate_limit.per_key.pages", kind="config", old=None, new="0.02")
    other = made(-4, part="edge", what="experiments.per_key.pages", kind="config", old=None, new="0.02")
    (first, *_) = told(said, limited).hypotheses
    assert first.change is limited and first.probability > COINCIDENCE
    assert all(h.probability <= COINCIDENCE for h in told(said, other).hypotheses if h.change is not None)


def test_many_changes_make_it_no_likelier_that_one_of_them_did_it() -> None:
    """Whoever may report changes keeps no repair back with them."""
    broken = timed(
        *both("config_invalid", "web.yaml:3: found character that cannot start any token"),
        *both("log_yaml_error"), *both("unit_down"), *both("exit_nonzero"), *both("http_unreachable"), FAILED,
    )  # fmt: skip
    one, many = (
        [
            made(-700 - n, part="web", kind="deploy", what=f"web {n}", old=None, new=str(n))
            for n in range(count)
        ]
        for count in (1, 12)
    )
    sure = [told(broken, *posted).hypotheses[0] for posted in (one, many)]
    assert [h.key for h in sure] == ["web:config_corrupt"] * 2
    assert sure[1].probability > sure[0].probability - 0.05


def test_a_file_that_cannot_be_read_is_called_so_before_all_else_that_it_brings_has_shown() -> None:
    """What its reading alone defines leads, as what followed from the change; it is no setting that changed."""
    shown = timed(*both("config_invalid"), *both("http_unreachable"), *both("tcp_refused"))
    broken = [
        made(-2, what="web.yaml: text", old="can be read", new="does not parse", kind="config", part=part)
        for part in ("web-a", "web-b")
    ]
    for drift in (both("config_drift", value=None), timed(*both("config_drift", "does not parse"))):
        found = told([*shown, *drift], *broken)
        top = found.hypotheses[0]
        assert (top.component, top.cause, top.change in broken) == ("web", "config_corrupt", True), top
        assert top.probability > COINCIDENCE
        assert all(h.probability < 0.05 for h in found.hypotheses if h.cause == "config_changed")


def test_what_is_only_context_is_shown_neither_for_a_cause_nor_as_unexplained() -> None:
    """What runs or lies idle as always speaks where a runbook asks for it."""
    idle = [S(name, part) for name in ("child_running", "on_standby_path", "proc_idle") for part in KINDS]
    context = {s.signal for s in idle}
    for states, changes in ((FULL, [made(-4)]), (FAILS, [made(-4, part="web-a", kind="config")])):
        plain, beside = told(states, *changes), told([*states, *timed(*idle)], *changes)
        assert blamed(beside) == blamed(plain)
        shown = [e for h in beside.hypotheses for e in (*h.evidence_for, *h.evidence_against)]
        assert shown and not context & {e.signal for e in (*shown, *beside.unexplained)}


SLOW = timed(
    S("app_slow", "web-a", reading_value=6010.0), S("app_slow", "web-b", reading_value=5980.0), FAILED
)
REFUSED = "upstream front failed: refused: 10.0.0.9:81 Connect call failed (attempt 1)"


def both_webs(**given: Any) -> list[Change]:
    return [made(-4, kind="config", part=part, **given) for part in ("web-a", "web-b")]


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("middleware.delay_s", "0", "6.0"),
        ("worker: lockTimeoutMillis", None, "6000"),
        ("grace", "10s", "6s"),
    ],
)
def test_a_time_that_was_set_and_is_measured_is_no_coincidence(what: str, old: str | None, new: str) -> None:
    right = both_webs(what=what, old=old, new=new)
    found = told(SLOW, *right, *both_webs(what="paging.rows", old="10", new="20"))
    assert found.hypotheses[0].change in right and found.hypotheses[0].probability > COINCIDENCE


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("cache.ttl_s", "60", "900"),  # longer, but nobody waits for it
        ("middleware.delay_s", "8", "2"),  # shorter than what is measured
        ("middleware.delay_s", "6", "6.0"),
        ("retries", "0", "6"),  # no time
        ("poll_s", "0", "often"),
    ],
)
def test_another_time_is_one(what: str, old: str | None, new: str) -> None:
    found = told(SLOW, *both_webs(what=what, old=old, new=new))
    assert all(h.probability <= COINCIDENCE for h in found.hypotheses if h.change is not None)


def test_who_gave_up_waiting_says_that_it_took_longer() -> None:
    states = timed(*both("http_timeout", "no answer in 2.5 s"), FAILED)
    for what, fits in (("proxy.delay_s", True), ("proxy.keep_s", False)):
        found = told(states, *both_webs(what=what, old="0", new="30"))
        assert (found.hypotheses[0].probability > COINCIDENCE) is fits, what


@pytest.mark.parametrize(("what", "sure"), [("answers.wait_s", True), ("answers.lines", False)])
def test_a_named_cause_that_rests_on_a_change_is_surer_where_what_was_set_is_measured(
    what: str, sure: bool
) -> None:
    drift = [S("config_drift", part, text=f"{what}: 0 -> 30") for part in ("web-a", "web-b")]
    late = both("http_timeout", "timed out")
    found = told(timed(*drift, *late, FAILED), *both_webs(what=what, old="0", new="30"))
    (lead,) = [h for h in found.hypotheses if h.key == "web:config_changed"]
    assert (lead.probability > 0.9) is sure, lead.probability


def test_what_leads_to_another_part_is_to_blame_for_requests_that_fail() -> None:
    wrong = made(
        -3, part="edge", kind="config", what="pools.web.0", old="http://web-a:80", new="http://front:80"
    )
    assert told([FAILED], wrong).hypotheses[0].probability > COINCIDENCE
    for peer in ("http://web-b:80", "http://web-a:80/v2"):  # a replica, or the same again
        found = told([FAILED], replace(wrong, after=peer))
        assert all(h.probability <= COINCIDENCE for h in found.hypotheses if h.change is not None), peer


def test_an_address_that_came_with_a_change_and_is_tried_since_is_its_sign() -> None:
    states = timed(S("log_upstream_error", "edge", text=REFUSED), FAILED)
    wrong = made(-3, part="edge", kind="config", what="upstream", old="10.0.0.9:80", new="10.0.0.9:81")
    assert told(states, wrong).hypotheses[0].probability > COINCIDENCE
    other = replace(wrong, before="10.0.0.9:81", after="10.0.0.9:80")
    assert all(h.probability <= COINCIDENCE for h in told(states, other).hypotheses if h.change is not None)


def test_whom_a_server_follows_now_is_one_change_with_what_it_became() -> None:
    follows = made(-2, part="cache", kind="route", what="follows", old="nobody", new="10.0.0.9:6379")
    became = made(-2, part="cache", kind="act", what="primary or standby", old=None, new="standby")
    states = timed(S("log_read_only", "shop-1", text="You can't write against a read only replica."), FAILED)
    known = [h.change for h in told(states, follows, became).hypotheses if h.change is not None]
    assert known == [follows]
    alone = [h.change for h in told(states, became).hypotheses if h.change is not None]
    assert alone == [became]
    beside = made(-1, part="cache", kind="setting", what="slowlog-max-len", old="128", new="256")
    (first, *_) = told(states, follows, became, beside).hypotheses
    assert first.change is follows and first.probability > COINCIDENCE


def test_what_runs_as_it_was_written_is_no_second_change() -> None:
    written = made(-3, part="edge", kind="config", what="pools.web.0.name", old="web-a", new="spare")
    runs = made(-2, part="edge", kind="route", what="web.members.spare.name", old=None, new="spare")
    known = [h.change for h in told([FAILED], written, runs).hypotheses if h.change is not None]
    assert known == [written]
    for other in (replace(runs, after="else"), replace(runs, first_new=at(-20), last_old=at(-60))):
        found = [h.change for h in told([FAILED], written, other).hypotheses if h.change is not None]
        assert other in found, "of another value or time it is one"


@pytest.mark.parametrize(
    ("what", "old", "new", "sign"),
    [
        ("session.ttl_s", "1800", "-1", 1),
        ("pool.size", "10", "0", 1),
        ("batch.rows", "100", "100000", 1),
        ("batch.rows", "100", "110", -1),
        ("log.level", "INFO", "DEBUG", -1),
        ("experiments.banner", None, "b", -1),
        ("timeout", "5 s", "5000 ms", 0),  # in other units it says nothing
        ("catalogue", "10", "12.5 MB", 0),
        ("mode", "fast", "safe", 0),
    ],
)
def test_how_drastic_a_change_is_says_how_much_harm_it_may_do(
    what: str, old: str | None, new: str, sign: int
) -> None:
    bits = drastic.bits(made(-3, what=what, old=old, new=new, kind="config", part="web-a"))
    assert (bits > 0) - (bits < 0) == sign


@pytest.mark.parametrize(
    ("kind", "what", "old", "new", "sign"),
    [
        ("schema", "table s.new", None, "owner app", -1),
        ("schema", "table s.a: index i", None, "CREATE INDEX i", -1),
        ("schema", "table s.a: column c", None, "text", -1),
        ("schema", "table s.a: column c", None, "text not null", 1),
        ("schema", "table s.a: column c", None, "text not null default ''", -1),
        ("schema", "table s.a: trigger t", None, "CREATE TRIGGER t", 1),
        ("schema", "table s.a: column c", "text", None, 1),
        ("schema", "table s.a: column c", "text not null", "bytea not null", 1),
        ("schema", "table s.a: column c", "integer", "bigint not null", 1),
        ("schema", "table s.a: column c", "text not null", "text", 0),
        ("schema", "relation no. 16412", "table s.a", "table old.a", 1),
        ("schema", "relation no. 16412", "table s.a: index i", "table s.a: index j", 0),
        ("schema", "table s.a", "owner app", "owner app, row security", 1),
        ("grant", "table s.a: rights of app", "SELECT", "SELECT, TRIGGER", -1),
        ("grant", "table s.a: rights of app", "INSERT, SELECT", "SELECT", 1),
        ("role", "role app", "login", "no login", 1),
        ("role", "role app: valid until", "for ever", "2025-12-31 00:00:00 UTC", 1),
        ("role", "role app: valid until", "for ever", "2036-01-01 00:00:00 UTC", 0),
        ("access", "user default", "on ~* +@all", "on ~* +@all -@write", 1),
        ("access", "user reporting", None, "on ~report:* -@all +get", -1),
        ("release", "releases/api/current", "1.4.2", "1.4.3", 0),
        ("release", "releases/api/current", "1.4.2", "1.5.0 (not there)", 1),
    ],
)
def test_who_takes_away_or_forbids_does_harm_rather_than_who_adds(
    kind: str, what: str, old: str | None, new: str | None, sign: int
) -> None:
    bits = drastic.bits(made(-3, what=what, old=old, new=new, kind=kind))  # type: ignore[arg-type]
    assert (bits > 0) - (bits < 0) == sign


def test_who_stopped_all_of_a_group_is_in_the_story_of_its_being_down() -> None:
    """What helps is known of the part that is down; that it was stopped tells why, and makes it the surer."""
    gone = timed(*both("unit_down", text="STOPPED"), *both("http_unreachable"), *both("not_ready"), FAILED)
    stopped = [made(-1, what="stopped", old=None, new="1", kind="act", part=p) for p in ("web-a", "web-b")]
    first, alone = told(gone, *stopped).hypotheses[0], told(gone).hypotheses[0]
    assert (first.component, first.cause, alone.cause) == ("web", "process_dead", "process_dead")
    assert first.change is not None and first.change.what == "stopped"
    assert first.probability > max(0.9, alone.probability - 0.01)
    long_ago = [made(-60, what="stopped", old=None, new="1", kind="act", part=p) for p in ("web-a", "web-b")]
    back = [made(-40, what="run", old=None, new="17", kind="act", part=p) for p in ("web-a", "web-b")]
    assert blamed(told(gone, *long_ago))
    assert not [c for c in blamed(told(gone, *long_ago, *back)) if "stopped" in c]


def test_a_promise_that_a_member_broke_is_no_second_change_and_one_that_holds_again_is_none() -> None:
    of_one = made(-8, part="web-a", kind="config", what="bank.url", old="a", new="b")
    broken = made(
        -3, part="web", kind="invariant", what="bank.url, on all members", old="alike", new="b on web-a"
    )
    known = [h.change for h in told(FAILS, of_one, broken).hypotheses if h.change is not None]
    assert known == [of_one]
    mended = replace(broken, before="b on web-a", after="alike")
    assert not [h for h in told(FAILS, mended).hypotheses if h.change is not None]


def test_what_led_to_a_named_cause_is_its_story_and_its_last_resort() -> None:
    opened = S("breaker_open", "web-a", label="bank")
    drifted = S("config_drift", "web-a", text="bank.url: http://partner:80 -> http://partner:80/v9")
    said = S("log_circuit_open", "web-a", text="bank breaker open")
    wrong = made(
        -2, part="web-a", kind="config", what="bank.url", old="http://partner:80", new="http://partner:80/v9"
    )
    states = [replace(s, onset=at(n)) for n, s in ((0, drifted), (2, opened), (2, said), (3, FAILED))]
    found = told(states, wrong)
    first = found.hypotheses[0]
    assert first.component == "web-a" and first.probability > 0.6 and first.change is wrong
    tried = [s.action for path in first.paths for s in path]
    assert "restore-config" in tried  # what its setting is mended by, whatever else leads


def test_what_was_over_before_the_trouble_is_not_blamed_for_a_named_cause() -> None:
    lowered = made(-300)
    raised = made(-200, old="2", new="30")
    leader = told(FULL, lowered, raised).hypotheses[0]
    assert leader.change is None or leader.change.id not in (lowered.id, raised.id)


def test_of_a_column_and_what_is_made_of_it_the_column_stands_for_both() -> None:
    of = {"kind": "schema", "part": "db"}
    column = made(-3, what="table s.stock: column held", old="integer", new="text", **of)  # type: ignore[arg-type]
    check = made(-3, what="table s.stock: constraint held_check", old="CHECK ((held >= 0))", new=None, **of)  # type: ignore[arg-type]
    states = timed(
        S("log_errors", "db", text="held_check: operator does not exist: text >= smallint"), FAILED
    )
    (named,) = {h.change.what for h in told(states, check, column).hypotheses if h.change is not None}
    assert named == column.what


def test_a_change_beside_a_surer_cause_that_brings_about_all_it_would_is_a_bystander() -> None:
    """A harmless setting of a page, changed when the database let nobody in, was put back, and the page rolled back."""
    said = 'FATAL: too many connections for role "app"'
    shown = timed(
        *both("log_too_many_connections", text=said), *both("not_ready"), S("app_errors", "front"), FAILED
    )
    wall = timed(S("pg_connections_saturated", "db", label="app", reading_value=100))
    drifted = timed(S("config_drift", "front", text="animation_delay: (not set) -> 200"))
    page = made(-1, what="animation_delay", kind="config", part="front", old=None, new="200")
    found = told([*wall, *shown, *drifted], made(-4), page)
    assert found.hypotheses[0].component == "db" and found.hypotheses[0].probability > 0.6
    beside = [h for h in found.hypotheses if h.component == "front"]
    assert beside and all(h.probability <= COINCIDENCE for h in beside)
    # one that has a sign of its own, which the other does not bring about, is a trouble of its own
    ill = timed(S("proc_stopped", "front"))
    own = told([*wall, *shown, *ill], made(-4))
    assert any(h.component == "front" and h.probability > COINCIDENCE for h in own.hypotheses)


def test_that_a_setting_was_changed_and_what_it_led_to_are_no_rivals_whichever_is_likelier() -> None:
    """A line was set down: that it is cut and that its setting differs had 42 and 40 %, and nobody acted."""
    down = S("link_down", "wire", label="web-db")
    drifted = S("config_drift", "wire", text="edges.web-db.up: true -> false")
    late = [*both("log_connect_timeout"), *both("log_pool_timeout"), *both("not_ready"), FAILED]
    states = [replace(s, onset=at(n)) for n, s in ((0, drifted), (1, down), *((2, s) for s in late))]
    wrong = made(-1, part="wire", kind="config", what="edges.web-db.up", old="true", new="false")
    found = told(states, wrong)
    first, *rest = found.hypotheses
    assert first.component == "wire" and first.cause in ("edge_down", "config_changed")
    assert first.probability > 0.6 and first.change == wrong
    assert not [h for h in rest if h.component == "wire" and h.probability > 0.1]


def test_of_what_was_changed_in_one_go_it_is_the_table_that_was_moved_and_not_where_to() -> None:
    """The new schema was blamed, which nothing takes back, and a table was to be restored that was all there."""
    of = {"kind": "schema", "part": "db"}
    where = made(-20, what="schema legacy", old=None, new="owner app", **of)  # type: ignore[arg-type]
    moved = made(-20, what="relation no. 16412", old="table s.stock", new="table legacy.stock", **of)  # type: ignore[arg-type]
    states = timed(S("pg_tables_missed", "db"), S("pg_table_missing", "db"), FAILED)
    for together in ((where, moved), (moved, where)):
        first = told(states, *together).hypotheses[0]
        assert (first.component, first.change) == ("db", moved)
        assert takes_back(first, together)[0][0].params == {"change": moved.id}


def test_what_is_written_and_counts_from_the_next_start_on_is_no_cause() -> None:
    """A link pointed to another release, which nobody had started; it was rolled back for a page's error."""

    def likely(kind: str, signal: str, cause: str, *, pending: bool, unread: tuple[str, ...] = ()) -> float:
        drifted = S(signal, "web-a", text="1.4.2 -> 1.4.3", onset=at(-60))
        moved = made(-60, part="web-a", kind=kind, what="current", old="1.4.2", new="1.4.3")
        written = replace(moved, pending=pending)
        found = look(drifted, *FAILS, changes=[written], now=at(5), unread=unread).hypotheses
        return max((h.probability for h in found if h.cause in (cause, "change")), default=0.0)

    variable = ("env", "env_drift", "env_changed")
    assert likely(*variable, pending=False) > 0.2, "it may be, once it is in effect"
    assert likely(*variable, pending=True) < 0.05
    # a page that is served from where a link points needs no start for it: less, and far from acting
    release = ("release", "release_changed", "bad_release")
    assert likely(*release, pending=True) < likely(*release, pending=False)
    assert likely(*release, pending=True) < 0.4
    # whose starts are not seen may have been started
    unseen = likely(*variable, pending=True, unread=("web-a",))
    assert unseen == likely(*variable, pending=False, unread=("web-a",))


def test_of_a_limit_and_a_setting_of_one_command_the_limit_that_fell_far_leads() -> None:
    """The cache keeps all and may have little: with the policy put back first it would have thrown nearly all out."""
    said = "redis error: command not allowed when used memory > 'maxmemory'."
    states = timed(*both("log_store_full", text=said), *both("app_errors"), *both("not_ready"), FAILED)
    kept = made(
        -3, part="cache", kind="setting", what="maxmemory-policy", old="allkeys-lru", new="noeviction"
    )
    little = made(-3, part="cache", kind="limit", what="maxmemory", old="50331648", new="655360")
    near = made(
        -2, part="cache", kind="crossing", what="memory of Redis", old="below its limit", new="near its limit"
    )
    (blames,) = {h.change for h in told(states, kept, little, near).hypotheses if h.change is not None}
    assert blames is little
    first = told(states, near, kept, little).hypotheses[0]
    assert first.probability > COINCIDENCE
    assert [[s.params["change"] for s in path] for path in takes_back(first, [kept, little])] == [
        [little.id],
        [kept.id],
        [little.id, kept.id],
    ]


def test_the_start_by_which_a_setting_came_to_count_is_no_second_change() -> None:
    """A worker had another address and was started anew: that it was started had 47 %, and nobody acted."""
    at_once = made(-2, part="consumer", kind="act", what="run", old=None, new="1795957894.3")
    moved = made(
        -1, part="consumer", kind="env", what="DATABASE_URL", old="postgresql://db/a", new="postgresql://db/b"
    )
    states = timed(S("log_errors", "consumer"), S("log_pool_timeout", "consumer"))
    both_ = {h.change for h in told(states, at_once, moved).hypotheses if h.change is not None}
    assert both_ == {moved}
    alone = {h.change for h in told(states, at_once).hypotheses if h.change is not None}
    assert alone == {at_once}, "where nothing was written it may be the start itself"


def test_a_value_from_before_does_no_harm_but_for_one_that_was_brought_in_and_taken_back() -> None:
    """The same wrong address, written a second time, was told to be what had always been so."""
    first, back, second = made(-90), made(-60, old="2", new="30"), made(-4)
    assert history.is_put_back(back, [first, back, second])
    assert not history.is_put_back(second, [first, back, second])


def test_whose_a_link_s_target_is_follows_from_where_it_points() -> None:
    """A release that leads nowhere was named by the permissions of the link itself, which nobody had set."""
    of: dict[str, Any] = {"part": "front", "old": "rwxr-xr-x", "new": "rwxrwxrwx"}
    points = made(-3, what="releases/current: points to", kind="release", part="front", old="1", new="2")
    rights = made(-3, what="releases/current: permissions", kind="file", **of)
    alone = made(-3, what="releases/other: permissions", kind="file", **of)
    found = [c for go, _ in history.together([points, rights, alone], GRAPH) for c in go]
    assert points in found and alone in found and rights not in found


def test_a_change_that_a_runbook_names_and_nobody_feels_is_no_cause_of_what_is_elsewhere() -> None:
    """Two parts were near a limit that had been lowered; a page's animation, which nobody found slow, was put back."""
    near = [
        S("rss_near_limit", part, text="77 of 40 MB", onset=at(0), reading_value=192.0)
        for part in ("web-a", "web-b")
    ]
    drifted = S("config_drift", "front", text="animation_delay: (not set) -> 200", onset=at(-1))
    page = made(-1, what="animation_delay", kind="config", part="front", old=None, new="200")
    limits = [made(-1, what="memory limit", part=p, old="160 MB", new="40 MB") for p in ("web-a", "web-b")]
    found = told([*near, drifted], page, *limits)
    assert found.hypotheses[0].component == "web" and found.hypotheses[0].probability > 0.6
    felt = told([drifted, *timed(S("http_slow", "front", text="230 ms"))], page)
    assert (felt.hypotheses[0].component, felt.hypotheses[0].cause) == ("front", "artificial_delay")


def test_a_limit_that_was_raised_is_not_what_runs_out() -> None:
    """A part had too few open files; a store that it calls may have more clients since, and that was put back."""
    out = timed(
        S("log_too_many_files", "web-a", text="accept() out of system resource"),
        S("app_errors", "web-a"),
        FAILED,
    )
    raised = made(-1, what="maxclients", part="cache", old="500", new="600")
    own = made(-1, what="open files", part="web-a", old="20000", new="4")
    found = told(out, raised, own).hypotheses
    assert found[0].component == "web-a" and found[0].probability > 0.6
    assert all(h.probability < 0.1 for h in found if h.component == "cache")
    assert drastic.bits(raised) < 0 <= drastic.bits(replace(raised, before="600", after="50"))


@pytest.mark.parametrize(("started", "leads"), [(-1.0, True), (6.0, False)])
def test_what_counts_from_a_start_on_is_no_cause_of_what_was_there_before_it(
    started: float, leads: bool
) -> None:
    """Replicas were started one after the other with another release, in which nothing was; the cache had let nobody in
    for five seconds by then."""
    wrong = [
        S("log_auth_failed", p, text="invalid username-password pair", onset=at(0))
        for p in ("web-a", "web-b")
    ]
    seen = [S("release_changed", p, text="1.4.2 -> 1.4.3", onset=at(-1)) for p in ("web-a", "web-b")]
    late = [replace(s, onset=at(1)) for s in (FAILED, *both("app_errors"))]
    changes = [
        replace(made(-1, what="current: points to", kind="release", part=p), effective_at=at(started))
        for p in ("web-a", "web-b")
    ]
    odds = [h.probability for h in told([*wrong, *seen, *late], *changes).hypotheses if h.component == "web"]
    assert (max(odds, default=0.0) > 0.6) is leads


def test_who_refuses_others_by_name_does_not_do_so_for_the_rights_of_one_whom_nobody_names() -> None:
    """A user that goes away keeps nobody out but himself."""
    pair = "invalid username-password pair or user is disabled"
    gone = made(-4, what="user reporting", kind="access", old="on ~report:* +get", new=None, part="cache")
    mine = made(-4, what="user default", kind="access", old="on ~* +@all", new="off", part="cache")
    unnamed = timed(*both("log_auth_failed", text=f"redis error: {pair}"), FAILED)
    refused = timed(S("redis_login_refused", "cache", text=f'{pair}, as user "default"'))
    assert blamed(told(unnamed, gone)) == [gone.id]  # it may be
    found = told([*unnamed, *refused], gone)
    assert blamed(found) == []
    assert (found.hypotheses[0].cause, found.hypotheses[0].component) == ("cache_login_refused", "cache")
    assert takes_back(found.hypotheses[0], [gone]) == []
    assert blamed(told([*unnamed, *refused], gone, mine)) == [mine.id]


def test_a_probe_that_still_waits_has_not_found_that_all_is_answered() -> None:
    """What was read before the first sign says nothing of since."""
    stopped = S("proc_stopped", "front", onset=at(0))
    odds = [
        told([stopped, S("http_timeout", "front", False, fresh=at(read))]).hypotheses[0].probability
        for read in (-0.5, 1.0)
    ]
    assert 1 - odds[0] < (1 - odds[1]) / 3


def test_that_there_is_room_again_breaks_nothing() -> None:
    room = made(
        -2, part="cache", kind="crossing", what="memory of Redis", old="near its limit", new="below its limit"
    )
    assert blamed(told(timed(*both("app_slow"), FAILED), room)) == []


def test_what_was_brought_in_a_while_ago_and_is_gone_again_is_no_great_loss() -> None:
    """A view that was there for two minutes, and callers who wait: its end takes nothing away that was needed."""
    view = {"kind": "schema", "what": "view shop.sales_by_day"}
    came, went = made(-160, **view, old=None, new="owner app"), made(-6, **view, old="owner app", new=None)
    slow = timed(*both("app_slow_tail"), *both("requests_waiting"), S("journey_slow", "edge"))
    (alone,) = [h for h in told(slow, went).hypotheses if h.change is went]
    after = [h.probability for h in told(slow, came, went).hypotheses if h.change is went]
    assert max(after, default=0.0) <= COINCIDENCE < alone.probability


def test_a_change_of_who_calls_may_be_behind_a_client_that_takes_it_all() -> None:
    """A job's rate was raised: who is turned away suffers at the door, and the job's own part is well."""
    states = timed(
        S("rate_limited", "edge", label="status_429"), S("client_hog", "edge", label="traffic-17"),
        S("turned_away", "edge"), FAILED,
    )  # fmt: skip
    raised = made(-3, part="traffic", kind="config", what="jobs.traffic-sync.rps", old="5", new="60")
    other = made(-3, part="db", kind="setting", what="work_mem", old="4MB", new="8MB")
    lead = told(states, raised, other).hypotheses[0]
    assert (lead.cause, lead.change) == ("quota_hog", raised)
    assert lead.change_bits > 0


def test_of_a_half_applied_migration_no_single_change_is_taken_back() -> None:
    """The column alone would have its old name again, and the schema would still be dirty."""
    column = made(-3, kind="schema", what="table shop.orders: column total", old="total numeric", new=None)
    dirty = [
        S("part_not_ready", n, label="schema", text="schema 7 dirty, code expects 6")
        for n in ("web-a", "web-b")
    ]
    states = timed(
        *dirty, *both("log_column_missing"), S("log_column_missing", "db"), *both("not_ready"), FAILED
    )
    lead = told(states, column).hypotheses[0]
    assert (lead.key, lead.change) == ("db:migration_half_applied", column)
    assert [step.action for path in lead.paths for step in path] == [
        "roll-back-migration", "run-migrations", "restore-db"
    ]  # fmt: skip
    assert takes_back(lead, [column]) == []


def test_what_began_under_a_setting_that_is_back_is_started_anew() -> None:
    """Threads that wait without an end wait on, whatever the file says by now."""
    setting = {"part": "web-a", "kind": "config", "what": "partner.timeout_s"}
    never = made(-5, **setting, old="2.0", new="null")
    waits = timed(S("http_timeout", "web-a"), S("not_ready", "web-a", text="timeout"), FAILED)
    (before,) = [h for h in told(waits, never).hypotheses if h.change is never]
    assert takes_back(before, [never])[0][0].action == "revert-change"
    back = made(4, **setting, old="null", new="2.0", actor="ours")
    (after,) = [h for h in told(waits, never, back).hypotheses if h.change is never]
    assert [(s.action, s.target) for p in takes_back(after, [never, back]) for s in p] == [
        ("restart-service", "web-a")
    ]


def test_a_named_cause_that_is_measured_leads_the_change_however_long_ago_that_was() -> None:
    """Hardly anybody needs the table, so that its loss is felt a minute later; there is more to be done about it."""
    gone = made(-65, kind="schema", what="table shop.coupons", old="owner app", new=None)
    text = 'relation "shop.coupons" does not exist'
    words = timed(S("log_relation_missing", "web-a", text=text), S("log_relation_missing", "db", text=text))
    measured = S("pg_table_missing", "db", onset=at(-64))
    lead = told([measured, *words], gone).hypotheses[0]
    assert (lead.key, lead.change) == ("db:table_missing", gone)


@pytest.mark.parametrize(
    ("what", "follows"), [("jobs.resize.pattern", True), ("jobs.invoice.pattern", False)]
)
def test_a_job_that_runs_away_follows_from_a_change_of_its_own_settings(what: str, follows: bool) -> None:
    """Not a rival of it: it is named, and to take that back is a path of it."""
    hot = timed(S("child_cpu_hot", "cron", text="pid=4711", label="resize", reading_value=99))
    change = made(-4, what=what, old="^a$", new="^(a+)+$", kind="config", part="cron")
    found = told(hot, change).hypotheses
    named = next(h for h in found if h.cause == "runaway")
    assert (named.change is change) is follows
    assert any(h.kind == "change" for h in found) is not follows


def test_what_was_changed_alike_on_each_replica_goes_back_together_though_its_file_is_called_by_the_replica() -> (
    None
):
    first, second = (
        made(0, what=f"etc/{name}.yaml: text", old="can be read", new=f"does not parse ({name}.yaml:24)",
             kind="config", part=name)
        for name in ("web-1", "web-2")
    )  # fmt: skip
    other = made(
        0, what="etc/other.yaml: text", old="can be read", new="does not parse", kind="config", part="web-2"
    )
    alike, _ = history.go_of(first, [first, second, other], ("web-1", "web-2"))
    assert alike == [first, second]


def test_what_follows_from_a_change_of_a_whole_group_is_the_cause_of_the_whole_group() -> None:
    """Though one of its replicas happens to show a sign more."""
    signs = ("unit_down", "unit_fatal", "exit_nonzero", "tcp_refused", "http_unreachable", "not_ready")
    dead = timed(*(state for sign in signs for state in both(sign)), S("crash_looping", "web-a"), FAILED)
    changes = [
        made(-3, what="API_KEY", old="a", new="b", kind="env", part=part) for part in ("web-a", "web-b")
    ]
    found = told(dead, *changes).hypotheses[0]
    assert (found.component, found.cause) == ("web", "process_dead")


def test_what_was_changed_of_one_list_goes_back_together_and_what_is_left_of_a_go_is_not_forgotten() -> None:
    """One of two members of a pool by its old name, at the address of another one, is neither."""
    name, url, first = (
        made(-3, part="consumer", kind="config", what=f"pools.api.members.{of}", old=f"old {of}", new=f"new {of}")
        for of in ("1.name", "1.url", "0.url")
    )  # fmt: skip
    other = made(-3, part="consumer", kind="config", what="pools.web.retries", old="1", new="2")
    wrong = timed(
        S("not_ready", "consumer"), S("log_errors", "consumer", text="pools.api.members.1.name: no route")
    )
    lead = told(wrong, name, url, first, other).hypotheses[0]
    assert lead.kind == "change" and lead.change is not None and lead.change.what.startswith("pools.api")
    lead = replace(lead, change=name)
    paths = [[s.params["change"] for s in p] for p in takes_back(lead, [name, url, first, other])]
    assert paths == [[name.id, url.id, first.id], [other.id], [name.id, url.id, first.id, other.id]]
    back = replace(name, id="back", before=name.after, after=name.before, last_old=at(4), first_new=at(5))
    left = takes_back(lead, [name, url, first, other, back])
    assert [s.params["change"] for s in left[0]] == [url.id, first.id, other.id]
