"""Which changed settings are behind a cause, and which only lie beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from actions import effectnames
from agent import behind
from agent.phases import further, heldoff
from incidents.evidence import SignalState
from incidents.findings import Evidence, Finding, PlannedStep
from incidents.models import Incident
from systems.models import ChangeRow, System
from tests import runbooks
from tests.agent.reasoner.world import GRAPH

OWN = Evidence(text="web-a: timeout 2 -> 2s", weight=4.0, signal="config_drift", service="web-a")
BESIDE = Evidence(text="edge: a text for a banner", weight=4.0, signal="config_drift", service="edge")


@pytest.mark.django_db
@pytest.mark.parametrize("cause", ["config_changed", "change"])
def test_where_the_change_is_the_cause_what_was_changed_beside_it_is_none_of_it(cause: str) -> None:
    """The setting was put back, all was well, and it was "not recovered": a banner of another part's stood still."""
    runbooks.load()
    found = Finding(component="web-a", cause=cause, pro=[OWN, BESIDE])
    assert behind.shown(found, GRAPH) == {("config_drift", "web-a")}
    assert behind.shown(found.model_copy(update={"component": "web"}), GRAPH) == {("config_drift", "web-a")}


@pytest.mark.django_db
def test_a_setting_of_another_kind_on_the_same_part_is_none_of_it() -> None:
    """Its file was put back and it was started anew: a variable that somebody had added by then came into effect."""
    runbooks.load()
    variable = Evidence(text="web-a: TEAM is new", weight=1.0, signal="env_drift", service="web-a")
    found = Finding(component="web-a", cause="config_changed", pro=[OWN, variable])
    assert behind.shown(found, GRAPH) == {("config_drift", "web-a")}


def test_what_was_left_lying_a_little_before_it_was_noticed_is_of_the_trouble_that_accounts_for_it() -> None:
    began = datetime(2026, 1, 1, 12, tzinfo=UTC)
    incident = Incident(started_at=began)
    lying = SignalState(
        "inflight_orphans", "cache", "q:orders", True, 4.0, "", began - timedelta(seconds=9), "probe"
    )
    accounts = Finding(pro=[Evidence(signal="inflight_orphans", service="cache")])
    assert further.left_lying(incident, [lying]) == []  # it had been there before
    assert further.left_lying(incident, [lying], Finding()) == []
    assert further.left_lying(incident, [lying], accounts) == [lying]


@pytest.mark.django_db
def test_what_may_have_led_to_another_cause_is_behind_it_where_it_is_spoken_of() -> None:
    """Sessions were ended; the setting that leaves them open is another part's. What a page looks like, which was
    changed by the same time on a third, is none of it: a server that had died was started, and "held off"."""
    runbooks.load()
    found = Finding(component="db", cause="connections_exhausted", detail="web-a", pro=[OWN, BESIDE])
    assert behind.shown(found, GRAPH) == {("config_drift", "web-a")}
    assert behind.shown(found.model_copy(update={"detail": ""}), GRAPH) == set()
    victim = Evidence(text="edge fails as it never did", weight=2.0, signal="new_exception", service="edge")
    ill = found.model_copy(update={"pro": [OWN, BESIDE, victim]})
    assert ("config_drift", "edge") not in behind.shown(ill, GRAPH), "it needs what is broken"
    job = Evidence(
        text="jobs.price-recalc.hold_s: 0 -> 20", weight=1.0, signal="config_drift", service="edge"
    )
    root = Evidence(
        text="pid 7, price-recalc, holds what 4 wait for", weight=4.0, signal="pg_lock_root", service="db"
    )
    waits = Finding(component="db", cause="lock_contention", pro=[root, job, OWN])
    assert behind.shown(waits, GRAPH) == {("pg_lock_root", "db"), ("config_drift", "edge")}
    assert behind.shown(None, GRAPH) == set()


@pytest.mark.django_db
def test_where_its_own_setting_was_put_back_what_was_changed_elsewhere_is_none_of_it() -> None:
    """The way is up again, as it was written before; what a page looks like was changed at the same time."""
    runbooks.load()
    found = Finding(component="web-a", cause="overload", detail="edge", pro=[OWN, BESIDE])
    assert behind.shown(found, GRAPH, {"web-a"}) == {("config_drift", "web-a")}
    assert behind.shown(found, GRAPH, {"db"}) == {("config_drift", "web-a"), ("config_drift", "edge")}
    assert effectnames.writes({"config:web-a", "reload:web-a"}) and not effectnames.writes({"restart:web-a"})


@pytest.mark.django_db
def test_a_lost_table_that_was_repaired_must_be_back() -> None:
    runbooks.load()
    lost = Evidence(text="", weight=4.0, signal="pg_table_missing", service="db")
    found = Finding(component="db", cause="table_missing", pro=[lost])
    assert behind.shown(found, GRAPH) == {("pg_table_missing", "db")} and behind.is_kept("pg_table_missing")


@pytest.mark.parametrize(("done", "left"), [("revert-change", 0), ("failover-link", 1)])
@pytest.mark.django_db
def test_what_was_taken_back_is_asked_of_the_target_and_not_of_what_lies_beside_it(
    monkeypatch: pytest.MonkeyPatch, done: str, left: int
) -> None:
    """The limit was put back and all was well, and a banner in the same part's file stood still."""
    loaded = SimpleNamespace(graph=GRAPH)
    monkeypatch.setattr(heldoff.services, "load", lambda _: loaded)
    monkeypatch.setattr(heldoff.actions, "effects_of", lambda *_: [])
    found = Finding(component="web-a", cause="change", pro=[OWN], change_id="7", change_kind="limit")
    step = PlannedStep(action=done, target="web-a", params={"change": "7"})
    case = SimpleNamespace(acted_on=found, attempt=SimpleNamespace(done=[step]))
    run = SimpleNamespace(case=case, incident=SimpleNamespace(system=SimpleNamespace(slug="s")))
    drift = SignalState("config_drift", "web-a", "", True, 1.0, "banner: b", None, "state")
    assert len(heldoff.still_changed(run, [drift])) == left  # type: ignore[arg-type]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("before", "effects", "changed_again", "comes_next"),
    [
        ("rss_growing@web", ["restart:web"], False, True),
        ("unit_down@web", ["restart:web"], False, False),  # no trend: that it runs is measured
        ("rss_growing@web", ["config:web", "restart:web"], False, False),  # something was put back already
        ("rss_growing@web", ["restart:web"], True, False),  # so was this
    ],
)
def test_a_trend_that_was_only_set_back_is_ended_by_what_led_to_it(
    monkeypatch: pytest.MonkeyPatch, before: str, effects: list[str], changed_again: bool, comes_next: bool
) -> None:
    system = System.objects.create(slug="mini", title="Mini", manifest_path="/nowhere")
    values = {
        "system": system, "component": "web", "kind": "config", "what": "cache.max_entries", "source": "files",
        "last_old": timezone.now(), "first_new": timezone.now(),
    }  # fmt: skip
    row = ChangeRow.objects.create(before="25", after="0", **values)
    if changed_again:
        ChangeRow.objects.create(before="0", after="25", **values)
    back = [PlannedStep(action="revert-change", target="web", params={"change": str(row.pk)})]
    restart = PlannedStep(action="restart-service", target="web")
    lead = Finding(component="web", cause="memory_leak", change_id=str(row.pk), paths=[[restart], back])
    case = SimpleNamespace(acted_on=lead, attempt=SimpleNamespace(done=[restart]), before=[before])
    run = SimpleNamespace(
        case=case, incident=SimpleNamespace(system=SimpleNamespace(slug="mini", agent_on=True))
    )
    monkeypatch.setattr(heldoff.actions, "effects_of", lambda *_: effects)
    monkeypatch.setattr(further, "was_tried", lambda *_: False)
    monkeypatch.setattr(further, "vetoed", lambda *_: False)
    assert heldoff.still_behind(run) == (back if comes_next else [])  # type: ignore[arg-type]
