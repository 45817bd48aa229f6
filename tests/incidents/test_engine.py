"""Hold, hysteresis, unknown against false, and everything that must not raise an alarm."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.picture import taken
from incidents.signals import CATALOG
from incidents.signals.adaptive import Baseline, Busy, Dried, Dropped, Slope
from incidents.signals.base import ALWAYS, Hold, Signal
from incidents.signals.detectors import Above, Memory, Rising, Sample, Verdict
from incidents.signals.judging.engine import GIVE_UP_S, Engine
from incidents.signals.judging.keys import Keys
from incidents.signals.judging.logscan import Scanner
from incidents.signals.judging.quiet import SETTLE_S, Quiet
from systems.readings import Reading
from tests.incidents.conftest import Ticker, load_bakery

DOWN = Reading("oven-1", "http.ok", 0, "refused")
SLOW = Reading("oven-1", "http.ok", 0, "timeout")


def test_refused_opens_at_the_second_look_and_clears_with_hysteresis(tick: Ticker) -> None:
    assert tick(DOWN) == []
    assert tick(DOWN) == ["+http_unreachable@oven-1"]
    assert tick(DOWN, times=5) == []
    assert tick() == []
    assert tick(DOWN) == []  # not over yet: still the same symptom
    assert tick() == []
    assert tick() == ["-http_unreachable@oven-1"]


def test_a_timeout_now_and_then_is_no_symptom(tick: Ticker) -> None:
    for _ in range(20):
        assert tick(SLOW, times=2) == []
        assert tick(times=2) == []
    assert tick(SLOW, times=3) == ["+http_timeout@oven-1"]


def test_unreadable_is_unknown_and_not_false(tick: Ticker) -> None:
    assert tick.value("http_unreachable", "oven-1") is False
    blind = Reading("oven-1", "http.ok", None, "no answer")
    tick(blind)
    assert tick.value("http_unreachable", "oven-1") is False
    tick(blind)
    assert tick.value("http_unreachable", "oven-1") is None


def test_never_read_is_unknown(tick: Ticker) -> None:
    tick(base=False, times=25)
    assert tick.value("http_unreachable", "oven-1") is None
    assert tick.value("log_auth_failed", "oven-1") is None


def test_a_true_signal_that_cannot_be_read_keeps_its_symptom_for_a_while(tick: Ticker) -> None:
    tick(DOWN, times=3)
    blind = Reading("oven-1", "http.ok", None, "?")
    assert tick(blind, times=30) == []
    assert tick.value("http_unreachable", "oven-1") is None
    assert tick(blind, times=int(GIVE_UP_S)) == ["-http_unreachable@oven-1"]


def test_all_that_learns_rests_while_the_watcher_is_starved() -> None:
    """A series that is judged against its past would learn what the watcher's own trouble looks like."""
    learning = [s for s in CATALOG.values() if isinstance(s.detector, Baseline | Busy | Slope)]
    assert [s.id for s in learning if s.timing != ALWAYS] == []


def log_line(text: str, count: int = 1, service: str = "oven-1") -> Reading:
    return Reading(service, "log.template", count, text, "template " + text[:40])


def test_log_signal_false_only_after_the_log_was_read(engine: Engine) -> None:
    tick = Ticker(engine)
    tick(Reading("oven-1", "log.lines_rate", None, "gone"), times=12)
    assert tick.value("log_auth_failed", "oven-1") is None
    tick(times=1)
    tick(times=4)
    assert tick.value("log_auth_failed", "oven-1") is False


def test_log_signal_counts_within_its_window_and_clears_after_it(tick: Ticker) -> None:
    line = log_line('FATAL:  password authentication failed for user "app"')
    assert tick(line) == []
    assert "+log_auth_failed@oven-1" in tick(line)
    assert "-log_auth_failed@oven-1" in tick(times=12)
    assert tick.value("log_auth_failed", "oven-1") is False
    assert tick.value("log_auth_failed", "oven-2") is False


LINES = {
    "log_too_many_connections": 'FATAL: too many connections for role "app"',
    "log_pool_timeout": "PoolTimeout: couldn't get a connection after 2.00 sec",
    "log_connect_refused": "Error 111 connecting to 127.0.0.1:16399. Connection refused.",
    "log_connect_timeout": "connection timeout expired",
    "log_yaml_error": "yaml.scanner.ScannerError: found character '\\t' that cannot start any token",
    "log_module_missing": "ModuleNotFoundError: No module named 'shop.handlers_v2'",
    "log_file_missing": "Error: ENOENT: no such file or directory, open '/srv/app/views/shop.pug'",
    "log_env_missing": "DATABASE_URL\n  Field required",
    "log_version_conflict": "VersionConflict: a 1.1 has requirement b<2, but you have b 2.0",
    "log_relation_missing": 'relation "shop.coupons" does not exist',
    "log_column_missing": 'column "total" does not exist',
    "log_deadlock": "ERROR:  deadlock detected",
    "log_store_full": "ERROR redis error: command not allowed when used memory > 'maxmemory'.",
    "log_read_only": "ERROR:  cannot execute INSERT in a read-only transaction",
    "log_value_refused": 'null value in column "unit" of relation "order_lines" violates not-null constraint',
    "log_type_mismatch": "operator does not exist: text = bytea",
    "log_dns_failed": "NXDOMAIN: db.internal",
    "log_no_space": "OSError: [Errno 28] No space left on device",
    "log_token_invalid": "InvalidSignatureError: Signature verification failed",
    "log_max_requests": "Maximum request limit of 40 exceeded. Terminating process.",
    "log_pg_startup_failed": 'FATAL: could not access file "x": No such file or directory',
    "log_loop": "508 Loop Detected",
    "log_certificate": "certificate verify failed: certificate has expired",
}


@pytest.mark.parametrize(("signal", "line"), LINES.items())
def test_log_patterns(tick: Ticker, signal: str, line: str) -> None:
    assert f"+{signal}@oven-1" in tick(log_line(line), times=3)


def test_the_quota_of_somebodys_service_is_no_full_store() -> None:
    scanner = Scanner(CATALOG, Keys(), Quiet(load_bakery().graph))
    said = log_line("ERROR maps answered 429: quota exceeded for quota metric 'requests per minute'")
    assert "log_store_full" not in scanner.hits(said.text)


def test_numbers_and_everyday_words_match_nothing() -> None:
    """Order numbers run through every error code there is; none of them is one here."""
    scanner = Scanner(CATALOG, Keys(), Quiet(load_bakery().graph))
    for n in range(50_000):
        line = log_line(f"order {n} fulfilled, total 17.99; GET /item/{n + 50_000} 200 in {n} ms")
        assert scanner.hits(line.text) == (), line.text


def test_a_new_kind_of_error_is_named_and_an_old_one_is_not_new(engine: Engine) -> None:
    tick = Ticker(engine)
    old = log_line("KeyError: 'flavour'")
    tick(old, times=80)
    assert not [c for c in tick(old, times=5) if "log_traceback_new" in c]
    assert "+log_traceback_new@oven-1#DoughError" in tick(log_line("crumbs.DoughError: too wet"), times=2)


def test_crash_is_seen_at_once_and_a_requested_stop_is_no_crash(tick: Ticker) -> None:
    crash = [
        Reading("oven-1", "unit.up", 0, "BACKOFF"),
        Reading("oven-1", "unit.restarts", 1),
        Reading("oven-1", "unit.uptime_s", 0),
        Reading("oven-1", "unit.exit_code", -11, "signal 11 (SIGSEGV)"),
    ]
    assert set(tick(*crash)) == {"+exit_nonzero@oven-1", "+unit_restarting@oven-1"}
    stop = [
        Reading("oven-2", "unit.up", 0, "STOPPED"),
        Reading("oven-2", "unit.uptime_s", 0),
        Reading("oven-2", "unit.exit_code", -9, "signal 9 (SIGKILL)"),
    ]
    assert [c for c in tick(*crash, *stop, times=3) if "oven-2" in c] == []


def restarted(name: str, uptime: float) -> list[Reading]:
    return [Reading(name, "unit.up", 1, "RUNNING"), Reading(name, "unit.uptime_s", uptime)]


def test_what_follows_a_requested_restart_is_not_judged_but_what_lasts_is(tick: Ticker) -> None:
    refused = Reading("flour", "http.ok", 0, "refused")
    tick(Reading("flour", "unit.up", 0, "STOPPING"), Reading("flour", "unit.uptime_s", 0), refused)
    for second in range(int(SETTLE_S) - 2):
        noise = [log_line("Connection refused", 9), log_line("too many connections", 3)]
        assert tick(*restarted("flour", second), refused, DOWN, *noise) == []
    found = tick(*restarted("flour", 6), refused, DOWN, times=6)
    assert {"+http_unreachable@flour", "+http_unreachable@oven-1"} <= set(found)


def test_what_no_waiting_mends_is_heard_of_a_start_that_came_to_nothing(tick: Ticker) -> None:
    tick(Reading("oven-1", "unit.up", 0, "STOPPING"), Reading("oven-1", "unit.uptime_s", 0))
    refused = log_line("Connection refused", 3)
    missing = log_line("FileNotFoundError: [Errno 2] No such file or directory: '/srv/oven/plan.json'")
    starting = tick(*restarted("oven-1", 0), refused, missing, times=2)
    assert not [c for c in starting if "log_" in c]
    dead = [Reading("oven-1", "unit.up", 0, "FATAL"), Reading("oven-1", "unit.fatal", 1)]
    assert [c for c in tick(*dead, times=2) if "log_" in c] == ["+log_file_missing@oven-1"]


def test_a_crash_gets_no_such_grace(tick: Ticker) -> None:
    crash = [
        Reading("flour", "unit.restarts", 1),
        Reading("flour", "unit.uptime_s", 0.2),
        Reading("flour", "http.ok", 0, "refused"),
    ]
    assert "+http_unreachable@flour" in tick(*crash, times=2)


def test_a_crash_that_is_mended_by_itself_is_no_request(tick: Ticker) -> None:
    tick(
        Reading("flour", "unit.up", 0, "STARTING"),
        Reading("flour", "unit.uptime_s", 0),
        Reading("flour", "unit.restarts", 1),
    )
    up = [Reading("flour", "unit.uptime_s", 0.3), Reading("flour", "unit.restarts", 1)]
    assert "+http_unreachable@flour" in tick(*up, Reading("flour", "http.ok", 0, "refused"), times=2)


def test_starting_what_was_given_up_is_a_request(tick: Ticker) -> None:
    dead = [Reading("oven-1", "unit.up", 0, "FATAL"), Reading("oven-1", "unit.fatal", 1)]
    code = Reading("oven-1", "unit.exit_code", -11, "signal 11 (SIGSEGV)")
    crashed = [Reading("oven-1", "unit.restarts", 3), Reading("oven-1", "unit.uptime_s", 0), code]
    assert "+unit_fatal@oven-1" in tick(*dead, *crashed)
    back = [Reading("oven-1", "unit.restarts", 3), Reading("oven-1", "unit.uptime_s", 0.5), code]
    found = tick(*back, times=3)
    assert {"-unit_fatal@oven-1", "-exit_nonzero@oven-1", "-unit_restarting@oven-1"} <= set(found)


def dies(code: float = 1, text: str = "exit 1", restarts: float = 2) -> list[Reading]:
    return [
        Reading("flour", "unit.up", 0, "FATAL"),
        Reading("flour", "unit.fatal", 1, text),
        Reading("flour", "unit.exit_code", code, text),
        Reading("flour", "unit.restarts", restarts),
        Reading("flour", "unit.uptime_s", 0),
    ]


def test_a_part_that_ends_by_itself_after_each_start_says_why(tick: Ticker) -> None:
    why = Reading("flour", "log.template", 1, "FATAL: could not load flour.conf", "FATAL could not load <*>")
    assert "+start_failed@flour" not in tick(*dies()), "its log may be read later"
    assert "+start_failed@flour" in tick(*dies(), why)
    tick(*dies(), times=60)
    assert tick.text("start_failed", "flour") == "FATAL: could not load flour.conf"
    assert "-start_failed@flour" in tick(times=3)


def test_a_part_that_cannot_start_is_started_by_hand_once_more(tick: Ticker) -> None:
    """That resets the runtime's counts, and ends as before."""
    tick(*dies(), times=4)
    begun = [
        Reading("flour", "unit.up", 0, "BACKOFF"),
        Reading("flour", "unit.fatal", 0),
        Reading("flour", "unit.restarts", 1),
        Reading("flour", "unit.uptime_s", 0),
    ]
    tick(*begun)
    tick(*dies(restarts=1), times=3)
    assert tick.value("start_failed", "flour") is True


def test_a_part_that_cannot_start_and_does_not_say_why(tick: Ticker) -> None:
    assert "+start_failed@flour" in tick(*dies(), times=3)
    assert tick.text("start_failed", "flour") == "exit 1, without a word"


@pytest.mark.parametrize(
    "dead",
    [
        dies(-9, "signal 9 (SIGKILL)"),  # from outside, however often
        dies(restarts=0),  # once, and nobody started it again
    ],
)
def test_dead_is_not_unable_to_start(tick: Ticker, dead: list[Reading]) -> None:
    error = Reading("flour", "log.template", 1, "ERROR bad order", "ERROR bad order")
    tick(*dead, error, times=5)
    assert tick.value("start_failed", "flour") is False


def test_a_path_is_down_only_when_its_end_is_not(tick: Ticker) -> None:
    through = Reading("door", "link.ok", 0, "timeout", "door-oven")
    end = Reading("door", "link.direct_ok", 0, "timeout", "door-oven")
    assert tick(through, end, times=5) == ["+link_target_down@door#door-oven"]
    fine = Reading("door", "link.direct_ok", 1, "", "door-oven")
    assert "+link_down@door#door-oven" in tick(through, fine, times=5)


def test_a_path_that_loses_tries_is_believed_sooner_than_one_that_is_slow(tick: Ticker) -> None:
    def there(value: float, text: str = "there and back") -> Reading:
        return Reading("door", "link.rtt_ms", value, text, "door-oven")

    tick(there(2), times=15)
    assert tick(there(400), times=3) == [] and tick(there(2), times=3) == []
    assert tick(there(400), times=4) == ["+link_slow@door#door-oven"]
    tick(there(2), times=10)
    lossy = there(900, "there and back, 3 of 5 tries without an answer")
    assert tick(lossy) == [] and tick(lossy) == ["+link_slow@door#door-oven"]


def test_a_slow_path_may_have_been_slow_since_nothing_came_through(tick: Ticker) -> None:
    tick(Reading("door", "link.rtt_ms", 2, "there and back", "door-oven"), times=15)
    begun = tick.at
    tick(Reading("door", "link.rtt_ms", None, "timeout, 9 tries", "door-oven"), times=6, step=4)
    lossy = Reading("door", "link.rtt_ms", 900, "there and back, 3 of 5 tries without an answer", "door-oven")
    assert tick(lossy, times=2, step=4) == ["+link_slow@door#door-oven"]
    key = tick.engine.keys.get("link_slow", "door", "door-oven")
    assert key is not None and key.since == (begun + timedelta(seconds=4)).timestamp()


def test_a_path_that_is_silent_while_the_watcher_is_held_up_is_not_down(tick: Ticker) -> None:
    """Its own lateness is in those tries."""
    silent = Reading("door", "link.ok", 0, "timeout, 9 of 9 tries", "door-oven")
    assert tick(silent, times=4, step=8) == []
    assert tick(silent, times=4) == ["+link_down@door#door-oven"]


def test_three_journeys_slow_twice_are_believed(tick: Ticker) -> None:
    bad = [Reading("door", "journey.ok", 0, "step 1: timed out", n) for n in ("bake", "sell", "sweep")]
    assert tick(*bad) == []
    assert len(tick(*bad)) == 3


def test_a_runaway_is_found_on_a_busy_machine_too_and_a_short_job_is_none(tick: Ticker) -> None:
    def child(value: float) -> list[Reading]:
        return [
            Reading("clock", "proc.cpu_pct", 1),
            Reading("clock", "child.cpu_pct", value, "pid=7", "render"),
        ]

    for _ in range(5):
        tick(*child(0.5), times=20)
        assert tick(*child(45), times=6) == []
    tick(*child(0.5), times=20)
    assert tick(*child(22), times=14) == ["+child_cpu_hot@clock#render"]


def test_nothing_is_said_while_everything_starts(engine: Engine) -> None:
    tick = Ticker(engine)
    starting = [
        r
        for name in ("door", "oven-1")
        for r in (
            Reading(name, "unit.up", 0, "STARTING"),
            Reading(name, "unit.uptime_s", 0),
            Reading(name, "http.ok", 0, "refused"),
        )
    ]
    assert tick(*starting, times=20) == []
    assert tick(times=20) == []
    assert engine.quiet.settled_at is not None


def test_a_system_that_never_gets_well_is_reported_after_the_grace(engine: Engine) -> None:
    tick = Ticker(engine)
    assert "+http_unreachable@oven-1" in tick(DOWN, Reading("oven-1", "unit.up", 0, "STARTING"), times=60)


def test_timeouts_after_the_watcher_was_held_up_mean_nothing(tick: Ticker) -> None:
    journey = Reading("door", "journey.ok", 0, "step 1: timeout", "bake")
    for _ in range(6):
        assert tick(journey, step=9.0) == []
        assert tick(Reading("door", "journey.ok", 1, "", "bake"), times=3) == []


def test_two_journeys_at_once_need_no_second_failure(tick: Ticker) -> None:
    bad = [Reading("door", "journey.ok", 0, "step 1: status 503", name) for name in ("bake", "sell")]
    assert tick(bad[0]) == []
    assert set(tick(bad[1])) == {"+journey_failed@door#bake", "+journey_failed@door#sell"}


def test_two_journeys_that_are_only_slow_do(tick: Ticker) -> None:
    bad = [Reading("door", "journey.ok", 0, "step 1: timed out", name) for name in ("bake", "sell")]
    assert tick(*bad) == []
    good = [Reading("door", "journey.ok", 1, "", name) for name in ("bake", "sell")]
    assert tick(*good) == []


def test_absent_labels_are_false_when_their_source_was_read(tick: Ticker) -> None:
    tick(Reading("clock", "proc.cpu_pct", 3))
    assert tick.value("child_cpu_hot", "clock") is False
    hot = [Reading("clock", "proc.cpu_pct", 3), Reading("clock", "child.cpu_pct", 99, "pid=7", "render")]
    assert "+child_cpu_hot@clock#render" in tick(*hot, times=5)
    assert "-child_cpu_hot@clock#render" in tick(Reading("clock", "proc.cpu_pct", 3), times=3)


def test_an_external_service_is_told_by_one_signal(tick: Ticker) -> None:
    found = tick(Reading("partner", "http.ok", 0, "refused"), times=2)
    assert found == ["+external_down@partner"]


def test_memory_leak_is_growth_and_a_warm_up_is_not(tick: Ticker) -> None:
    for second in range(40):
        rss = Reading("oven-1", "proc.rss_mb", 60 + 25 * min(1, second / 6))
        assert "+rss_growing@oven-1" not in tick(rss)
    found: list[str] = []
    for second in range(40):
        found += tick(Reading("oven-2", "proc.rss_mb", 60 + 0.9 * second))
    assert "+rss_growing@oven-2" in found


SPECIAL = Signal("x", "x", "m", Above(10, 5), "api", klass="own", hold=Hold(2), clear=Hold(2))


@given(st.lists(st.floats(0, 20, allow_nan=False), max_size=60))
@settings(max_examples=100, deadline=None)
def test_symptoms_open_and_clear_in_turn(values: list[float]) -> None:
    """Whatever the readings, a symptom is never opened or cleared twice in a row, nor without two verdicts."""
    tick = Ticker(Engine(load_bakery().graph, {"x": SPECIAL}))
    tick(times=6)
    turns = [c[0] for v in values for c in tick(Reading("oven-1", "m", v))]
    assert turns == [("+", "-")[i % 2] for i in range(len(turns))]
    crossings = sum((a > 10) != (b > 10) for a, b in pairwise(values))
    assert len(turns) <= crossings + 1


@given(
    base=st.floats(1, 120),
    spread=st.floats(0, 0.9),
    spikes=st.lists(st.integers(0, 599), max_size=25),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=25, deadline=None)
def test_noise_raises_no_alarm(base: float, spread: float, spikes: list[int], seed: int) -> None:
    """Ten minutes of noisy latencies, CPU, hit ratios and log rates, with spikes of one tick: nothing opens."""
    rng = random.Random(seed)
    tick = Ticker(Engine(load_bakery().graph))
    lonely = {s for s in spikes if s - 1 not in spikes}
    for second in range(600):
        factor = 1 + spread * rng.uniform(-1, 1)
        spike = 30.0 if second in lonely else 1.0
        found = tick(
            Reading("oven-1", "http.latency_ms", base * factor * spike),
            Reading("oven-1", "proc.cpu_pct", min(100, base * factor * spike)),
            Reading("door", "journey.latency_ms", 4 * base * factor * spike, "", "bake"),
            Reading("door", "journey.ok", float(second not in lonely), "timed out", "bake"),
            Reading("flour", "redis.hit_ratio", 1 - 0.3 * rng.random()),
            Reading("clock", "log.error_rate", 0.3 * rng.random() + (20 if second in lonely else 0)),
            Reading("clock", "queue.depth", int(12 * rng.random()), "", "q"),
            Reading("clock", "proc.rss_mb", 60 + 4 * rng.random()),
            Reading("oven-1", "link.rtt_ms", factor * spike, "", "a-b"),
        )
        assert [c for c in found if CATALOG[c[1:].split("@")[0]].opens] == []


@given(factor=st.floats(8, 40))
@settings(max_examples=20, deadline=None)
def test_a_lasting_change_is_found_and_is_not_learned_as_normal(factor: float) -> None:
    tick = Ticker(Engine(load_bakery().graph))
    tick(Reading("oven-1", "http.latency_ms", 60), times=40)
    slow = Reading("oven-1", "http.latency_ms", 60 * factor)
    found = tick(slow, times=6)
    assert found == ["+http_slow@oven-1"]
    assert tick(slow, times=300) == []  # five minutes later it is still not normal


def test_every_signal_says_itself_in_plain_words() -> None:
    for signal in CATALOG.values():
        state = Ticker(Engine(load_bakery().graph)).engine.keys.made(signal, "oven-1", "thing", 0).state()
        words = signal.describe(state)
        assert "{" not in words
        assert "oven-1" in words or "thing" in words


def test_baselines_survive_a_restart(tick: Ticker) -> None:
    tick(Reading("oven-1", "http.latency_ms", 60), times=30)
    rows = tick.engine.export_baselines()
    fresh = Engine(load_bakery().graph)
    fresh.import_baselines(rows, tick.at)
    again = Ticker(fresh)
    again.at = tick.at
    again(times=6)
    assert again(Reading("oven-1", "http.latency_ms", 900), times=5) == ["+http_slow@oven-1"]


def test_what_came_and_went_again_is_not_gone_and_what_was_always_there_is() -> None:
    detector, memory = Dropped(), Memory()
    counts = [8.0] * 30 + [9.0] * 60 + [8.0] * 30 + [7.0] * 3
    judged = [detector.judge(memory, Sample(2.0 * n, count)) for n, count in enumerate(counts)]
    assert [n for n, gone in enumerate(judged) if gone] == [120, 121, 122]


def tables(count: float, failing: float = 0.0, name: str = "flour") -> list[Reading]:
    return [Reading(name, "pg.rollbacks_rate", failing), Reading(name, "pg.tables", count)]


def test_a_table_that_nobody_misses_is_a_change_and_one_that_is_missed_is_trouble(tick: Ticker) -> None:
    """Some statements always fail: that alone is no sign of a missing table, nor is another server's trouble."""
    tick(*tables(12, 0.5), times=10)
    assert tick(*tables(11, 0.6), *tables(8, 9.0, name="oven-2"), times=30) == ["+pg_table_missing@flour"]
    picture = taken(tick.engine, tick.at)
    assert picture.of("flour").word == "ok" and not picture.troubles
    assert tick(*tables(11, 4.0), times=12) == ["+pg_tables_missed@flour"]
    assert taken(tick.engine, tick.at).of("flour").word == "degraded"
    assert tick(*tables(11, None), times=3) == [], "what cannot be counted says nothing"  # type: ignore[arg-type]
    assert tick(*tables(11, 0.5), times=40) == ["-pg_tables_missed@flour"], "nobody misses it any more"
    assert tick(*tables(11, 0.5), times=70, step=60) == ["-pg_table_missing@flour"], "so it is now"
    assert tick(*tables(10, 0.5), times=5) == ["+pg_table_missing@flour"]


def test_an_idle_service_teaches_no_speed() -> None:
    """Nothing measured is no answer in no time: after idle hours the usual speed is not slow."""
    detector, memory = Baseline(5, 300, learn=8, zero_is_idle=True), Memory()
    idle = [detector.judge(memory, Sample(at=float(t), value=0.0, text="")) for t in range(60)]
    busy = [detector.judge(memory, Sample(at=60.0 + t, value=415.0, text="")) for t in range(60)]
    assert set(idle) == {None}
    assert not any(busy)
    assert detector.judge(memory, Sample(at=200.0, value=4000.0, text=""))


def _pauses(
    detector: Dried, memory: Memory, looks: Iterable[float | None], start: float = 0.0
) -> list[Verdict]:
    """As the engine asks it, a look a second."""
    found: list[Verdict] = []
    for at, value in enumerate(looks):
        found.append(detector.judge(memory, Sample(start + at, value)))
        memory.verdict = memory.verdict if found[-1] is None else found[-1]
    return found


def test_work_that_steadily_came_and_comes_no_more_has_dried_up() -> None:
    memory, usual = Memory(), [1.0, 0.0, 2.0, 0.0, 0.0, 1.0] * 12  # three seconds between two at most
    assert not any(_pauses(Dried(), memory, usual))
    told = _pauses(Dried(), memory, [0.0] * 30, start=72)
    assert [told.index(True), told.count(True)] == [9, 21]  # ten seconds after the last one
    assert _pauses(Dried(), memory, [1.0, 0.0, 0.0, 1.0], start=102) == [False] * 4
    assert not any(_pauses(Dried(), memory, [0.0] * 60, start=106))  # it may be how it comes: it is told once
    assert _pauses(Dried(), memory, [0.0] * 60, start=166).index(True) == 32  # three times as long


def test_work_that_comes_in_bursts_is_reported_once_at_most() -> None:
    short, long = Memory(), Memory()
    for hour in range(4):
        assert not any(_pauses(Dried(), short, [1.0] * 40 + [0.0] * 3560, start=3600.0 * hour))
        told = _pauses(Dried(), long, [1.0] * 300 + [0.0] * 3300, start=3600.0 * hour)
        assert any(told) is (hour == 0)


def test_a_silence_in_trouble_is_not_how_work_comes() -> None:
    """The worker was dead for three minutes: it is told as soon the next time."""
    memory = Memory()
    _pauses(Dried(), memory, [1.0, 0.0] * 40)
    for at in range(80, 260):
        memory.verdict = Dried().judge(memory, Sample(at, 0.0, ill=at > 85))
    assert memory.verdict
    _pauses(Dried(), memory, [1.0, 0.0] * 40, start=260)
    assert _pauses(Dried(), memory, [0.0] * 60, start=340).index(True) == 8  # ten seconds after the last


def test_who_pauses_now_and_then_has_to_be_silent_for_longer() -> None:
    memory = Memory()
    assert not any(_pauses(Dried(), memory, ([1.0] * 5 + [0.0] * 11) * 8))
    assert _pauses(Dried(), memory, [0.0] * 60, start=128).index(True) == 36 - 12
    few = Memory()
    assert not any(_pauses(Dried(), few, [1.0, 0.0, 0.0] * 5 + [0.0] * 60))  # nobody knows what is usual


def test_what_was_not_read_is_no_pause() -> None:
    memory = Memory()
    _pauses(Dried(), memory, [1.0, 0.0] * 25)
    assert _pauses(Dried(), memory, [None] * 60, start=50) == [None] * 60
    assert _pauses(Dried(), memory, [0.0] * 9, start=110) == [False] * 9


def test_what_came_in_a_gap_between_two_readings_is_not_taken_for_a_rush() -> None:
    rush, memory = Rising(300, 6, spread=True), Memory()
    assert not rush.judge(memory, Sample(0.0, 1000.0))
    assert not rush.judge(memory, Sample(45.0, 1450.0)), "ten a second, for as long as nobody looked"
    assert rush.judge(memory, Sample(48.0, 1800.0))
    at_once, memory = Rising(1, 6), Memory()
    assert not at_once.judge(memory, Sample(0.0, 3.0))
    assert at_once.judge(memory, Sample(45.0, 4.0)), "what happens once is no less for the gap"
