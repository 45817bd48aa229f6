"""Roles are bound to a run, and nobody is asked the same twice: not after a kill, not by a second worker."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pytest
from django.db import connections

from actions.models import ActionRequest, Status
from agent import calls, journal, loop, roles
from agent.case import BUILT_IN, Roles
from agent.journal import Outcome
from agent.models import Call, Phase, Run
from agent.phases import diagnose
from agent.roles.reviewer import CarefulReviewer
from incidents import evidence, postmortem
from incidents.findings import Question
from incidents.models import Incident, TimelineEvent
from incidents.sections import Sections, Sentence
from tests.agent.world import World, finding, path


class Killed(BaseException):
    """As by kill -9: nothing after it runs."""


def killed_before_the_commit(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    """One wake-up of the run whose worker dies when it has its answers, before it commits any step."""

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(journal, "commit", die)
        with pytest.raises(Killed):
            loop.advance(run.pk)


def test_a_worker_that_was_killed_has_its_opinion_and_its_check_found_again(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    world.findings = [finding("stuck", 0.7, path("mend web"))]
    world.questions = [Question(signal="direct_ok", service="web", gain=0.8)]
    run = world.start(world.open())
    Run.objects.update(phase=Phase.DIAGNOSE)
    world.tick()
    for _ in range(3):
        world.time_passes(run)
        killed_before_the_commit(monkeypatch, run)
    assert (world.diagnosed, world.asked) == (1, ["direct_ok@web"])
    world.time_passes(run)
    loop.advance(run.pk)
    assert world.asked == ["direct_ok@web"]
    assert TimelineEvent.objects.filter(kind="check").count() == 1, "what was not committed was not told"
    assert Run.objects.get(pk=run.pk).case.asked == ["direct_ok@web"]


def test_the_same_picture_twice_is_one_opinion_and_another_picture_another(world: World):
    world.findings = [finding("stuck", 0.7)]
    run = world.start(world.open())
    world.tick()
    first = evidence.picture("mini")
    run.case.picture = first.at
    said = diagnose.opinion(run, first)
    world.findings = [finding("slow", 0.9)]
    assert diagnose.opinion(run, first) == said
    assert world.diagnosed == 1
    world.tick()
    run.case.picture = evidence.picture("mini").at
    assert diagnose.opinion(run, evidence.picture("mini")).findings[0].cause == "slow"


def test_a_check_is_run_again_once_the_diagnosis_begins_anew(world: World):
    run = world.start(world.open())
    question = Question(signal="direct_ok", service="web")
    for _ in range(2):
        roles.diagnoser(run).ask(run.incident, question)
    assert world.asked == [question.key]
    run.case.begin_anew()
    roles.diagnoser(run).ask(run.incident, question)
    assert world.asked == [question.key] * 2


def test_only_the_newest_opinions_are_kept(world: World):
    run = world.start(world.open())
    for number in range(2 * calls.KEPT["diagnoser"]):
        calls.once(
            run.incident_id,
            "diagnoser",
            "x",
            number,
            lambda: world.diagnose(run.incident, []),
            of=roles.OPINION,
        )
    assert Call.objects.count() == calls.KEPT["diagnoser"]


def test_a_run_keeps_the_players_it_began_with(world: World, monkeypatch: pytest.MonkeyPatch):
    other = World(world.system, world.effects_file)
    other.findings = [finding("slow", 0.95, path("patch web"))]
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    monkeypatch.setitem(roles.PLAYERS["diagnoser"], "other", lambda: other)
    run = world.start(world.open())
    begun = lambda: Run.objects.get(pk=run.pk).phase != Phase.OBSERVE  # noqa: E731
    world.drive(run, until=begun, most=2)
    monkeypatch.setattr(roles, "choose", lambda incident: Roles(diagnoser="other"))
    world.drive(run, until=lambda: Incident.objects.get().hypotheses != [], most=3)
    assert Incident.objects.get().hypotheses[0].cause == "stuck"
    assert Run.objects.get(pk=run.pk).case.roles.diagnoser == BUILT_IN
    Run.objects.all().delete()
    again = world.start(Incident.objects.get())
    world.drive(again, until=lambda: Incident.objects.get().hypotheses[0].cause == "slow", most=4)
    assert Run.objects.get(pk=again.pk).case.roles.diagnoser == "other"
    del roles.PLAYERS["diagnoser"]["other"]  # no longer installed: the built-in one steps in
    again.refresh_from_db()
    assert roles.diagnoser(again).diagnose(again.incident, []).findings[0].cause == "stuck"


def test_a_slow_role_keeps_its_lease_and_a_dead_one_loses_it(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(journal, "LEASE_S", 0.4)
    run = world.start(world.open())
    mine = journal.claim(run.pk)
    assert mine is not None
    claimed: list[Any] = []

    def another() -> None:
        for _ in range(6):
            time.sleep(0.2)
            claimed.append(journal.claim(run.pk))
        connections.close_all()

    thread = threading.Thread(target=another)
    thread.start()
    with journal.held(mine):
        thread.join()
    assert claimed == [None] * 6
    journal.commit(mine, Outcome(Phase.DIAGNOSE, "thought long"), run.started_at)
    time.sleep(0.5)
    assert journal.claim(run.pk) is not None


def test_the_reviewer_s_veto_leaves_a_path_out_and_says_why(world: World, monkeypatch: pytest.MonkeyPatch):
    class NoMending:
        def review(self, incident: Any, picture: Any, draft: Any) -> dict[str, str]:
            return {p.key: "not on a Friday" for p in draft.paths if p.steps[0].action == "mend"}

    monkeypatch.setitem(roles.PLAYERS["reviewer"], BUILT_IN, NoMending)
    world.findings = [finding("stuck", 0.95, path("mend web"), path("patch web"))]
    world.cured = lambda effects: "patch@web" in effects
    incident = world.open()
    run = world.drive(world.start(incident))
    assert (run.outcome, world.effects()) == ("recovered", ["patch@web"])
    plans = [e.facts for e in incident.events.filter(kind="plan", data__what="taken")]
    assert plans[0].skipped == ["not on a Friday"]


def test_the_narrator_is_asked_once_for_one_story(world: World, monkeypatch: pytest.MonkeyPatch):
    told: list[int] = []

    class Poet:
        def tell(self, story: Any) -> Sections:
            told.append(len(story.events))
            return Sections(why=[Sentence(text="It was the nightingale.", seq=[1])])

    monkeypatch.setitem(roles.PLAYERS["narrator"], BUILT_IN, Poet)
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    world.cured = lambda effects: "mend@web" in effects
    incident = world.open()
    world.drive(world.start(incident))
    assert postmortem.generate(incident.pk).sections.why[0].text == "It was the nightingale."
    assert len(told) == 1, told


@pytest.mark.parametrize(
    ("failed", "status", "wanted", "left"),
    [
        ({"restart:web"}, Status.FAILED, {"revert:web/link", "restart:web"}, False),
        ({"restart:web"}, Status.FAILED, {"restart:web"}, True),
        ({"restart:web"}, Status.REJECTED, {"revert:web/link", "restart:web"}, True),  # a person said no
        ({"revert:web/link", "restart:web"}, Status.FAILED, {"revert:web/link", "restart:web"}, True),
    ],
)
def test_a_start_in_vain_says_nothing_of_one_after_something_was_put_back(
    world: World, monkeypatch: pytest.MonkeyPatch, failed: set[str], status: str, wanted: set[str], left: bool
):
    incident = world.open()
    ActionRequest.objects.create(
        system=world.system, incident=incident, run_id=1, slug="mend", target="web", status=status, risk="low"
    )
    module = sys.modules[CarefulReviewer.__module__]  # a function of the package has its name
    monkeypatch.setattr(module, "_effects", lambda slug, step: frozenset(failed))
    assert bool(module._answered(incident, wanted)) is left
