"""Symptoms open incidents or join them: races, floods, restarts."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from statistics import quantiles
from types import SimpleNamespace

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from incidents import detection, evidence, gravity, lifecycle, service
from incidents.detection import Detector
from incidents.models import Incident, State, Symptom
from incidents.picture import Picture, taken
from incidents.standing import standing
from systems.models import System
from systems.readings import Reading
from systems.state import urgent
from tests.incidents.conftest import START, Ticker, all_quiet, commits, load_bakery

DOWN = Reading("oven-1", "http.ok", 0, "refused")
DRIFT = Reading("oven-1", "config.drift", 1, "timer: 20 -> 2000")


def symptom(
    system: System, signal: str = "http_unreachable", name: str = "oven-1", label: str = ""
) -> Symptom:
    return Symptom.objects.create(
        system=system,
        signal=signal,
        service=name,
        label=label,
        title=f"{name} {signal} {label}",
        severity="high",
        first_seen=START,
        last_seen=START,
    )


@pytest.mark.django_db
def test_connected_services_share_one_incident_and_others_do_not(watch: Ticker) -> None:
    watch(DOWN, times=2)
    watch(DOWN, Reading("flour", "pg.ok", 0, "refused"), times=2)
    watch(DOWN, Reading("clock", "http.ok", 0, "refused"), times=2)
    shared, alone = Incident.objects.order_by("number")
    assert (shared.fingerprint, alone.fingerprint) == ("door", "clock")
    assert {s.service for s in shared.symptoms.all()} == {"oven-1", "flour"}
    assert shared.title == "flour cannot be reached (refused)"  # tells more than its caller's trouble
    assert shared.severity == "critical"
    assert shared.started_at < shared.symptoms.order_by("first_seen")[0].last_seen
    assert [e.kind for e in shared.events.order_by("seq")] == ["state", "symptom", "symptom"]


@pytest.mark.django_db
def test_context_opens_nothing_but_is_adopted(watch: Ticker) -> None:
    watch(DRIFT, times=20)
    assert Incident.objects.count() == 0
    drift = Symptom.objects.get()
    assert (drift.signal, drift.incident) == ("config_drift", None)
    watch(DRIFT, DOWN, times=2)
    incident = Incident.objects.get()
    assert set(incident.symptoms.values_list("signal", flat=True)) == {"config_drift", "http_unreachable"}
    assert (
        incident.started_at == Symptom.objects.get(signal="http_unreachable").first_seen
        or incident.started_at
    )
    assert incident.title == "oven-1 does not answer on its port (refused)"


@pytest.mark.django_db
def test_a_dropped_table_opens_an_incident_once_somebody_misses_it(watch: Ticker) -> None:
    many, fewer = (Reading("flour", "pg.tables", n) for n in (12, 11))
    watch(many, times=10)
    watch(fewer, times=30)
    assert (Incident.objects.count(), Symptom.objects.get().signal) == (0, "pg_table_missing")
    said = Reading("oven-1", "log.template", 2, 'ERROR relation "crumbs" does not exist', "t1")
    watch(fewer, said, times=2)
    assert Incident.objects.get().title.startswith("oven-1 misses a table")


@pytest.mark.django_db
def test_the_ledger_hears_of_trouble_and_of_its_end(watch: Ticker) -> None:
    heard: list[bool] = []
    slug = System.objects.get().slug
    urgent.hear(slug, heard.append)
    try:
        watch(DRIFT, times=20)
        assert True not in heard  # it opens nothing
        watch(DRIFT, DOWN, times=2)
        assert heard[-1] is True
        watch(DRIFT, times=5)
        assert heard[-1] is False
    finally:
        urgent.leave(slug, heard.append)


@pytest.mark.django_db
def test_cleared_symptoms_are_told_and_flapping_is_one_symptom(watch: Ticker) -> None:
    watch(DOWN, times=2)
    for _ in range(10):
        watch(times=3)
        watch(DOWN, times=3)
    assert Symptom.objects.count() == 1
    assert Incident.objects.count() == 1
    watch(times=3)
    assert Symptom.objects.get().cleared_at is not None
    last = Incident.objects.get().events.order_by("-seq")[0]
    assert (last.kind, last.title) == ("cleared", "Over: oven-1 does not answer on its port (refused)")


@pytest.mark.django_db
def test_what_cannot_be_read_any_more_is_not_told_as_over(watch: Ticker) -> None:
    watch(DOWN, times=2)
    watch(Reading("oven-1", "http.ok", None, "no answer from the probe"), times=100)
    row = Symptom.objects.get()
    assert row.cleared_at is not None and row.given_up
    last = Incident.objects.get().events.order_by("-seq")[0]
    assert (last.kind, last.title[:25]) == ("unread", "Cannot be read any more: ")
    assert standing(row, watch_picture(watch)) == "unread"
    watch(times=3)
    assert standing(row, watch_picture(watch)) == "over"


def watch_picture(watch: Ticker) -> Picture:
    return taken(watch.engine, watch.at)


@pytest.mark.django_db
def test_trouble_after_the_end_opens_a_new_incident_that_says_what_it_follows(watch: Ticker) -> None:
    watch(DOWN, times=2)
    first = Incident.objects.get()
    watch(times=3)
    lifecycle.transition(first.number, State.RESOLVED, actor="agent")
    watch(DOWN, times=2)
    second = Incident.objects.get(state=State.DETECTING)
    assert second.number != first.number
    assert second.events.get(seq=1).data["follows"] == first.number


@pytest.mark.django_db
def test_an_incident_closed_over_a_lasting_symptom_is_opened_anew(watch: Ticker) -> None:
    watch(DOWN, times=2)
    first = Incident.objects.get()
    lifecycle.transition(first.number, State.RESOLVED, actor="someone")
    Incident.objects.filter(pk=first.pk).update(resolved_at=watch.at)
    watch(DOWN, times=9)
    assert Incident.objects.exclude(state=State.RESOLVED).count() == 0
    watch(DOWN, times=15)
    assert Incident.objects.exclude(state=State.RESOLVED).count() == 1


@pytest.mark.django_db
def test_a_restarted_detector_goes_on(watch: Ticker, system: System) -> None:
    watch(DOWN, times=2)
    again = Ticker(Detector(load_bakery(system.pk)))
    again.at = watch.at
    assert again(DOWN, times=8) == []
    assert Symptom.objects.count() == Incident.objects.count() == 1
    assert again(times=3) == ["-http_unreachable@oven-1"]
    assert Symptom.objects.get().cleared_at is not None


@pytest.mark.django_db
def test_a_tick_that_cannot_be_stored_is_stored_with_the_next(
    watch: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(DOWN)
    with monkeypatch.context() as broken:
        broken.setattr(service, "open_or_join", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            watch(DOWN)
    assert Symptom.objects.count() == 0
    assert watch(DOWN) == ["+http_unreachable@oven-1"]
    assert Incident.objects.count() == 1


@pytest.mark.django_db
def test_a_quiet_tick_asks_the_database_nothing(watch: Ticker) -> None:
    with CaptureQueriesContext(connection) as queries:
        watch(times=9)
    # Every ten seconds it is looked whether an incident was closed over a lasting symptom.
    assert len(queries) <= 4


@commits
def test_sixteen_at_once_open_one(system: System, opened: list[int]) -> None:
    rows = [symptom(system, label=str(n)) for n in range(16)]
    barrier = threading.Barrier(16)

    def press(row: Symptom) -> None:
        barrier.wait()
        try:
            service.open_or_join(system.pk, "door", [row])
        finally:
            connections.close_all()

    threads = [threading.Thread(target=press, args=(row,)) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    incident = Incident.objects.get()
    assert incident.symptoms.count() == 16
    assert opened == [incident.number]
    assert list(incident.events.order_by("seq").values_list("seq", flat=True)) == list(range(1, 18))


@commits
def test_ten_thousand_symptom_events_one_incident(system: System, opened: list[int]) -> None:
    """Twenty labels of five signals, on and off a hundred times: one incident, one start of the agent."""
    ticker = Ticker(Detector(load_bakery(system.pk)))
    ticker(times=10)
    parts = [f"part{n}" for n in range(100)]
    bad = [Reading("oven-1", f"ready.{p}", 0, "broken") for p in parts]
    good = [Reading("oven-1", f"ready.{p}", 1) for p in parts]
    spent: list[float] = []
    events = 0
    for _ in range(50):
        for readings in (bad, bad, good, good):
            began = time.perf_counter()
            events += len(ticker(*readings))
            spent.append((time.perf_counter() - began) * 1000)
    assert events == 10_000
    assert Incident.objects.count() == 1
    assert opened == [Incident.objects.get().number]
    assert Symptom.objects.count() == 100
    incident = Incident.objects.get()
    assert incident.events.count() == incident.last_seq
    p95 = quantiles(spent, n=20)[-1]
    print(f"\n{events} symptom events: 1 incident, {len(opened)} run; a tick of 100 changes p95 {p95:.0f} ms")


@pytest.mark.django_db
def test_a_failing_hook_does_not_stop_the_others(
    system: System, opened: list[int], django_capture_on_commit_callbacks: object
) -> None:
    def fail(number: int) -> None:
        raise RuntimeError("no")

    service.on_opened.insert(0, fail)
    try:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            service.open_or_join(system.pk, "door", [symptom(system)])
    finally:
        service.on_opened.remove(fail)
    assert len(opened) == 1


@pytest.mark.django_db
def test_severity_follows_the_customers(system: System) -> None:
    one = symptom(system, "journey_failed", "door", "bake")
    two = symptom(system, "journey_failed", "door", "sell")
    slow = Symptom(signal="http_slow", service="door", severity="medium", opens=True)
    noise = Symptom(signal="log_errors", service="door", severity="low", opens=True)
    assert gravity.severity_of([one, two]) == "critical"
    assert gravity.severity_of([one, slow]) == "high"
    assert gravity.severity_of([slow, noise]) == "medium"
    assert gravity.severity_of([noise]) == "low"


@pytest.mark.django_db
def test_a_diagnosed_incident_keeps_its_title(watch: Ticker) -> None:
    watch(DOWN, times=2)
    Incident.objects.update(cause="shut", component="oven-1", title="The oven is shut")
    watch(DOWN, Reading("flour", "pg.ok", 0, "refused"), times=3)
    assert Incident.objects.get().title == "The oven is shut"


@pytest.mark.django_db
def test_hostile_text_reaches_the_rows_harmless(watch: Ticker) -> None:
    evil = Reading(
        "oven-1", "http.ok", 0, "refused \x00\x1b[31m{service.__class__} {label!r} %s " + "x" * 5000
    )
    watch(evil, times=2)
    row = Symptom.objects.get()
    assert "\x00" not in row.text + row.title
    assert len(row.text) <= 500
    assert len(row.title) <= 300


@pytest.mark.django_db
def test_evidence_is_published_each_tick(watch: Ticker) -> None:
    first = evidence.picture("bakery").stamp
    watch(DOWN, times=2)
    assert evidence.picture("bakery").stamp != first
    states = {(s.signal, s.service): s for s in evidence.picture("bakery").states}
    assert states["http_unreachable", "oven-1"].value is True
    assert states["http_unreachable", "oven-1"].text == "refused"
    assert states["http_unreachable", "oven-1"].source == "probe"
    assert states["http_unreachable", "oven-2"].value is False
    watch(Reading("oven-2", "http.ok", None), times=2)
    states = {(s.signal, s.service): s for s in evidence.picture("bakery").states}
    assert states["http_unreachable", "oven-2"].value is None
    assert ("pg_login_failed", "flour") not in states
    assert evidence.picture("nowhere") == Picture()


@commits
async def test_the_watchers_handler(system: System) -> None:
    loaded = load_bakery(system.pk)
    for second in range(12):
        readings = all_quiet()
        if second > 9:
            readings = [r for r in readings if (r.service, r.metric) != ("oven-1", "http.ok")] + [DOWN]
        tick = SimpleNamespace(
            system=loaded, at=START + timedelta(seconds=second), readings=readings, mini=False, starved=False
        )
        await detection.on_tick(tick)
    assert await Incident.objects.acount() == 1
    detection.forget("bakery")


def test_a_check_signal_can_only_be_asked() -> None:
    with pytest.raises(ValueError, match="not a check"):
        evidence.run_check("bakery", "http_unreachable", "oven-1")


@pytest.mark.parametrize(
    ("values", "answer"),
    [((1.0, 1.0), False), ((1.0, 0.0), True), ((1.0, None), None), ((), None)],
    ids=["all can", "one cannot", "one untried", "nothing to try"],
)
def test_a_check_says_no_only_when_all_that_it_tried_says_so(
    values: tuple[float | None, ...], answer: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Reading("oven-1", "check.pg_login", v, f"role {i}") for i, v in enumerate(values)]
    monkeypatch.setattr(evidence.checks, "run", lambda *_: found)
    monkeypatch.setattr(evidence.services, "load", lambda slug: None)
    said = evidence.run_check("bakery", "pg_login_failed", "oven-1")
    assert said.value is answer
    assert not values or said.text == {False: "role 0; role 1"}.get(answer, "role 1")
