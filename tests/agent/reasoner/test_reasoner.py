"""What the inference promises: victims go free, gaps are not held against anybody, the unknown stays unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.reasoner import SystemGraph, diagnose, selftest, spread
from agent.reasoner.board import arrange
from agent.reasoner.causes import build, can_be
from agent.reasoner.infer import PAIR_POOL, infer
from incidents.signals import CATALOG
from knowledge.spec import RunbookSpec
from systems.manifest import parse_manifest
from systems.runtimes.fake import FakeRuntime
from systems.services import LoadedSystem
from tests.agent.reasoner.test_cases import CASES
from tests.agent.reasoner.world import FAILED, GRAPH, SPECS, S, both, evidence, look


def test_nothing_wrong_is_none() -> None:
    found = look()
    assert found.hypotheses == ()
    assert found.none_probability == pytest.approx(1.0)
    assert found.next_check is None


def test_victims_are_not_blamed() -> None:
    """Everything that calls the dead database suffers; only the database is named."""
    found = look(*CASES["the database is dead"][1])
    assert [h.component for h in found.leading] == ["db"]
    assert all(h.probability < 0.1 for h in found.hypotheses if h.component != "db")


def test_who_reads_what_a_part_writes_lacks_work_or_gets_bad_work_and_is_not_refused() -> None:
    kinds = {"edge": "proxy", "web": "http", "packer": "worker"}
    needs = {"edge": ["web"], "packer": ["web"]}
    graph = SystemGraph(kinds, needs, artefacts={("packer", "web"): "orders"})
    shown = [S(signal, name) for signal in ("tcp_refused", "heartbeat_stale") for name in ("edge", "packer")]
    board = arrange([*shown, S("traffic_surge", "web")], CATALOG)

    def reached(part: str) -> set[tuple[str, str]]:
        return {(node.signal, node.service) for node, _, _ in spread.reach(graph, board, (part,))}

    assert reached("web") == {
        ("tcp_refused", "edge"), ("heartbeat_stale", "edge"), ("heartbeat_stale", "packer"), ("traffic_surge", "web")
    }  # fmt: skip
    assert ("traffic_surge", "web") in reached("edge"), "it calls it: what it puts in shows there"
    assert ("traffic_surge", "web") not in reached("packer")


def test_two_faults_at_once_are_a_pair() -> None:
    found = look(
        S("external_down", "partner"),
        *both("log_upstream_error"),
        S("unit_down", "consumer"),
        S("unit_fatal", "consumer"),
        S("exit_nonzero", "consumer"),
        S("heartbeat_stale", "consumer"),
        FAILED,
    )
    assert {h.key for h in found.leading} == {"partner:down", "consumer:process_dead"}
    assert found.leading[0].together_with == (f"{found.leading[1].component}:{found.leading[1].cause}",)
    assert min(h.probability for h in found.leading) > 0.8


def test_a_cause_that_explains_is_enough() -> None:
    """The wait is explained by the lock; a second cause that would explain it too gains nothing."""
    found = look(*CASES["waiting for a lock"][1])
    assert len(found.leading) == 1
    assert all(h.probability < 0.1 for h in found.hypotheses[1:])


def test_same_cause_on_all_replicas_is_the_groups_and_on_one_is_its_own() -> None:
    whole = look(*CASES["both replicas dead"][1]).hypotheses[0]
    assert (whole.component, whole.members) == ("web", ("web-a", "web-b"))
    one = look(*CASES["one replica dead"][1]).hypotheses[0]
    assert (one.component, one.members) == ("web-b", ("web-b",))


def test_what_could_not_be_read_is_not_held_against_a_cause() -> None:
    said = [S("log_auth_failed", "db", text='user "app"'), *both("not_ready"), FAILED]
    blind = look(*said, unread=["consumer", "cron", "front"])
    told = look(*said)
    assert blind.hypotheses[0].cause == told.hypotheses[0].cause == "app_credentials_mismatch"
    texts = [e.text for e in blind.hypotheses[0].evidence_against]
    assert not any("consumer" in t for t in texts)


def test_a_leak_that_kills_is_named_where_no_configuration_is_watched() -> None:
    """As in a system that was adopted: a cause that would need a changed setting is not the better guess."""
    signs = "rss_growing rss_near_limit oom_killed unit_restarting exit_nonzero http_unreachable tcp_refused"
    states = [
        state
        for state in evidence(*(S(sign, "front") for sign in signs.split()), FAILED)
        if state.signal.partition("_")[0] not in ("config", "env", "release")
    ]
    found = diagnose(SPECS, GRAPH, states, catalog=CATALOG)
    top = found.hypotheses[0]
    assert top.key == "front:memory_leak", [(h.key, round(h.probability, 2)) for h in found.hypotheses[:4]]
    assert top.probability > 0.8


def test_an_uncovered_fault_ends_as_unknown() -> None:
    """Symptoms no runbook puts together: no cause is forced on them."""
    for states in (
        [S("redis_save_failing", "cache"), S("log_certificate", "edge"), S("log_type_mismatch", "front")],
        [S("log_decode_error", "web-a"), S("log_read_only", "web-a")],
        [FAILED],
    ):
        found = look(*states)
        assert found.is_unknown, [(h.key, h.probability) for h in found.hypotheses[:3]]


def test_unexplained_symptoms_are_named() -> None:
    found = look(*CASES["a frozen frontend"][1], S("log_read_only", "cron"))
    assert [(e.signal, e.service) for e in found.unexplained] == [("log_read_only", "cron")]


def test_evidence_says_why_in_words_and_bits() -> None:
    top = look(*CASES["a job leaks connections"][1]).hypotheses[0]
    assert [e.bits for e in top.evidence_for] == sorted((e.bits for e in top.evidence_for), reverse=True)
    assert any("nightly holds 12 %" in e.text for e in top.evidence_for)
    assert all(e.bits < 0 for e in top.evidence_against)
    assert "nightly holds 12" in top.summary
    assert {e.source for e in top.evidence_for} >= {"metric", "log", "probe"}


def test_steps_are_filled_from_what_was_measured() -> None:
    leak = look(*CASES["a job leaks connections"][1]).hypotheses[0]
    first = leak.paths[0]
    assert (first[0].action, first[0].target, first[0].params) == (
        "kill-idle-connections",
        "db",
        {"application": "nightly"},
    )
    assert first[1].params == {"job": "nightly"}
    worker = look(*CASES["the consumer is dead"][1]).hypotheses[0]
    assert [s.action for s in worker.paths[0]] == ["restart-service", "requeue-inflight"]
    web = look(*CASES["both replicas dead"][1]).hypotheses[0]
    assert [(s.action, s.target) for s in web.paths[0]] == [("restart-service", "web")]


def test_a_parameter_the_evidence_does_not_name_stays_empty() -> None:
    """`{prefix}*` must never become `*`."""
    found = look(S("consistency_broken", "cache", text="something is off")).hypotheses[0]
    patterns = [s.params.get("pattern") for path in found.paths for s in path if "pattern" in s.params]
    assert patterns == [""]


def test_noise_calls_for_no_action() -> None:
    top = look(*CASES["noise in the log"][1]).hypotheses[0]
    assert (top.cause, top.paths, top.severity) == ("log_noise", (), "low")


def test_log_noise_is_ruled_out_by_one_failed_journey() -> None:
    found = look(*CASES["noise in the log"][1], FAILED)
    assert not found.hypotheses or found.hypotheses[0].cause != "log_noise"


def test_a_check_is_asked_when_it_would_tell_rivals_apart() -> None:
    """Logins fail in one service's log: is it the password, or noise? Trying to log in tells."""
    found = look(S("log_auth_failed", "web-a", text='user "app"'), S("not_ready", "web-a"), FAILED)
    assert found.next_check is not None
    assert (found.next_check.signal, found.next_check.service) == ("pg_login_failed", "db")
    yes = look(
        S("log_auth_failed", "web-a", text='user "app"'),
        S("not_ready", "web-a"),
        FAILED,
        S("pg_login_failed", "db"),
    )
    no = look(
        S("log_auth_failed", "web-a", text='user "app"'),
        S("not_ready", "web-a"),
        FAILED,
        S("pg_login_failed", "db", value=False),
    )

    def odds(diagnosis: object) -> float:
        found = [h.probability for h in diagnosis.hypotheses if h.cause == "app_credentials_mismatch"]  # type: ignore[attr-defined]
        return found[0] if found else 0.0

    assert odds(yes) > 0.9 > odds(no)


def test_an_answered_check_is_not_asked_again() -> None:
    found = look(*CASES["the path to the database is cut"][1], S("link_direct_ok", "wire", value=False))
    assert all((c.signal, c.service) != ("link_direct_ok", "wire") for c in found.next_checks)


def test_past_incidents_may_tip_a_balance_but_not_decide() -> None:
    states = CASES["a cache without limit"][1]
    told = look(*states, boosts={"web-b:config_changed": 99.0})
    assert told.hypotheses[0].cause == "unbounded_session_cache"
    plain = look(*CASES["a runaway job"][1])
    more = look(*CASES["a runaway job"][1], boosts={"cron:runaway": 1.0})
    assert more.hypotheses[0].probability > plain.hypotheses[0].probability


def test_learnt_counts_move_a_weight() -> None:
    states = [s for s in CASES["a frozen frontend"][1] if s.signal != "proc_stopped"]
    before = look(*states).hypotheses[0].probability
    after = look(*states, learned={("process_hung", "proc_stopped"): (0.0, 60.0)}).hypotheses[0].probability
    assert after > before


def test_priors_can_be_replaced() -> None:
    found = look(*CASES["a runaway job"][1], priors={"runaway": 0.0001})
    assert found.hypotheses[0].probability < look(*CASES["a runaway job"][1]).hypotheses[0].probability


def test_a_manifests_links_and_groups_are_understood() -> None:
    class Thing:
        def __init__(self, **facts: object) -> None:
            self.__dict__.update(facts)

    services = {
        "a-1": Thing(kind="http", group="a", depends_on=["pg"]),
        "a-2": Thing(kind="http", group="a", depends_on=["pg"]),
        "pg": Thing(kind="postgres", group=None, depends_on=[]),
        "net": Thing(kind="link", group=None, depends_on=[]),
    }
    link = Thing(name="a-pg", service="net", source="a-1", target="pg")
    graph = SystemGraph.of(Thing(services=services, manifest=Thing(links=[link])))
    assert graph.groups == {"a": ["a-1", "a-2"]}
    assert graph.links == {"pg": {"net"}}
    assert graph.callers(["net"]) == {"a-1": 1}
    assert graph.callers(["pg"]) == {"a-1": 1, "a-2": 1}


def test_cycles_in_the_graph_end() -> None:
    graph = SystemGraph({"a": "http", "b": "http"}, {"a": {"b"}, "b": {"a"}})
    assert graph.callers(["a"]) == {"b": 1}
    assert diagnose(SPECS, graph, [S("unit_down", "a")], catalog=CATALOG).hypotheses


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.id)
def test_every_seed_passes_its_self_test(spec: RunbookSpec) -> None:
    assert selftest.check(spec, SPECS, catalog=CATALOG) == []


def test_the_self_test_notices_a_runbook_that_cannot_win() -> None:
    twin = SPECS[0].model_copy(update={"id": "twin", "prior": SPECS[0].prior / 4})
    assert selftest.check(twin, SPECS, catalog=CATALOG)


def test_pairs_are_pruned_so_that_many_causes_stay_cheap() -> None:
    """Everything broken at once with 55 causes: only pairs of the best singles are scored."""
    states = evidence(*(s for _, case in CASES.values() for s in case))
    many = [s.model_copy(update={"id": f"{s.id}_{n}"}) for n in range(3) for s in SPECS]
    board = arrange(states, CATALOG)
    causes = build(many, GRAPH, board, priors={}, boosts={}, learned={})
    scored = infer(causes, board)
    assert len(causes) > 3 * PAIR_POOL
    assert len(scored.sets) <= 2 + len(causes) + (PAIR_POOL + 1) * PAIR_POOL // 2
    assert sum(p for _, p in scored.sets) == pytest.approx(1.0)


def test_what_the_manifest_gives_a_service_nothing_for_is_no_candidate() -> None:
    """A Postgres without an environment file: it can't have changed. Where one exists and was not read, it may have."""
    manifest = parse_manifest(
        "system: tiny\nservices:\n"
        "  db: {kind: postgres}\n"
        "  web: {kind: http, depends_on: [db], env: {file: a, golden: b}}\n"
    )
    system = LoadedSystem(manifest, Path("/nowhere"), FakeRuntime(manifest.services))
    states = [S("log_errors", "db"), S("log_auth_failed", "db"), S("journey_failed", "web")]
    states += [S("log_errors", "web"), S("env_drift", "web", None)]
    board, graph = arrange(states, CATALOG), SystemGraph.of(system)
    changed = next(s for s in SPECS if s.id == "env_changed")
    assert not can_be(changed, ("db",), graph, board)
    assert can_be(changed, ("web",), graph, board)
    thought = {(h.component, h.cause) for h in diagnose(SPECS, system, states, catalog=CATALOG).hypotheses}
    assert not [c for c in thought if c[1] in ("bad_release", "config_changed", "env_changed")]


def test_a_cause_that_a_whole_group_shows_is_not_one_on_a_replica_as_well() -> None:
    text = "web.yaml:3: found character that cannot start any token"
    whole = look(*both("config_invalid", text), *both("http_unreachable"), FAILED)
    one = look(S("config_invalid", "web-a", text=text), *both("http_unreachable"), FAILED)
    on = [{h.component for h in found.hypotheses if h.cause == "config_corrupt"} for found in (whole, one)]
    assert on[0] == {"web"} and "web-a" in on[1]


def test_that_something_was_changed_is_no_rival_of_what_just_that_change_makes() -> None:
    drift = both("config_drift", "middleware.delay_s: 0 -> 6.0")
    found = look(*drift, *both("app_slow"), S("journey_slow", "edge"))
    assert found.hypotheses[0].key == "web:artificial_delay"
    assert all(h.cause != "config_changed" for h in found.hypotheses if h.component == "web")
    unlike = look(*both("config_drift", "paging.rows: 10 -> 0"), *both("app_slow"), S("journey_slow", "edge"))
    assert any(h.key == "web:config_changed" for h in unlike.hypotheses)


def test_nobody_can_say_early_that_nothing_else_is_wrong() -> None:
    """Errors are written before customers feel them."""
    states = CASES["noise in the log"][1]
    early, late = look(*states, settled=0.1), look(*states, settled=1.0)
    noise = [
        max(h.probability for h in found.hypotheses if h.cause == "log_noise") for found in (early, late)
    ]
    assert noise[0] < 0.6 < noise[1]
    assert any("too early" in e.text for e in early.hypotheses[0].evidence_against)


def test_work_that_fails_is_no_noise() -> None:
    signs = [S("log_errors", "consumer"), S("log_exception", "consumer"), S("log_traceback_new", "consumer")]
    assert look(*signs).hypotheses[0].cause == "log_noise"
    found = look(*signs, S("work_failing", "consumer"))
    assert all(h.cause != "log_noise" for h in found.leading)


def test_a_breaker_that_tries_in_vain_is_not_stuck() -> None:
    signs = [
        S("breaker_open", "web-a", label="upstream_breaker"),
        S("log_circuit_open", "web-a"),
        S("direct_ok", "partner"),
        FAILED,
    ]
    assert look(*signs).hypotheses[0].cause == "breaker_stuck_open"
    for still in (S("breaker_tries", "web-a"), S("log_connect_timeout", "web-a", text="partner timed out")):
        assert all(h.cause != "breaker_stuck_open" for h in look(*signs, still).leading)


def test_what_works_harder_than_ever_does_not_hang() -> None:
    signs = [S("redis_unreachable", "cache", text="timeout"), *both("app_slow"), FAILED]
    assert look(*signs).hypotheses[0].key == "cache:process_hung"
    assert all(h.cause != "process_hung" for h in look(*signs, S("cpu_busier", "cache")).leading)


def test_what_one_cause_explains_another_need_not_explain_as_well() -> None:
    """Each symptom is brought about by one of two causes: a dozen that one accounts for do not add up to the other."""
    fails = [S(signal, "edge") for signal in ("app_errors", "log_upstream_error", "log_errors", "app_slow")]
    signs = [S("external_down", "partner"), *both("log_upstream_error"), *both("app_errors"), *fails, FAILED]
    found = look(*signs, S("config_drift", "edge", text="rate_limit.burst: 60 -> 66"))
    assert [h.key for h in found.leading] == ["partner:down"]


def test_a_setting_of_who_uses_a_cache_is_felt_in_it() -> None:
    """A lifetime of nothing: who fills the cache is well, and so are its callers."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    told = "cache.ttl_s: 300 -> 0"
    drifts = [S("config_drift", name, text=told, onset=at) for name in ("web-a", "web-b")]
    found = look(S("cache_miss_storm", "cache", onset=at + timedelta(seconds=1)), *drifts)
    assert found.hypotheses[0].key == "web:config_changed"
    assert found.hypotheses[0].probability > 0.6
