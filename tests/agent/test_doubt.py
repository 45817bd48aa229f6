"""What our own doing says: a repair in vain, and what we brought about ourselves."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from actions.models import ActionRequest, Status
from agent import doubt
from incidents import service
from incidents.evidence import SignalState
from incidents.findings import Opinion
from incidents.models import Incident
from systems import services
from tests.agent.world import World, finding


def state(signal: str, name: str, since: datetime) -> SignalState:
    return SignalState(signal, name, "", True, 1.0, "", since, "log")


def acted(world: World, incident: Incident, target: str) -> ActionRequest:
    now = timezone.now()
    return ActionRequest.objects.create(
        system=world.system, incident=incident, slug="mend", target=target, requested_by="agent",
        status=Status.SUCCEEDED, risk="low", digest="x", claimed_at=now, finished_at=now + timedelta(seconds=2),
    )  # fmt: skip


def test_a_cause_falls_with_each_repair_in_vain_and_the_others_rise(world: World) -> None:
    incident = world.open()
    stuck, slow = finding("stuck", 0.9), finding("slow", 0.06)
    before = Opinion(findings=[stuck, slow], none_probability=0.04)
    assert doubt.fallen(doubt.failed(incident), before) == before
    service.note_repair(incident.pk, stuck, ["mend web"], helped=False)
    once = doubt.fallen(doubt.failed(incident), before)
    service.note_repair(incident.pk, stuck, ["patch web"], helped=False)
    twice = doubt.fallen(doubt.failed(incident), before)
    odds = [next(f.probability for f in o.findings if f.cause == "stuck") for o in (before, once, twice)]
    assert 0.9 == odds[0] > odds[1] > 0.6 > odds[2]
    assert next(f.probability for f in twice.findings if f.cause == "slow") > 0.06
    assert twice.none_probability > once.none_probability > 0.04


def test_a_cause_that_may_be_true_as_well_gains_nothing_by_it(world: World) -> None:
    incident = world.open()
    service.note_repair(incident.pk, finding("stuck", 0.9), ["mend web"], helped=False)
    after = doubt.fallen(
        doubt.failed(incident),
        Opinion(findings=[finding("stuck", 0.95), finding("slow", 0.9)], none_probability=0.01),
    )
    assert [f.cause for f in after.findings] == ["slow", "stuck"]
    assert after.findings[0].probability == 0.9


def test_what_our_action_brought_about_is_unknown_and_the_rest_stays(world: World) -> None:
    incident = world.open()
    system = services.load("mini")
    act = acted(world, incident, "db")
    assert act.claimed_at is not None and act.finished_at is not None
    inside, before = act.claimed_at + timedelta(seconds=1), act.claimed_at - timedelta(seconds=30)
    late = act.finished_at + timedelta(seconds=60)
    states = [
        state("unit_restarting", "db", inside),
        state("config_drift", "db", inside),
        state("log_db_closed", "web", inside),  # web's session, which our restart has ended
        state("log_db_closed", "web", late),
        state("config_drift", "db", before),
        state("log_permission_denied", "web", inside),  # a statement is a fact, whenever it comes
        state("pg_unreachable", "db", inside),
        state("limit_changed", "db", inside),  # what we set is as much ours as what we wrote
    ]
    seen = doubt.without_own_doing(doubt.acts(incident), system, states)
    assert [s.value for s in seen] == [None, None, None, True, True, True, True, None]
    soon = act.finished_at + timedelta(
        seconds=5
    )  # a new run may still end of it; a file it wrote has been read
    both = [state("unit_down", "db", soon), state("config_drift", "db", soon)]
    assert [s.value for s in doubt.without_own_doing(doubt.acts(incident), system, both)] == [None, True]
    ActionRequest.objects.update(status=Status.REJECTED)
    assert doubt.without_own_doing(doubt.acts(incident), system, states) == states
