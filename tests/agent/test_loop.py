"""The loop on a scripted system: which way it goes in each situation, and what it never does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from actions import service as actions
from actions.base import ActionContext, NoParams, Result
from actions.models import ActionRequest, AuditEntry, Status
from agent import loop, unexplained
from agent import service as agent
from agent.case import Choice
from agent.journal import Outcome
from agent.models import Phase, Run
from agent.phases import act, diagnose, plan, proving
from agent.phases import waiting as asking
from agent.relapse import Proof
from incidents import service as incidents
from incidents import timeline
from incidents.facts import Cleared, Seen
from incidents.findings import Evidence, Question, somewhere_in
from incidents.models import Incident, Postmortem, State, Symptom, TimelineEvent
from knowledge.models import Lesson, OutcomeStat
from systems.models import ChangeRow
from tests.agent.world import FileAction, Mend, World, finding, path


def titles(incident: Incident, kind: str) -> list[str]:
    return list(TimelineEvent.objects.filter(incident=incident, kind=kind).values_list("title", flat=True))


def _clears_after_one_look(world: World, most: int = 90) -> tuple[Run, Incident]:
    """What becomes of an incident whose symptoms have gone as soon as it was thought about."""
    incident = world.open()
    run = world.start(incident)
    world.drive(run, until=lambda: world.diagnosed >= 1)
    world.clear()
    run = world.drive(run, most=most)
    incident.refresh_from_db()
    return run, incident


def _gone(world: World) -> str:
    """The change by which a table went."""
    now = timezone.now()
    row = ChangeRow.objects.create(
        system=world.system, component="web", kind="schema", what="table shop.coupons", before="owner app", after=None,
        last_old=now, first_new=now, source="postgres", words="table shop.coupons of web is gone",
    )  # fmt: skip
    return str(row.pk)


def test_found_repaired_verified_and_explained(world: World):
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    world.cured = lambda effects: "mend@web" in effects
    incident = world.open()
    run = world.drive(world.start(incident))
    incident.refresh_from_db()
    assert (run.outcome, incident.state) == ("recovered", State.RESOLVED)
    assert world.effects() == ["mend@web"]
    assert incident.diagnosis == "web:stuck"
    steps = world.steps(run)
    assert steps[0] == "took the incident"
    assert steps[-5:] == [
        "planned mend on web",
        "asked for mend on web",
        "did mend on web",
        "recovered",
        "explained",
    ]
    assert world.seqs(run) == list(range(1, len(steps) + 1))
    assert Postmortem.objects.filter(incident=incident).exists()
    assert Lesson.objects.get(incident_number=incident.number).recovered
    assert OutcomeStat.objects.get(cause="stuck", action="mend").successes == 1
    assert AuditEntry.objects.filter(incident=incident.number, verb="action.started").count() == 1
    numbers = list(
        TimelineEvent.objects.filter(incident=incident).order_by("seq").values_list("seq", flat=True)
    )
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_path_of_two_steps_runs_both_in_order(world: World):
    world.findings = [finding("stuck", 0.95, path("mend db", "patch web"))]
    world.cured = lambda effects: "patch@web" in effects
    run = world.drive(world.start(world.open()))
    assert (run.outcome, world.effects()) == ("recovered", ["mend@db", "patch@web"])


def test_what_has_only_just_come_up_beside_the_leader_is_not_acted_on_yet(world: World):
    """Another trouble, whose repair is cheaper: it is told apart first, and not taken for this one's."""
    leads = finding("stuck", 0.84, path("patch web"))
    world.findings = [leads]
    run = world.start(world.open())
    world.drive(run, until=lambda: world.diagnosed >= 2)
    assert world.effects() == []
    world.findings = [leads, finding("turned", 0.88, path("mend db"), component="db")]
    world.drive(run, until=lambda: world.effects())
    assert world.effects()[0] == "patch@web"


def test_a_leader_must_be_steady_over_two_pictures(world: World):
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    run = world.start(world.open())
    world.tick()
    for _ in range(4):  # the same picture again and again is one look
        world.time_passes(run)
        loop.advance(run.pk)
    assert world.diagnosed == 1
    run.refresh_from_db()
    assert run.phase == Phase.DIAGNOSE
    world.tick()
    world.time_passes(run)
    loop.advance(run.pk)
    assert "diagnosed web:stuck" in world.steps(run)


def test_asks_the_telling_check_before_it_acts_and_never_twice(world: World):
    world.findings = [finding("stuck", 0.7, path("mend web")), finding("slow", 0.2, path("patch web"))]
    world.questions = [
        Question(signal="direct_ok", service="web", gain=0.8),
        Question(signal="pg_login_failed", service="db", gain=0.001),
    ]
    world.answers = {"direct_ok@web": False}
    world.cured = lambda effects: "mend@web" in effects
    incident = world.open()
    world.drive(world.start(incident))
    assert world.asked == ["direct_ok@web"]
    assert titles(incident, "check") == ["Checked: direct ok on web? no"]


@pytest.mark.parametrize(("step", "asked"), [("wipe web", ["direct_ok@web"]), ("mend web", [])])
def test_what_loses_data_is_preceded_by_the_telling_check_and_asked_for(
    world: World, step: str, asked: list[str]
):
    """At 92 % nothing need be asked about any more, but before rows are gone."""
    world.findings = [finding("stuck", 0.92, path(step)), finding("slow", 0.05, path("patch web"))]
    world.questions = [Question(signal="direct_ok", service="web", gain=0.3)]
    world.cured = bool  # by anything that is done
    run = world.start(world.open())
    waiting = ActionRequest.objects.filter(status=Status.WAITING)
    world.drive(run, until=waiting.exists)
    assert world.asked == asked
    assert waiting.exists() is bool(asked)
    if asked:
        assert "data would be lost by it: 9 rows" in ActionRequest.objects.get().status_why


def test_risky_waits_for_a_person_then_acts(world: World, person: User, wired: None):
    world.findings = [finding("broken", 0.95, path("rebuild db"))]
    world.cured = lambda effects: "rebuild@db" in effects
    incident = world.open()
    run = world.start(incident)
    world.drive(run, until=lambda: Incident.objects.filter(pk=incident.pk, state=State.WAITING).exists())
    for _ in range(3):  # waiting is not acting, however often it is woken
        world.tick()
        world.time_passes(run)
        loop.advance(run.pk)
    assert world.effects() == []
    request = ActionRequest.objects.get(run_id=run.pk)
    assert request.status == Status.WAITING
    assert "it does not answer" in request.reason
    world.wakes.clear()
    actions.decide(request.pk, person, True)
    assert world.wakes == [run.pk]
    world.drive(run)
    run.refresh_from_db()
    assert (run.outcome, world.effects()) == ("recovered", ["rebuild@db"])
    assert ActionRequest.objects.filter(run_id=run.pk).count() == 1


def test_a_request_is_withdrawn_when_the_trouble_goes_away(
    world: World, person: User, monkeypatch: pytest.MonkeyPatch
):
    world.findings = [finding("broken", 0.95, path("rebuild db"))]
    incident = world.open()
    run = world.start(incident)
    waiting = ActionRequest.objects.filter(status=Status.WAITING)
    run = world.drive(run, until=waiting.exists)
    world.clear()
    for _ in range(3):  # a breath without symptoms is not the end of it
        world.tick()
        world.time_passes(run)
        loop.advance(run.pk)
    assert waiting.exists()
    monkeypatch.setattr(asking, "WELL_S", 0.0)
    run = world.drive(run)
    request = ActionRequest.objects.get(run_id=run.pk)
    assert (request.status, world.effects()) == (Status.CANCELLED, [])
    assert "went away while it waited" in request.status_why
    assert (run.outcome, Incident.objects.get().state) == ("recovered", State.RESOLVED)
    assert titles(incident, "state")[-2:] == [
        "Measuring whether all is well",
        "Resolved: the symptoms are gone, and not by the agent",
    ]
    with pytest.raises(actions.NotAllowed, match="is over: withdrawn"):
        actions.decide(request.pk, person, True)


def test_a_symptom_that_comes_back_is_asked_about_again(
    world: World, person: User, monkeypatch: pytest.MonkeyPatch
):
    """Withdrawn too soon: the same path is planned again, and a person asked again."""
    world.findings = [finding("broken", 0.95, path("rebuild db"))]
    world.cured = lambda effects: "rebuild@db" in effects
    incident = world.open()
    run = world.start(incident)
    waiting = ActionRequest.objects.filter(status=Status.WAITING)
    run = world.drive(run, until=waiting.exists)
    first = waiting.get().pk
    monkeypatch.setattr(asking, "WELL_S", 0.0)
    monkeypatch.setattr(proving, "SUSTAIN", 60)
    world.clear()
    run = world.drive(run, until=lambda: not waiting.exists())
    Symptom.objects.filter(incident=incident).update(cleared_at=None)
    run = world.drive(run, until=waiting.exists)
    assert waiting.get().pk != first
    monkeypatch.setattr(proving, "SUSTAIN", 0)
    actions.decide(waiting.get().pk, person, True)
    run = world.drive(run)
    assert (run.outcome, world.effects()) == ("recovered", ["rebuild@db"])


def test_rejected_takes_the_other_path(world: World, person: User):
    world.findings = [finding("broken", 0.95, path("rebuild db"), path("rebuild web"))]
    world.cured = lambda effects: "rebuild@web" in effects
    incident = world.open()
    run = world.start(incident)
    waiting = ActionRequest.objects.filter(status=Status.WAITING)
    world.drive(run, until=waiting.exists)
    actions.decide(waiting.get().pk, person, False, "not during the sale")
    world.drive(run, until=waiting.exists)
    assert waiting.get().target == "web"
    actions.decide(waiting.get().pk, person, True)
    run = world.drive(run)
    assert (run.outcome, world.effects()) == ("recovered", ["rebuild@web"])
    assert any(
        "not during the sale" in e.body for e in TimelineEvent.objects.filter(incident=incident, kind="plan")
    )


def test_rejected_with_no_other_path_hands_over_and_never_acts(world: World, person: User):
    world.findings = [finding("broken", 0.95, path("rebuild db"))]
    incident = world.open()
    run = world.start(incident)
    waiting = ActionRequest.objects.filter(status=Status.WAITING)
    world.drive(run, until=waiting.exists)
    actions.decide(waiting.get().pk, person, False)
    run = world.drive(run)
    incident.refresh_from_db()
    assert (run.outcome, incident.state, world.effects()) == ("handed_over", State.HANDED_OVER, [])
    event = TimelineEvent.objects.get(incident=incident, kind="handover")
    assert event.data["findings"][0]["cause"] == "broken"
    assert event.data["tried"] == ["web:broken|rebuild@db"]


def test_after_a_no_the_next_request_comes_from_fresh_looks(world: World, person: User):
    """However steady the diagnosis was, and however often it is woken in between."""
    world.findings = [finding("broken", 0.95, path("rebuild db"), path("rebuild web"))]
    run = world.start(world.open())
    waiting = ActionRequest.objects.filter(status=Status.WAITING)
    run = world.drive(run, until=waiting.exists)
    actions.decide(waiting.get().pk, person, False, "not now")
    seen = world.diagnosed
    for _ in range(10):  # woken again and again with nothing new to see
        world.time_passes(run)
        loop.advance(run.pk)
    assert (waiting.exists(), ActionRequest.objects.count()) == (False, 1)
    ticks = 0
    while not waiting.exists():
        world.tick()
        ticks += 1
        for _ in range(4):
            world.time_passes(run)
            loop.advance(run.pk)
        assert ticks < 20
    assert waiting.get().target == "web"
    assert min(ticks, world.diagnosed - seen) >= diagnose.AFTER_NO
    assert world.effects() == []


@pytest.mark.parametrize("step", ["rebuild db", "mend db"])
def test_two_incidents_with_one_path_have_one_effect_and_the_second_waits_for_it(
    world: World, person: User, step: str
):
    """While a person is asked for the first one, and while the effect for it is being measured."""
    asked = step.startswith("rebuild")
    world.findings = [finding("broken", 0.95, path(step))]
    world.cured = bool
    first = world.open()
    second = Incident.objects.create(
        system=world.system, fingerprint="beside", title="db does not answer", started_at=first.started_at
    )
    Symptom.objects.create(
        system=world.system, incident=second, signal="http_unreachable", service="db", title="db does not answer",
        first_seen=first.started_at, last_seen=first.started_at,
    )  # fmt: skip
    waiting = ActionRequest.objects.filter(status=Status.WAITING)
    one = world.drive(world.start(first), until=waiting.exists if asked else world.effects)
    two = world.start(second)

    def waits() -> list[str]:
        return [t for t in titles(second, "plan") if t.startswith(f"Waits for incident #{first.number}: ")]

    world.drive(two, until=lambda: bool(waits()))
    for _ in range(5):  # told once, and nothing else is done meanwhile
        world.tick()
        world.time_passes(two)
        loop.advance(two.pk)
    said = "is waiting for approval for" if asked else "was done at"
    assert len(waits()) == 1 and f"{step.replace(' ', ' on ')} {said}" in waits()[0], waits()
    assert ActionRequest.objects.count() == 1
    if asked:
        actions.decide(waiting.get().pk, person, True)
    one = world.drive(one)
    world.clear()
    two = world.drive(two)
    assert (one.outcome, two.outcome) == ("recovered", "recovered")
    done = step.replace(" ", "@")
    assert (world.effects(), ActionRequest.objects.filter(status=Status.SUCCEEDED).count()) == ([done], 1)


def test_what_did_not_help_is_rolled_back_and_the_next_path_taken(world: World):
    world.findings = [finding("stuck", 0.95, path("mend web"), path("patch web"))]
    world.cured = lambda effects: "patch@web" in effects
    run = world.drive(world.start(world.open()))
    assert world.effects() == ["mend@web", "undo mend@web", "patch@web"]
    assert (run.outcome, run.paths_tried) == ("recovered", 2)
    assert OutcomeStat.objects.get(cause="stuck", action="mend").failures == 1


def test_what_helped_in_part_is_kept(world: World):
    world.findings = [finding("stuck", 0.95, path("mend web"), path("patch web"))]
    world.cured = lambda effects: "patch@web" in effects
    world.helped = lambda effects: 1
    world.drive(world.start(world.open()))
    assert world.effects() == ["mend@web", "patch@web"]


def test_a_failed_action_closes_the_path(world: World):
    FileAction.sick = {"mend@web"}
    world.findings = [finding("stuck", 0.95, path("mend web"), path("patch web"))]
    world.cured = lambda effects: "patch@web" in effects
    incident = world.open()
    run = world.drive(world.start(incident))
    assert (run.outcome, world.effects()) == ("recovered", ["patch@web"])
    assert "This path is closed: mend on web was failed" in titles(incident, "plan")


def test_what_became_of_an_action_and_nobody_can_tell_is_for_a_person(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    def breaks_off(self: Mend, ctx: ActionContext, params: NoParams) -> Result:
        raise OSError("the line broke")

    monkeypatch.setattr(Mend, "execute", breaks_off)
    monkeypatch.setattr(Mend, "read_back", lambda *_: "unknown")
    world.findings = [finding("stuck", 0.95, path("mend web"), path("patch web"))]
    incident = world.open()
    world.drive(world.start(incident), most=120)
    incident.refresh_from_db()
    assert incident.state == State.HANDED_OVER and world.effects() == [], "nothing is done beside it"
    told = TimelineEvent.objects.filter(incident=incident, kind="handover").get()
    assert "mend on web is not known" in f"{told.title} {told.body}" and "the line broke" in told.body


def test_hands_over_after_the_last_path_with_all_that_was_found(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(plan, "MAX_PATHS", 2)
    both = [path("mend web"), path("patch web"), path("mend db"), path("patch db")]
    world.findings = [finding("stuck", 0.95, *both)]
    incident = world.open()
    run = world.drive(world.start(incident))
    incident.refresh_from_db()
    assert (run.outcome, run.paths_tried, incident.state) == ("handed_over", 2, State.HANDED_OVER)
    done = [e for e in world.effects() if not e.startswith("undo")]
    assert done == ["mend@web", "patch@web"]
    data = TimelineEvent.objects.get(incident=incident, kind="handover").data
    assert len(data["tried"]) == 2
    assert data["findings"][0]["key"] == "web:stuck"


def test_unknown_is_handed_over_with_the_guesses(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(diagnose, "PATIENCE", 3)
    world.findings = [finding("stuck", 0.3, path("mend web")), finding("slow", 0.2, path("patch web"))]
    incident = world.open()
    run = world.drive(world.start(incident))
    assert (run.outcome, world.effects(), ActionRequest.objects.count()) == ("handed_over", [], 0)
    event = TimelineEvent.objects.get(incident=incident, kind="handover")
    assert "30 %" in event.data["why"]
    assert [f["cause"] for f in event.data["findings"]] == ["stuck", "slow"]


@pytest.mark.parametrize("tried", [False, True])
def test_who_is_called_hears_first_where_it_most_likely_is(
    world: World, monkeypatch: pytest.MonkeyPatch, tried: bool
):
    """Also when what was tried turned out not to be it."""
    monkeypatch.setattr(diagnose, "PATIENCE", 3)
    world.findings = [finding("stuck", 0.9 if tried else 0.1, path("mend web"))]

    def in_vain(effects: list[str]) -> bool:
        if effects or not tried:
            world.findings, world.place = [finding("stuck", 0.1)], somewhere_in("db", 0.4)
        return False

    world.cured = in_vain
    in_vain([])
    incident = world.open()
    run = world.drive(world.start(incident))
    assert (run.outcome, run.paths_tried) == ("handed_over", int(tried))
    event = TimelineEvent.objects.get(incident=incident, kind="handover")
    assert [f["component"] for f in event.data["findings"]] == ["db", "web"]
    assert "most likely db (40 %)" in event.data["why"]


def test_nothing_known_at_all_is_handed_over(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(diagnose, "PATIENCE", 2)
    incident = world.open()
    run = world.drive(world.start(incident))
    assert run.outcome == "handed_over"
    assert "no known cause" in TimelineEvent.objects.get(incident=incident, kind="handover").data["why"]


def test_restraint_a_finding_without_a_fix_does_nothing(world: World):
    world.findings = [finding("log_noise", 0.97)]
    world.findings[0] = world.findings[0].model_copy(update={"severity": "low"})
    incident = world.open()
    run = world.drive(world.start(incident))
    incident.refresh_from_db()
    assert (run.outcome, world.effects(), ActionRequest.objects.count()) == ("no_action", [], 0)
    assert titles(incident, "plan") == ["Nothing to repair: Log_noise"]
    assert incident.severity == "low"


@pytest.mark.parametrize(("failing", "severity"), [(0, "medium"), (1, "high"), (2, "critical")])
def test_no_runbook_knows_better_than_the_users_how_bad_it_is(world: World, failing: int, severity: str):
    world.findings = [finding("stuck", 0.95).model_copy(update={"severity": "medium"})]
    incident, now = world.open(), timezone.now()
    for label in ("log in", "pay")[:failing]:
        Symptom.objects.create(
            system=world.system, incident=incident, signal="journey_failed", service="web", label=label,
            title=f"users cannot {label}", first_seen=now, last_seen=now,
        )  # fmt: skip
    world.drive(world.start(incident))
    incident.refresh_from_db()
    assert incident.severity == severity
    Symptom.objects.create(
        system=world.system, incident=incident, signal="journey_failed", service="web", label="browse",
        title="users cannot browse", first_seen=now, last_seen=now,
    )  # fmt: skip
    incidents.refresh_head(incident)
    incident.refresh_from_db()
    assert incident.severity == ("high" if not failing else "critical"), "it got worse after the diagnosis"


def test_a_grave_finding_without_a_fix_is_handed_over(world: World):
    world.findings = [finding("disk_dying", 0.97)]
    world.findings[0] = world.findings[0].model_copy(update={"severity": "high"})
    run = world.drive(world.start(world.open()))
    assert (run.outcome, world.effects(), ActionRequest.objects.count()) == ("handed_over", [], 0)


def test_how_it_was_left_is_in_the_audit_log_also_when_nothing_was_done(world: World):
    world.findings = [finding("stuck", 0.4, path("mend web"))]
    _, incident = _clears_after_one_look(world)
    entry = AuditEntry.objects.get(incident=incident.number)
    assert (entry.actor, entry.verb, entry.data["acted"]) == ("agent", "incident.resolved", [])


def test_what_heals_itself_is_left_alone(world: World):
    world.findings = [finding("stuck", 0.4, path("mend web"))]
    run, incident = _clears_after_one_look(world)
    assert (run.outcome, incident.state, world.effects()) == ("recovered", State.RESOLVED, [])
    assert titles(incident, "state")[-1] == "Resolved: the symptoms are gone; what caused them was not found"


def test_what_went_and_nobody_knows_why_it_came_is_watched_and_looked_into_when_it_is_back(world: World):
    """A page that only one customer finds slow: between two of his visits all is well."""
    world.findings = [finding("stuck", 0.4, path("mend web"))]
    incident = world.open()
    run = world.start(incident)
    world.drive(run, until=lambda: world.diagnosed >= 1)
    world.clear()
    since = world.clock
    world.drive(
        run, until=lambda: world.clock - since > timedelta(seconds=unexplained.WATCHED_S / 2), most=90
    )
    incident.refresh_from_db()
    assert incident.state == State.VERIFYING
    told = "All is well now, and is watched for longer: nothing was done, and why it began is not known"
    assert any(title.startswith(told) for title in titles(incident, "verify"))
    before = world.diagnosed
    Symptom.objects.filter(incident=incident).update(cleared_at=None)
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    world.cured = lambda effects: "mend@web" in effects
    world.drive(run, until=lambda: world.diagnosed > before, most=3)
    run = world.drive(run, most=90)
    incident.refresh_from_db()
    assert (run.outcome, incident.state, world.effects()) == ("recovered", State.RESOLVED, ["mend@web"])


def test_what_went_and_is_known_is_over_soon(world: World):
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    run, _ = _clears_after_one_look(world, most=20)
    assert (run.outcome, world.effects()) == ("recovered", [])


def test_what_has_gone_when_all_was_planned_is_left_alone(world: World, monkeypatch: pytest.MonkeyPatch):
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    take = plan._take

    def gone(*given: Any) -> Outcome:
        world.clear()
        world.tick()
        return take(*given)

    monkeypatch.setattr(plan, "_take", gone)
    incident = world.open()
    run = world.drive(world.start(incident))
    incident.refresh_from_db()
    assert (run.outcome, incident.state, world.effects()) == ("recovered", State.RESOLVED, [])
    assert "mend on web: nothing of it shows any more" in world.steps(run)


def test_what_is_still_gone_is_not_over_because_nobody_misses_it_just_now(world: World):
    """A table that one order in fifty needs: between two of them all is well."""
    blamed = finding("stuck", 0.95, path("mend web"))
    world.findings = [blamed.model_copy(update={"change_id": _gone(world)})]
    world.cured = lambda effects: "mend@web" in effects
    run, incident = _clears_after_one_look(world)
    assert (run.outcome, incident.state, world.effects()) == ("recovered", State.RESOLVED, ["mend@web"])
    assert "nothing shows just now, and what it blames is still gone" in world.steps(run)


def test_what_is_still_gone_and_cannot_be_put_back_is_handed_over(world: World):
    """Nothing shows, and there is no way that could be taken: a person hears of it, and nobody looks for ever."""
    blamed = finding("stuck", 0.95)
    world.findings = [blamed.model_copy(update={"change_id": _gone(world), "severity": "high"})]
    run, _ = _clears_after_one_look(world)
    assert (run.outcome, world.effects()) == ("handed_over", [])


def test_what_goes_on_now_and_then_without_a_way_is_handed_over(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """Every path is refused: it is measured once more and no oftener."""
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    wanting = Proof("log in", failed=2, runs=4, clean=0, needed=12, last_failed=timezone.now())
    monkeypatch.setattr(proving.relapse, "proofs", lambda *_: [wanting])
    monkeypatch.setattr(proving.raised, "go", lambda *_: "log in: status 401")
    monkeypatch.setattr(plan, "_choose", lambda _: Choice(paths=[], left_out=["mend on web does not apply"]))
    incident = world.open()
    world.symptoms().update(signal="oom_killed")
    run = world.start(incident)
    world.drive(run, until=lambda: world.diagnosed >= 3)
    world.clear()
    run = world.drive(run)
    assert (run.outcome, world.effects()) == ("handed_over", [])


def test_what_goes_on_now_and_then_is_mended_though_no_symptom_holds(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """One of two replicas was started with another secret: what is left between two log-ins is known by then."""
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    wanting = Proof("log in", failed=2, runs=4, clean=0, needed=12, last_failed=timezone.now())
    monkeypatch.setattr(proving.relapse, "proofs", lambda *_: [] if world.effects() else [wanting])
    monkeypatch.setattr(proving.raised, "go", lambda *_: "log in: status 401")
    incident = world.open()
    world.symptoms().update(signal="oom_killed")
    run = world.start(incident)
    world.drive(run, until=lambda: world.diagnosed >= 3)
    assert world.effects() == [], "it runs again, and whether it stays so is soon seen"
    world.clear()
    run = world.drive(run)
    incident.refresh_from_db()
    assert (run.outcome, incident.state, world.effects()) == ("recovered", State.RESOLVED, ["mend@web"])
    assert "it still fails now and then, and what leads is not mended yet" in world.steps(run)


@pytest.mark.parametrize("name", ["log in", "a journey that was taken out"])
def test_runs_that_never_come_hold_nothing_up_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
):
    """It is called over with what there was, and says that it was little; what is gone is not waited for at all."""
    world.findings, drain = [finding("stuck", 0.95, path("mend web"))], 12
    wanting = Proof(
        name, failed=2, runs=40, clean=3, needed=90, last_failed=timezone.now() - timedelta(hours=1)
    )
    monkeypatch.setattr(proving.relapse, "proofs", lambda *_: [wanting])
    monkeypatch.setattr(proving.raised, "go", lambda *_: "")
    monkeypatch.setattr(proving.patience, "DRAIN", drain)
    world.cured = lambda effects: bool(effects)
    incident = world.open()
    run = world.drive(world.start(incident), most=120)
    assert run.outcome == "recovered"
    (over,) = [t for t in titles(incident, "verify") if t.startswith("Recovered")]
    assert ("3 of 90 runs were well by then, fewer than would prove it" in over) is (name == "log in")


def test_what_failed_just_now_is_not_over_however_long_it_was_well(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    later = timezone.now() + timedelta(hours=1)
    wanting = Proof("log in", failed=2, runs=40, clean=3, needed=90, last_failed=later)
    monkeypatch.setattr(proving.relapse, "proofs", lambda *_: [wanting])
    monkeypatch.setattr(proving.raised, "go", lambda *_: "")
    monkeypatch.setattr(proving.patience, "DRAIN", 0)
    world.cured = lambda effects: bool(effects)
    incident = world.open()
    world.drive(world.start(incident), most=60)
    assert not [t for t in titles(incident, "verify") if t.startswith("Recovered")]


@pytest.mark.parametrize("waits", [True, False])
def test_what_waits_for_its_turn_is_not_begun(world: World, monkeypatch: pytest.MonkeyPatch, waits: bool):
    """Approved, and another acts on its target: what fails until its turn is not yet for the repair."""
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    run = world.start(world.open())
    seen: list[bool] = []
    execute = act._execute

    def turn(run: Run, view: Any, words: str) -> Any:
        seen.append(run.case.begun_at is None)
        return view if waits and len(seen) < 3 else execute(run, view, words)

    monkeypatch.setattr(act, "_execute", turn)
    world.cured = lambda effects: bool(effects)
    run = world.drive(run)
    assert len(seen) == (3 if waits else 1) and all(seen)
    assert run.outcome == "recovered" and run.case.begun_at is not None


def test_what_runs_again_is_explained_and_left_alone(world: World):
    """Killed once and started again: all that still holds tells of the run that has ended."""
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    incident = world.open()
    world.symptoms().update(signal="oom_killed")
    Symptom.objects.create(
        system=world.system, incident=incident, signal="exit_nonzero", service="web", title="web crashed",
        first_seen=incident.started_at, last_seen=incident.started_at,
    )  # fmt: skip
    run = world.start(incident)
    world.drive(run, until=lambda: world.diagnosed >= 6)  # steady for longer than a plan needs
    incident.refresh_from_db()
    assert (incident.verdict.is_known, incident.diagnosis) == (True, "web:stuck")
    world.findings = [finding("slow", 0.95, path("patch web"))]
    world.symptoms().filter(signal="exit_nonzero").update(cleared_at=timezone.now())
    for _ in range(3):  # what lapses takes no word back
        world.tick()
        world.time_passes(run)
        loop.advance(run.pk)
    world.clear()
    run = world.drive(run)
    incident.refresh_from_db()
    assert (run.outcome, incident.state, world.effects()) == ("recovered", State.RESOLVED, [])
    assert incident.diagnosis == "web:stuck"
    assert titles(incident, "state")[-1] == "Resolved: the symptoms are gone, and not by the agent"


def test_a_person_takes_over_at_the_next_step(world: World):
    world.findings = [finding("broken", 0.95, path("rebuild db"))]
    incident = world.open()
    run = world.start(incident)
    world.drive(run, until=lambda: ActionRequest.objects.filter(status=Status.WAITING).exists())
    agent.take_over(incident.number, "paula")
    run = world.drive(run)
    incident.refresh_from_db()
    assert (run.outcome, incident.state, world.effects()) == ("stopped", State.HANDED_OVER, [])
    assert agent.sweep() == []
    agent.give_back(incident.number, "paula")
    assert Run.objects.filter(incident=incident).exclude(phase=Phase.DONE).count() == 1


def test_only_log_text_for_evidence_asks_a_person(world: World):
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    told = [Evidence(text="the log says so", weight=6.0, source="log")]
    world.findings[0] = world.findings[0].model_copy(update={"pro": told})
    world.drive(
        world.start(world.open()), until=lambda: ActionRequest.objects.filter(status=Status.WAITING).exists()
    )
    assert world.effects() == []
    assert "forge" in ActionRequest.objects.get().status_why


def test_an_error_of_its_own_is_tried_again_then_handed_over(world: World, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("no good")

    monkeypatch.setattr(world, "diagnose", broken)
    incident = world.open()
    run = world.drive(world.start(incident))
    incident.refresh_from_db()
    assert (run.outcome, incident.state) == ("handed_over", State.HANDED_OVER)
    assert run.case.errors == loop.MAX_ERRORS
    assert "ZeroDivisionError" in TimelineEvent.objects.get(incident=incident, kind="note").body


def test_nobody_answers_and_no_other_way_is_taken(world: World):
    """A right diagnosis, and no answer: nothing starts because of silence."""
    world.findings = [finding("broken", 0.99, path("rebuild db")), finding("other", 0.01, path("mend web"))]
    incident = world.open()
    run = world.start(incident)
    asked = ActionRequest.objects.filter(status=Status.WAITING)
    run = world.drive(run, until=asked.exists)
    for _ in range(12):
        ActionRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        actions.sweep()
        world.tick()
        world.time_passes(run)
        loop.advance(run.pk)
    request = asked.get()
    assert request.renewals >= 12
    assert (world.effects(), ActionRequest.objects.count()) == ([], 1)
    run.refresh_from_db()
    assert (run.phase, Incident.objects.get().state) == (Phase.ACT, State.WAITING)


def test_a_request_is_withdrawn_when_another_cause_leads(world: World):
    world.findings = [finding("broken", 0.95, path("rebuild db"))]
    incident = world.open()
    run = world.start(incident)
    first = ActionRequest.objects.filter(status=Status.WAITING)
    run = world.drive(run, until=first.exists)
    asked = first.get()
    world.findings = [finding("worn", 0.95, path("rebuild web"))]
    run = world.drive(run, until=ActionRequest.objects.filter(target="web").exists)
    asked.refresh_from_db()
    assert (asked.status, "another one: worn on web" in asked.status_why) == (Status.CANCELLED, True)
    assert world.effects() == []
    assert "Looking again" in " ".join(titles(incident, "state"))


def test_the_agents_roll_back_is_a_request_of_its_own(world: World):
    world.findings = [finding("stuck", 0.95, path("mend web"), path("patch web"))]
    world.cured = lambda effects: "patch@web" in effects
    world.drive(world.start(world.open()))
    undo = ActionRequest.objects.get(undo_of__isnull=False)
    assert (undo.requested_by, undo.status, undo.undo_of.status) == ("agent", "succeeded", "rolled_back")
    assert "did not help" in undo.reason and undo.preview["changes"]
    verbs = AuditEntry.objects.filter(request_id=undo.pk).order_by("seq").values_list("verb", flat=True)
    assert list(verbs) == ["action.approved", "action.started", "action.succeeded"]


@pytest.mark.parametrize("agreed", [True, False])
def test_a_risky_roll_back_waits_for_a_person(world: World, person: User, wired: None, agreed: bool):
    world.findings = [finding("broken", 0.95, path("rebuild db"))]
    incident = world.open()
    run = world.start(incident)
    waiting = ActionRequest.objects.filter(status=Status.WAITING)
    world.drive(run, until=waiting.exists)
    actions.decide(waiting.get().pk, person, True)
    run = world.drive(run, until=waiting.exists)
    undo = waiting.get()
    assert undo.undo_of and undo.risk == "high"
    for _ in range(3):
        world.tick()
        world.time_passes(run)
        loop.advance(run.pk)
    incident.refresh_from_db()
    assert (incident.state, world.effects()) == (State.WAITING, ["rebuild@db"])
    assert "Waiting for a person: taking back rebuild on db" in titles(incident, "state")
    actions.decide(undo.pk, person, agreed, "as you like")
    run = world.drive(run)
    back = ["undo rebuild@db"] if agreed else []
    assert (run.outcome, world.effects()) == ("handed_over", ["rebuild@db", *back])
    kept = [
        t
        for t in titles(incident, "note")
        if t.startswith("Kept, not rolled back: rebuild on db: rejected by")
    ]
    assert len(kept) == (not agreed)


@pytest.mark.parametrize(
    ("goes", "credited"),
    [("before it is done", False), ("after", True), ("as it went, and came back, before", True)],
)
def test_what_cleared_by_itself_is_no_merit_of_the_repair(
    world: World, person: User, wired: None, goes: str, credited: bool
):
    world.findings = [finding("broken", 0.95, path("rebuild db"))]
    world.cured = lambda effects: "rebuild@db" in effects
    incident = world.open()
    run = world.start(incident)
    if goes.startswith("as it went"):
        of = Symptom.objects.get().pk
        for facts in (Seen(symptom=of), Cleared(symptom=of), Seen(symptom=of, back=True)):
            timeline.record(incident.number, facts, "web does not answer")
    world.drive(run, until=lambda: Incident.objects.filter(pk=incident.pk, state=State.WAITING).exists())
    if goes != "after":
        world.clear()  # moments before the person says yes
    actions.decide(ActionRequest.objects.get(run_id=run.pk).pk, person, True)
    run = world.drive(run)
    incident.refresh_from_db()
    assert (run.outcome, world.effects(), incident.state) == ("recovered", ["rebuild@db"], State.RESOLVED)
    said = titles(incident, "verify")[-1]
    assert ("cleared by itself" in said) is not credited
    assert bool(incident.verdict.repaired) is credited
    assert OutcomeStat.objects.filter(successes=1).exists() is credited
    assert ("not by the agent" in titles(incident, "state")[-1]) is not credited
