"""Two switches, from outside: where the agent is off it only watches and says what it would do; while all acting is
stopped nothing starts, nothing is refused for it, and it goes on when the switch is lifted."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from opsportal import tokens
from tests.outside.ward import Person, Ward

WATCHES = "the agent only watches {}: it is not turned on there"


class Boss(Person):
    """Who may turn the switches."""

    def lift(self) -> Any:
        as_ = {"Authorization": f"Bearer {self._token}"}
        return Client().delete("/api/stop", headers=as_).json()


@pytest.fixture
def boss(ward: Ward) -> Boss:
    return Boss("mira", "systems.change_system", "actions.add_policyrule", tokens.READ)


def db_is_dead(ward: Ward) -> None:
    """The database's process has ended, and a start mends it."""
    ward.runtime.crash("db", exit_code=-9, fatal=True)
    ward.set("db", "pg.ok", 0, "connection refused")
    ward.set("db", "tcp.ok", 0, "connection refused")
    for name in ("api-1", "api-2"):
        ward.set(name, "app.error_rate", 1.0)
    ward.set("gateway", "journey.ok", 0, "GET /order: 500", "order")
    ward.on("restart", "db", ward.heal)
    ward.on("start", "db", ward.heal)


def over(ward: Ward) -> bool:
    return bool(ward.numbers) and ward.incident["state"] in ("handed_over", "resolved")


def test_where_it_only_watches_it_explains_says_what_it_would_ask_and_takes_it_up_when_turned_on(
    ward: Ward, boss: Boss
) -> None:
    boss.post(f"/api/systems/{ward.slug}/agent", {"on": False})
    db_is_dead(ward)
    ward.look_until(lambda: over(ward))
    ward.look(10)
    assert (ward.calls, ward.requests()) == ([], [])
    assert ward.incident["state"] == "handed_over"
    assert "db" in ward.incident["headline"].lower() or ward.incident["diagnosis"].startswith("db")
    said = " / ".join(ward.titles("handover"))
    assert WATCHES.format(ward.slug) in said and "it would ask for restart-db on db" in said
    assert "no further" not in said
    plan = [e for e in ward.incident["events"] if e["title"].startswith("Would ask for: ")]
    assert plan and plan[0]["data"]["steps"][0]["preview"]["command"]
    boss.post(f"/api/systems/{ward.slug}/agent", {"on": True})
    ward.look_until(lambda: ward.requests("waiting"))
    ward.decide("approve")
    ward.look_until(lambda: over(ward))
    assert ward.incident["state"] == "resolved" and len(ward.calls) == 1


def test_turned_off_what_waits_is_withdrawn_and_it_only_watches(ward: Ward, boss: Boss) -> None:
    db_is_dead(ward)
    ward.look_until(lambda: ward.requests("waiting"))
    said = boss.post(f"/api/systems/{ward.slug}/agent", {"on": False, "why": "sale"})
    assert said["withdrawn"] == 1 and not ward.requests("waiting")
    ward.look_until(lambda: over(ward))
    assert ward.calls == [] and len(ward.requests()) == 1
    assert any("mira turned the agent off" in t and "sale" in t for t in ward.titles())
    assert WATCHES.format(ward.slug) in " / ".join(ward.titles("handover"))


def test_what_was_approved_waits_while_all_is_stopped_and_then_runs_once(ward: Ward, boss: Boss) -> None:
    db_is_dead(ward)
    ward.look_until(lambda: ward.requests("waiting"))
    boss.post("/api/stop", {"note": "fire drill"})
    ward.decide("approve")
    ward.look(15)
    assert ward.calls == [] and over(ward) is False
    (request,) = ward.requests()
    assert (request["status"], request["status_why"]) == (
        "approved",
        "waits: all acting was stopped by mira: fire drill",
    )
    told = [t for t in ward.titles() if "fire drill" in t]
    assert len(told) == 1, told
    assert "path is closed" not in str(ward.titles())
    boss.lift()
    ward.look_until(lambda: over(ward))
    assert ward.incident["state"] == "resolved" and len(ward.calls) == 1
    assert [r["status"] for r in ward.requests()] == ["succeeded"]


def test_what_was_not_asked_yet_waits_too_and_is_planned_afresh(ward: Ward, boss: Boss) -> None:
    boss.post("/api/stop", {"note": "fire drill"})
    db_is_dead(ward)
    ward.look(40)
    assert (ward.calls, ward.requests()) == ([], []) and over(ward) is False
    assert len([t for t in ward.titles() if t.startswith("Waits with") and "fire drill" in t]) == 1
    boss.lift()
    ward.look_until(lambda: ward.requests("waiting"))
    assert "path is closed" not in str(ward.titles())
    ward.decide("approve")
    ward.look_until(lambda: over(ward))
    assert ward.incident["state"] == "resolved" and len(ward.calls) == 1


def test_what_gets_well_while_all_is_stopped_is_asked_for_no_more(ward: Ward, boss: Boss) -> None:
    db_is_dead(ward)
    ward.look_until(lambda: ward.requests("waiting"))
    boss.post("/api/stop")
    ward.decide("approve")
    ward.look(3)
    ward.runtime.set_state("db", state="RUNNING", pid=4711, exit_code=None, fatal=False)
    ward.heal()
    ward.look_until(lambda: over(ward), most=200)
    boss.lift()
    ward.look(5)
    assert not [c for c in ward.calls if c.split()[0] in ("restart", "start")]
    assert [r["status"] for r in ward.requests()] == ["cancelled"]
