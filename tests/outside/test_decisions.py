"""How the agent decides: nothing on a guess, whole paths only, what a part says itself first, and a "no" is a "no"."""

from __future__ import annotations

from typing import Any

import pytest

from tests.outside.ward import Ward

APIS = ("api-1", "api-2")
STORES = ("db", "cache")


def fails(ward: Ward, *services: str, share: float = 1.0) -> None:
    """These services answer errors, and so customers meet them."""
    for name in services:
        ward.set(name, "app.error_rate", share)
        ward.set(name, "log.error_rate", 5.0)
    ward.set("gateway", "journey.ok", 0, "GET /order: 500", "order")


def over(ward: Ward) -> bool:
    return bool(ward.numbers) and ward.incident["state"] in ("handed_over", "resolved")


def asked(ward: Ward) -> list[str]:
    return [f"{r['action']} {r['target']}" for r in ward.requests()]


UNKNOWN = {
    "a permission taken away": ("ERROR:  permission denied for table orders", APIS),
    "an access rule": (
        'FATAL:  no pg_hba.conf entry for host "10.0.0.7", user "api", database "shop"',
        ("db", *APIS),
    ),
    "damaged session values": ("ERROR session 8f2: UnpicklingError: invalid load key, 'x'", APIS),
    "a name that is gone": ("ERROR cannot reach bank: NXDOMAIN bank.example", APIS),
    "a setting nobody knows": ('FATAL:  invalid value for parameter "work_mem": "64XB"', ("db",)),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_no_runbook_knows_is_read_told_and_handed_over(ward: Ward, what: str) -> None:
    """Nothing is done, to a store least of all; the headline is what the part itself says."""
    line, where = UNKNOWN[what]
    fails(ward, *APIS)
    for name in where:
        ward.saying[name, line] = 3
    ward.look_until(lambda: over(ward))
    ward.look(10)
    assert (ward.calls, asked(ward)) == ([], [])
    told = ward.incident
    assert told["state"] == "handed_over"
    assert told["standing"] == "stated", told["headline"]
    assert line.split(":")[-1].strip()[:14] in told["headline"], told["headline"]
    assert told["confidence"] is None


def test_a_guess_is_read_only_and_called_a_guess(ward: Ward) -> None:
    """A cache that throws keys out and a web server that is not ready: whatever is likeliest and cheap, nothing is
    touched, and nothing is called the cause."""
    ward.set("web-1", "ready.ok", 0, "not ready")
    ward.set("cache", "redis.evicted_rate", 50.0)
    ward.set("gateway", "journey.ok", 0, "GET /order: 500", "order")
    ward.look_until(lambda: over(ward))
    assert (ward.calls, asked(ward)) == ([], [])
    told = ward.incident
    assert "not known yet" in told["headline"] and "not known yet" in told["cause"]
    assert (told["diagnosis"], told["confidence"]) == ("", None)
    number = ward.numbers[-1]
    assert "not known yet" in ward.page(f"/incidents/{number}/")
    assert "not known yet" in ward.page("/incidents/")


@pytest.mark.parametrize("says", [True, False])
def test_a_revoked_key_is_not_replaced_by_an_open_breaker(ward: Ward, says: bool) -> None:
    """Handed over as what the part itself says, and so it stays. Without the line nothing is made up: a breaker that is
    open is no reason to put back what nobody changed."""
    for name in APIS:
        ward.set(name, "app.breaker.bank", 1, "open", "bank")
        if says:
            ward.saying[name, "ERROR bank answered 401: token_expired"] = 3
    fails(ward, *APIS)
    ward.look_until(lambda: over(ward))
    for _ in range(2):
        assert (ward.calls, asked(ward)) == ([], [])
        assert ward.incident["state"] == "handed_over"
        assert ("token_expired" in ward.incident["headline"]) is says
        assert ("expired" in ward.incident["cause"]) is says  # and nothing here is declared to mend that
        assert ("breaker" in ward.incident["headline"]) is not says
        ward.look(40)
    assert len(ward.numbers) == 1


@pytest.mark.parametrize(
    ("service", "line"),
    [
        ("db", 'FATAL:  invalid value for parameter "shared_buffers": "12XB"'),
        ("web-1", "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)"),
        ("api-1", "FileNotFoundError: [Errno 2] No such file or directory: '/srv/shop.css'"),
    ],
)
def test_a_dead_process_that_said_why_is_not_started_again(ward: Ward, service: str, line: str) -> None:
    ward.runtime.crash(service, exit_code=1, fatal=True)
    ward.say(service, line, times=2)
    metric = "pg.ok" if service == "db" else "http.ok"
    ward.set(service, metric, 0, "connection refused")
    ward.set(service, "tcp.ok", 0, "connection refused")
    fails(ward, *APIS)
    ward.look_until(lambda: over(ward))
    ward.look(40)  # the line was said once, and goes on to count
    assert (ward.calls, asked(ward)) == ([], [])
    told = line.rsplit(":", maxsplit=1)[-1].strip(' "')[:12]
    assert any(told in found["headline"] for found in ward.incidents)  # what fails beside it may be another


def test_one_crash_that_the_supervisor_has_healed_is_left_alone(ward: Ward) -> None:
    ward.runtime.crash("web-1", exit_code=-11)
    ward.look(120)  # why it crashed is not known: it is watched for a minute
    assert (ward.calls, asked(ward)) == ([], [])
    if ward.numbers:
        assert ward.incident["state"] == "resolved"
        words = str(ward.incident).lower()
        assert "again and again" not in words and "crash_loop" not in words


def test_a_process_that_crashes_again_and_again_is_called_that(ward: Ward) -> None:
    for _ in range(4):
        ward.runtime.crash("web-1", exit_code=1)
        ward.set("web-1", "http.ok", 0, "connection refused")
        ward.look(6)
    assert "crashes again and again" in str(ward.titles())


def test_a_no_is_followed_by_fresh_looks_and_nothing_else_under_another_name(ward: Ward) -> None:
    db_is_dead(ward)
    ward.look_until(lambda: ward.requests("waiting"))
    assert asked(ward) == ["restart-db db"]
    ward.decide("reject")
    ward.look(2)
    assert asked(ward) == ["restart-db db"]  # not at once, from what was known before
    ward.look(40)
    assert ward.calls == []
    assert [a for a in asked(ward) if a.split()[1] in STORES] == ["restart-db db"]


def test_what_was_rejected_is_not_asked_again_as_part_of_something_else(ward: Ward) -> None:
    """The second way to mend a changed setting of the database begins with what was just refused."""
    ward.file("etc/db.yaml").write_text("work_mem: 4KB\n")
    ward.set("db", "proc.cpu_pct", 99.0)
    for name in APIS:
        ward.set(name, "app.p50_ms", 4000)
    fails(ward, *APIS)
    ward.look_until(lambda: ward.requests("waiting"))
    ward.decide("reject")
    ward.look(40)
    assert asked(ward) == ["restore-config db"]
    assert ward.calls == []


def test_a_cause_whose_repair_did_not_help_is_not_the_cause(ward: Ward) -> None:
    db_is_dead(ward)
    ward.look_until(lambda: ward.requests("waiting"))
    ward.decide("approve")  # the process runs again, and refuses everybody as before
    ward.look_until(lambda: over(ward), most=200)
    told = ward.incident
    assert told["standing"] != "known"
    assert [r["helped"] for r in told["failed"]] == [False]
    assert told["diagnosis"] == ""
    ward.heal()
    ward.look_until(lambda: ward.incident["state"] == "resolved")
    page = ward.page(f"/incidents/{ward.numbers[-1]}/postmortem/")
    assert "did not help" in page
    assert "The cause was found to be" not in page


def test_what_a_component_does_not_have_is_never_the_cause(ward: Ward) -> None:
    """Neither web nor db has a release or an environment file."""
    for name in ("web-1", "web-2"):
        ward.saying[name, "ERROR ViewFailure: cannot render; ShelfError: no such shelf"] = 4
    fails(ward, "web-1", "web-2")
    ward.look_until(lambda: over(ward))
    others = [h for h in ward.incident["hypotheses"] if not str(h.get("component")).startswith("api")]
    thought = [h["title"] + h.get("summary", "") for h in others]
    assert not [t for t in thought if "release" in t.lower() or "environment" in t.lower()], thought
    assert "unnamed part" not in str(ward.incident)
    assert (ward.calls, asked(ward)) == ([], [])


def test_replicas_are_restarted_once_for_one_environment(ward: Ward) -> None:
    golden = ward.file("golden/api-1.env").read_text()
    for name in APIS:
        ward.file(f"etc/{name}.env").write_text(
            golden.replace("LOG_LEVEL=info\n", "LOG_LEVEL=info\nBANK_URL=x\n")
        )
        ward.on("restart", name, lambda name=name: ward.heal(name, "gateway"))  # type: ignore[misc]
    fails(ward, *APIS)
    ward.look_until(lambda: over(ward), most=200)
    assert ward.file("etc/api-1.env").read_text() == golden
    restarts = [c for c in ward.calls if c.split()[0] in ("restart", "stop", "start")]
    assert len(restarts) == len(set(restarts)) == 2, ward.calls


RUNBOOK = """---
id: slow_job
title: A nightly job slows everything down
category: api
applies_to: [http]
prior: 0.4
symptoms: {config_drift: certain, app_errors: certain, journey_failed@any: usual}
requires: [config_drift]
match: {config_drift: nightly}
summary: "{component} is slowed down by its nightly job"
actions:
  - {action: pause-job, target: "{component}", params: {job: nightly}}
  - {action: restart-service, target: "{component}"}
---
# A nightly job
"""


def test_a_path_with_a_step_that_does_not_apply_is_not_taken_at_all(ward: Ward) -> None:
    """There is no job here to be paused; a bare restart is not what the runbook says."""
    form: dict[str, Any] = {"text": RUNBOOK, "note": "", "version": "0"}
    ward.post("/runbooks/new/", form)
    for name in APIS:
        ward.file(f"etc/{name}.yaml").write_text(
            ward.file(f"golden/{name}.yaml").read_text() + "nightly: 5\n"
        )
    fails(ward, *APIS)
    ward.look_until(lambda: over(ward), most=200)
    assert not [c for c in ward.calls if c.startswith("restart")], ward.calls
    assert "restart-service" not in str(asked(ward))


def db_is_dead(ward: Ward) -> None:
    ward.runtime.crash("db", exit_code=-9, fatal=True)
    ward.set("db", "pg.ok", 0, "connection refused")
    ward.set("db", "tcp.ok", 0, "connection refused")
    fails(ward, *APIS)
