"""Cases made by hand: what a person would say, given the same evidence."""

from __future__ import annotations

import pytest

from tests.agent.reasoner.world import FAILED, S, both, look

AUTH = 'FATAL: password authentication failed for user "app"'

CASES = {
    "password changed in the database": (
        "db:app_credentials_mismatch",
        [
            S("log_auth_failed", "db", text=AUTH),
            *both("log_auth_failed", AUTH),
            S("log_auth_failed", "consumer", text=AUTH),
            *both("not_ready"),
            *both("log_errors"),
            S("pg_login_failed", "db", text="app"),
            FAILED,
        ],
    ),
    "a job leaks connections": (
        "db:connection_leak:nightly",
        [
            S("pg_connections_saturated", "db", label="app", reading_value=100),
            S("pg_idle_hog", "db", label="nightly", reading_value=12),
            S("config_drift", "cron", text="jobs.nightly.close_sessions: True -> False"),
            *both("log_pool_timeout"),
            *both("log_too_many_connections"),
            *both("not_ready"),
            FAILED,
        ],
    ),
    "both replicas dead": (
        "web:process_dead",
        [
            *both("unit_down", "FATAL"),
            *both("unit_fatal"),
            *both("exit_nonzero", "signal 11"),
            *both("http_unreachable"),
            *both("tcp_refused"),
            S("log_upstream_error", "edge"),
            S("link_down", "wire", label="edge-web"),
            S("link_target_down", "wire", label="edge-web"),
            FAILED,
        ],
    ),
    "one replica dead": (
        "web-b:process_dead",
        [
            S("unit_down", "web-b"),
            S("unit_fatal", "web-b"),
            S("exit_nonzero", "web-b"),
            S("http_unreachable", "web-b"),
            S("tcp_refused", "web-b"),
        ],
    ),
    "a delay in the config": (
        "web:artificial_delay",
        [
            *both("config_drift", "middleware.delay_s: 0 -> 6"),
            *both("http_timeout"),
            *both("app_slow"),
            *both("not_ready"),
            S("log_upstream_error", "edge"),
            FAILED,
            S("journey_slow", "edge", label="browse"),
        ],
    ),
    "a damaged config": (
        "web:config_corrupt",
        [
            *both("config_invalid", "web.yaml:3: found character that cannot start any token"),
            *both("config_drift", "cannot be read"),
            *both("log_yaml_error"),
            *both("unit_down"),
            *both("unit_fatal"),
            *both("exit_nonzero"),
            *both("http_unreachable"),
            *both("tcp_refused"),
            *both("log_traceback_new"),
            FAILED,
        ],
    ),
    "a runaway job": (
        "cron:runaway:resize",
        [S("child_cpu_hot", "cron", text="pid=4711 cmdline=resize", label="resize", reading_value=99)],
    ),
    "a cache without limit": (
        "web-b:unbounded_session_cache",
        [
            S("config_drift", "web-b", text="session_cache.max_entries: 2000 -> 0"),
            S("rss_growing", "web-b", reading_value=3.1),
            S("rss_near_limit", "web-b"),
        ],
    ),
    "wrong values in the cache": (
        "cache:poisoned_product_keys",
        [
            S(
                "consistency_broken",
                "cache",
                text="price: item:7 shows 0.01, the database has 19.99",
                label="price",
            )
        ],
    ),
    "the consumer is dead": (
        "consumer:process_dead",
        [
            S("unit_down", "consumer"),
            S("unit_fatal", "consumer"),
            S("exit_nonzero", "consumer"),
            S("heartbeat_stale", "consumer"),
            S("queue_growing", "cache", label="jobs"),
            S("inflight_orphans", "cache", label="jobs"),
        ],
    ),
    "the path to the database is cut": (
        "wire:edge_down:web-db",
        [
            S("link_down", "wire", text="timeout", label="web-db"),
            *both("log_connect_timeout"),
            *both("log_pool_timeout"),
            *both("not_ready"),
            *both("http_timeout"),
            FAILED,
        ],
    ),
    "somebody else's outage": (
        "partner:down",
        [
            S("external_down", "partner"),
            S("link_down", "wire", label="web-partner"),
            S("link_target_down", "wire", label="web-partner"),
            *both("log_upstream_error"),
            S("journey_failed", "edge", label="order", text="quote"),
        ],
    ),
    "a frozen frontend": (
        "front:process_hung",
        [S("proc_stopped", "front"), S("http_timeout", "front"), FAILED],
    ),
    "noise in the log": (
        "web-a:log_noise",
        [S("log_errors", "web-a"), S("log_traceback_new", "web-a"), S("log_exception", "web-a")],
    ),
    "the database is dead": (
        "db:process_dead",
        [
            S("unit_down", "db"),
            S("tcp_refused", "db"),
            S("pg_unreachable", "db"),
            S("exit_nonzero", "db"),
            *both("log_connect_refused"),
            *both("not_ready"),
            *both("http_errors"),
            S("link_down", "wire", label="web-db"),
            S("link_target_down", "wire", label="web-db"),
            FAILED,
        ],
    ),
    "a missing variable": (
        "web-a:env_missing:DATABASE_URL",
        [
            S("env_invalid", "web-a", text="missing: DATABASE_URL"),
            S("env_drift", "web-a", text="DATABASE_URL removed"),
            S("unit_down", "web-a"),
            S("unit_fatal", "web-a"),
            S("exit_nonzero", "web-a"),
            S("http_unreachable", "web-a"),
            S("tcp_refused", "web-a"),
        ],
    ),
    "a bad release": (
        "front:bad_release:3.2.0",
        [
            S("release_changed", "front", text="3.1.0 -> 3.2.0"),
            S("unit_restarting", "front"),
            S("unit_down", "front"),
            S("exit_nonzero", "front"),
            S("log_module_missing", "front", text="ModuleNotFoundError: No module named 'fancy'"),
            S("log_traceback_new", "front"),
            FAILED,
        ],
    ),
    "waiting for a lock": (
        "db:lock_contention:recalc",
        [
            S("pg_blocked", "db", reading_value=6),
            S("pg_lock_root", "db", label="recalc", text="pid=99 role=app", reading_value=6),
            *both("app_slow"),
            *both("log_lock_timeout"),
            FAILED,
        ],
    ),
    "an open transaction": (
        "db:long_transaction:report",
        [
            S("pg_idle_in_tx", "db", label="report", text="pid=12 role=app", reading_value=70),
            S("pg_long_transaction", "db"),
        ],
    ),
    "a crash without any change": (
        "consumer:crash_loop",
        [
            S("unit_restarting", "consumer"),
            S("crash_looping", "consumer"),
            S("exit_nonzero", "consumer"),
            S("log_traceback_new", "consumer"),
            S("log_errors", "consumer"),
        ],
    ),
    "a full volume": (
        "web-a:disk_full:/var/log",
        [S("disk_full", "web-a", label="/var/log", reading_value=99.9), S("log_no_space", "web-a")],
    ),
    "an unheard-of setting": (
        "edge:config_changed",
        [
            S("config_drift", "edge", text="routes.catalog.target: web -> edge"),
            S("log_loop", "edge"),
            S("app_errors", "edge"),
            FAILED,
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_names_what_a_person_would(name: str) -> None:
    wanted, states = CASES[name]
    found = look(*states)
    top = found.hypotheses[0]
    assert top.key == wanted, [(h.key, round(h.probability, 2)) for h in found.hypotheses[:4]]
    assert top.probability >= 0.6, [(h.key, round(h.probability, 2)) for h in found.hypotheses[:4]]
    assert not found.is_unknown
    assert top.evidence_for
    assert "{" not in top.summary, top.summary


def test_a_setting_that_changed_where_memory_grows_is_put_back_whatever_it_is_called():
    growing = [S("rss_growing", "web-b", reading_value=3.1), S("rss_near_limit", "web-b")]
    changed = S("config_drift", "web-b", text="views.keep: 25 -> 0")
    for states, first in ((growing, "rolling-restart"), ([changed, *growing], "restore-config")):
        top = look(*states).hypotheses[0]
        assert top.key == "web-b:memory_leak"
        assert top.paths[0][0].action == first
        assert [len(path) for path in top.paths] == [len(states) - 1] * 2
