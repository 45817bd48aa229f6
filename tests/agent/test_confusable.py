"""Causes that look alike are told apart on recorded evidence: no diagnosis of the one would do for the other."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

from agent.replay import Replayed, recorded, run
from agent.replay.score import is_right
from incidents.bundles import folder

CORPUS = Path(__file__).parent / "corpus"
SETS = {
    "nobody gets a session": (
        "db_pool_exhaustion", "db_lock_contention", "db_long_transaction", "packet_loss", "net_congestion",
    ),
    "who waits for whom": ("db_deadlock", "db_lock_contention", "db_long_transaction"),
    "the schema": ("db_failed_migration", "db_corruption", "package_breaking_change"),
    "it ends as soon as it is started": (
        "env_missing", "config_corruption", "dep_version_conflict", "crash_loop", "db_crash_loop", "memory_leak_oom",
        "unexpected_restart",
    ),
    "who may not": (
        "auth_jwt_invalid", "time_drift", "secret_token_expired", "cloud_creds_expired", "session_corruption",
        "redis_eviction_storm",
    ),
    "the cache": ("cache_miss_storm", "redis_eviction_storm", "cache_down", "env_wrong", "cache_poisoning"),
    "the queue": ("queue_backlog", "queue_worker_crash", "exception_loop", "analytics_stall"),
    "the way there": ("net_outage", "dns_failure", "packet_loss", "net_congestion", "env_wrong"),
    "hung or dead": ("partial_outage", "analytics_stall", "thread_starvation", "api_down", "logging_down"),
    "turned away": (
        "circuit_breaker_open", "api_down", "traffic_surge", "rate_limit_exceeded", "error_5xx_spike", "lb_misrouting",
        "api_request_loop",
    ),
}  # fmt: skip
PAIRS = sorted({tuple(sorted(pair)) for faults in SETS.values() for pair in combinations(faults, 2)})


@cache
def of(fault: str) -> Replayed:
    return run(folder.read(CORPUS / f"{fault}-1"), recorded.shipped())


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_both_are_told_apart(pair: tuple[str, str]) -> None:
    said = [of(fault).last for fault in pair]
    answers = [folder.answer(CORPUS / f"{fault}-1") for fault in pair]
    for mine, answer in zip(said, answers, strict=True):
        assert answer is not None and is_right(mine, answer)
    one, other = ((s.key, s.blames) for s in said if s is not None)
    assert one != other
