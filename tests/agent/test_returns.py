"""Trouble that comes back soon with the same explanation is the same incident again, and not repaired for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from agent import doubt, loop, returns
from agent import service as agent
from agent.models import Phase, Run
from agent.roles.narrator import PlainNarrator
from incidents import people, postmortem, returned, story
from incidents.facts import Moved
from incidents.findings import Finding, none_of_these
from incidents.models import Incident, Postmortem, State, Symptom, TimelineEvent
from incidents.openings import Opening
from knowledge.models import Lesson, OutcomeStat
from tests.agent.world import World, finding, path


def again(world: World, times: int = 1, *, cause: str = "stuck") -> list[Incident]:
    """It breaks and is repaired `times` times; what was noticed each time, as it is then."""
    world.findings = [finding(cause, 0.95, path("mend web"))]
    noticed = []
    for _ in range(times):
        done = len(world.effects())
        world.cured = lambda effects, done=done: len(effects) > done  # type: ignore[misc]
        world.clear()
        new = world.open()
        world.drive(world.start(new))
        world.clear()
        new.refresh_from_db()
        noticed.append(new)
    return noticed


def events(incident: Incident, kind: str) -> list[str]:
    return list(incident.events.filter(kind=kind).order_by("seq").values_list("title", flat=True))


def test_the_same_cause_soon_after_is_the_same_incident(world: World):
    first, second = again(world, 2)
    first.refresh_from_db()
    assert (second.merged_into_id, second.state) == (first.number, State.RESOLVED)
    assert (first.state, first.flaps, first.reopened) == (State.RESOLVED, 1, 0)
    assert world.effects() == ["mend@web", "mend@web"]
    (before,) = first.openings
    assert before.back_as == second.number
    assert before.resolved_at and before.started_at < before.resolved_at <= first.started_at
    assert (first.started_at, first.opened_at) == (second.started_at, second.opened_at)
    assert first.first_started_at == before.started_at
    assert not second.symptoms.exists() and first.symptoms.count() == 2
    back = next(e for e in first.events.filter(kind="state") if e.facts.flaps)  # type: ignore[union-attr]
    assert isinstance(back.facts, Moved) and back.facts.back_as == second.number
    assert back.title == "Came back 0 s after it was over: web does not answer"
    assert events(second, "state")[-1] == f"The same as #{first.number}, which came back"
    assert "Back: web does not answer" in events(first, "symptom")
    assert events(first, "hypotheses")  # told what is thought now, too
    runs = Run.objects.filter(incident=first)
    assert runs.count() == 2 and not Run.objects.filter(incident=second).exists()
    numbers = list(first.events.order_by("seq").values_list("seq", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))


def test_one_postmortem_tells_of_every_time(world: World):
    again(world, 3)
    first = Incident.objects.get(merged_into=None)
    (written,) = Postmortem.objects.all()
    assert (written.incident_id, written.version) == (first.number, 3)
    said = " ".join(s.text for s in PlainNarrator().tell(story.of(first)).what_broke)
    assert "It came back 2 times after it was over; before that it was open from" in said
    assert postmortem.markdown(written).count("- Came back: ") == 2
    assert said.count("web does not answer") == 1 + said.count("is stuck")  # seen once, however often


@pytest.mark.parametrize(
    ("what", "apart"),
    [("another cause", True), ("later", True), ("merged", True), ("", False)],
)
def test_what_is_another_incident(world: World, what: str, apart: bool):
    (first,) = again(world)
    if what == "later":
        long_ago = timezone.now() - returned.WITHIN - timedelta(seconds=5)
        Incident.objects.filter(pk=first.pk).update(resolved_at=long_ago)
    if what == "merged":
        other = Incident.objects.create(
            system=world.system, fingerprint="x", title="x", started_at=timezone.now(), state="resolved",
            resolved_at=timezone.now() - timedelta(hours=1),
        )  # fmt: skip
        Incident.objects.filter(pk=first.pk).update(merged_into=other)
    (second,) = again(world, cause="broken" if what == "another cause" else "stuck")
    assert (second.merged_into_id is None) is apart


def test_what_had_helped_has_not_held(world: World):
    (first,) = again(world)
    assert OutcomeStat.objects.get(cause="stuck").successes == 1
    world.findings, world.cured = [finding("stuck", 0.95, path("mend web"))], lambda effects: False
    second = world.open()
    run = world.start(second)
    world.drive(run, until=lambda: Run.objects.get(pk=run.pk).incident_id == first.number)
    first.refresh_from_db()
    assert first.is_open and not first.verdict.repaired and not first.verdict.failed
    (repair,) = first.repairs
    assert (repair.helped, repair.held, repair.returned) == (True, False, 1)
    assert doubt.failed(first) == {"web:stuck": doubt.NOT_HELD}
    stat = OutcomeStat.objects.get(cause="stuck")
    assert (stat.successes, stat.failures) == (1, 1)
    assert not Lesson.objects.get(incident_number=first.number).recovered


def test_from_the_third_return_on_a_person_decides(world: World, person: User):
    again(world, returns.MOST)
    assert len(world.effects()) == returns.MOST
    again(world)
    first = Incident.objects.get(merged_into=None)
    assert (first.state, first.flaps) == (State.HANDED_OVER, returns.MOST)
    assert len(world.effects()) == returns.MOST  # nothing more was done
    assert "it came back 3 times in 1 min" in events(first, "handover")[-1]
    last = Symptom.objects.filter(incident=first).latest("pk")
    Symptom.objects.filter(pk=last.pk).update(cleared_at=None)  # it lasts, and the person gives it back
    agent.give_back(first.number, "paula")
    world.cured = lambda effects: len(effects) > returns.MOST
    world.drive(Run.objects.exclude(phase=Phase.DONE).get())
    first.refresh_from_db()
    assert (first.state, len(world.effects())) == (State.RESOLVED, returns.MOST + 1)
    later = timezone.now() + timedelta(minutes=1)
    back = Opening(started_at=later, opened_at=later, resolved_at=later)
    first.opened_at = later  # since the person said so it counts anew
    said = []
    for _ in range(returns.MOST):
        said.append(bool(returns.too_often(first, finding("stuck", 0.9))))
        first.openings = [*first.openings, back]
    assert said == [False, False, True]


def test_what_nobody_repaired_so_far_may_be_repaired_however_often_it_came_back(world: World):
    (first,) = again(world)
    past = first.openings or first.all_openings
    Incident.objects.filter(pk=first.pk).update(openings=past * 5, repairs=[])
    again(world)
    first.refresh_from_db()
    assert (first.state, first.flaps, len(world.effects())) == (State.RESOLVED, 6, 2)


def test_what_goes_by_itself_each_time_is_one_incident(world: World):
    """No cause is ever found: the symptoms say that it is the same."""
    for _ in range(4):
        world.findings = [finding("stuck", 0.3)]
        new = world.open()
        run = world.start(new)
        world.drive(run, until=lambda run=run: "took the incident" in world.steps(run))  # type: ignore[misc]
        world.clear()
        world.drive(run, most=90)
    first, *rest = Incident.objects.order_by("number")
    assert [i.merged_into_id for i in rest] == [first.number] * 3
    assert (first.state, first.flaps, Postmortem.objects.count()) == (State.RESOLVED, 3, 1)


def known(world: World, number: int, lead: Finding) -> None:
    Incident.objects.filter(pk=number).update(
        hypotheses=[lead, none_of_these(0.1)], component=lead.component, cause=lead.cause, detail=lead.detail
    )


def test_of_a_change_what_was_changed_must_be_the_same(world: World):
    (first,) = again(world)
    new = world.open()
    lead = finding("change", 0.9)
    known(world, first.number, lead.model_copy(update={"detail": "maxmemory"}))
    known(world, new.number, lead.model_copy(update={"detail": "timeout"}))
    assert returned.before(Incident.objects.get(pk=new.pk)) is None
    known(world, new.number, lead.model_copy(update={"detail": "maxmemory"}))
    assert returned.before(Incident.objects.get(pk=new.pk)) == first


def test_only_the_same_first_sign_is_the_same_trouble(world: World):
    (first,) = again(world)
    known(world, first.number, finding("stuck", 0.3))
    new = world.open()
    new.symptoms.update(service="db")
    assert returned.before(new) is None
    new.symptoms.update(service="web")
    assert returned.before(new) == first
    Symptom.objects.update(signal="journey_failed")
    assert returned.before(new) is None  # whatever the trouble is, customers notice it
    Symptom.objects.update(signal="http_unreachable")
    first.symptoms.update(label="the way to a")
    new.symptoms.update(label="the way to b")
    assert returned.before(new) is None  # another thing of the same part
    new.symptoms.update(label="the way to a")
    assert returned.before(new) == first
    known(world, first.number, finding("stuck", 0.9))
    assert returned.before(new) is None  # it may still turn out to be something else
    assert returned.before(new, over=True) == first


def test_a_person_who_is_quicker_wins(world: World, person: User):
    """Closed, taken or opened again between the decision and its transaction: nothing is moved."""
    (first,) = again(world)
    new = world.open()
    Incident.objects.filter(pk=first.pk).update(fingerprint="web~web")
    known(world, new.number, finding("stuck", 0.95))
    assert returned.before(Incident.objects.get(pk=new.pk)) == first
    people.reopen(first.number, person, "it is not over", "agent")
    assert returned.open_again(first.number, new.number) is None
    Incident.objects.filter(pk=first.pk).update(state=State.RESOLVED, resolved_at=timezone.now())
    agent.take_over(new.number, "paula")
    assert returned.open_again(first.number, new.number) is None
    Incident.objects.filter(pk=new.pk).update(agent_stopped=False, state=State.RESOLVED)
    assert returned.open_again(first.number, new.number) is None
    new.refresh_from_db()
    assert new.merged_into_id is None and new.symptoms.exists()


def test_a_worker_that_lost_its_lease_moves_nothing(world: World, monkeypatch: pytest.MonkeyPatch):
    (first,) = again(world)
    new = world.open()
    run = world.start(new)
    look = returns.look

    def robbed(run: Run, *, over: bool = False) -> object:
        outcome = look(run, over=over)
        if outcome is not None:
            Run.objects.filter(pk=run.pk).update(lease_token=run.lease_token + 1)
        return outcome

    monkeypatch.setattr(returns, "look", robbed)
    for _ in range(6):
        world.tick()
        world.time_passes(run)
        loop.advance(run.pk)
    new.refresh_from_db()
    first.refresh_from_db()
    assert (new.merged_into_id, first.state, first.flaps) == (None, State.RESOLVED, 0)


def test_requests_and_what_was_merged_follow_and_the_place_is_taken_over(world: World):
    (first,) = again(world)
    Incident.objects.filter(pk=first.pk).update(fingerprint="elsewhere")
    new = world.open()
    part = Incident.objects.create(
        system=world.system, fingerprint="part", title="part", started_at=timezone.now(), state="resolved",
        resolved_at=timezone.now(), merged_into=new,
    )  # fmt: skip
    found = returned.open_again(first.number, new.number)
    assert found is not None and found.fingerprint == "web"
    part.refresh_from_db()
    assert part.merged_into_id == first.number
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from incidents_incident where state <> 'resolved'")
        assert cursor.fetchone() == (1,)
    assert TimelineEvent.objects.filter(incident=new).count() == new.last_seq + 1
