"""kill -9 at every boundary of every step: the run goes on from its last committed step, and nothing happens twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone

from actions import service as actions
from actions.models import ActionRequest, AuditEntry, Decision, Status
from agent import journal, loop
from agent.models import Phase, Run
from incidents import live, returned
from incidents.models import Incident, Postmortem, State
from knowledge.models import Lesson, OutcomeStat
from tests import sampling
from tests.agent.world import FileAction, World, finding, path

EFFECTS = ["mend@db", "patch@web", "undo patch@web", "undo mend@db", "rebuild@db"]
BEFORE, AFTER = "before", "after"


class KilledCommit:
    """journal.commit that ends this very process with SIGKILL at the nth step, before or after it is committed."""

    def __init__(self, real: Callable[..., None], left: int, when: str) -> None:
        self.real, self.left, self.when = real, left, when

    def __call__(self, run: Run, outcome: journal.Outcome, started: Any) -> None:
        self.left -= outcome.step is not None
        due = self.left == 0 and outcome.step is not None
        if due and self.when == BEFORE:
            os.kill(os.getpid(), signal.SIGKILL)
        self.real(run, outcome, started)
        if due:
            os.kill(os.getpid(), signal.SIGKILL)


def in_a_child(work: Callable[[], None]) -> int:
    """Run `work` in a process of its own (own connections); its exit code, negative when killed."""
    connections.close_all()
    live.client().connection_pool.disconnect()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def script(world: World) -> None:
    """Two harmless steps that do not help, taken back; then a risky one that a person approves, and that helps."""
    world.findings = [finding("broken", 0.95, path("mend db", "patch web"), path("rebuild db"))]
    world.cured = lambda effects: "rebuild@db" in effects


def drive(world: World, run: Run, person: User) -> Run:
    """To the end, a person approving what waits."""
    while True:
        waiting = ActionRequest.objects.filter(status=Status.WAITING)
        run = world.drive(run, until=waiting.exists)
        if run.phase == Phase.DONE:
            return run
        actions.decide(waiting.get().pk, person, True)


def steps_of_an_undisturbed_run(world: World, person: User) -> list[str]:
    script(world)
    run = drive(world, world.start(world.open()), person)
    steps = world.steps(run)
    forget(world)
    return steps


def forget(world: World) -> None:
    """What one round taught would change the plan of the next."""
    FileAction.written.write_text("")
    OutcomeStat.objects.all().delete()
    Lesson.objects.all().delete()
    long_ago = timezone.now() - 2 * returned.WITHIN  # else it would be the same incident, back again
    Incident.objects.filter(state=State.RESOLVED).update(resolved_at=long_ago)
    world.clear()


def test_killed_at_every_step_boundary(world: World, person: User, monkeypatch: pytest.MonkeyPatch):
    undisturbed = steps_of_an_undisturbed_run(world, person)
    assert len(undisturbed) >= 12
    kills = [(nth, when) for nth in range(1, len(undisturbed) + 1) for when in (BEFORE, AFTER)]
    for nth, when in sampling.part(kills, 3):
        check_one(world, person, monkeypatch, undisturbed, nth, when)


def check_one(
    world: World, person: User, monkeypatch: pytest.MonkeyPatch, undisturbed: list[str], nth: int, when: str
) -> None:
    at = f"killed {when} step {nth}, {undisturbed[nth - 1]!r}"
    script(world)
    incident = world.open()
    run = world.start(incident)
    with monkeypatch.context() as patch:
        patch.setattr(journal, "commit", KilledCommit(journal.commit, nth, when))
        code = in_a_child(lambda: drive(world, run, person) and None)
    assert code == -signal.SIGKILL, at
    committed = world.steps(run)
    assert committed == undisturbed[: nth if when == AFTER else nth - 1], at
    if when == AFTER and nth == len(undisturbed):
        run.refresh_from_db()
    else:
        run = drive(world, run, person)
    assert world.steps(run) == undisturbed, at
    assert world.steps(run)[: len(committed)] == committed, at
    assert run.outcome == "recovered", at
    assert Postmortem.objects.get(incident=incident).version == 1, at
    assert Lesson.objects.get(incident_number=incident.number).recovered, at
    assert world.effects() == EFFECTS, at
    started = AuditEntry.objects.filter(incident=incident.number, verb="action.started")
    assert started.count() == 5, at
    assert AuditEntry.objects.filter(incident=incident.number, verb="incident.resolved").count() == 1, at
    requests = ActionRequest.objects.filter(incident=incident)
    assert requests.count() == 5, f"{at}: asked twice"
    assert Decision.objects.filter(request__in=requests, by=person).count() == 1, (
        f"{at}: a person was asked twice"
    )
    forget(world)


def test_killed_while_the_effect_runs_is_read_back_not_repeated(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    """The worker dies right after the effect, before anything says so: the target is asked, the effect stays one."""
    world.findings = [finding("stuck", 0.95, path("mend web"))]
    world.cured = lambda effects: "mend@web" in effects
    run = world.start(world.open())

    def effect_then_death(self: FileAction, line: str) -> None:
        with self.written.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(FileAction, "_write", effect_then_death)
        assert in_a_child(lambda: world.drive(run) and None) == -signal.SIGKILL
    request = ActionRequest.objects.get(run_id=run.pk)
    assert (request.status, world.effects()) == (Status.RUNNING, ["mend@web"])
    world.tick()
    world.time_passes(run)
    loop.advance(run.pk)  # nobody knows yet: it waits rather than doing it again
    assert world.effects() == ["mend@web"]
    ActionRequest.objects.filter(pk=request.pk).update(lease_until="2000-01-01T00:00Z")
    actions.resolve_unknown()
    run = world.drive(run)
    assert (run.outcome, world.effects()) == ("recovered", ["mend@web"])
