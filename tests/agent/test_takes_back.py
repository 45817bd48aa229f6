"""A change that is a cause of its own: planned, asked for, taken back, and applied again where that was no cure."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from actions import service as actions
from actions.models import ActionRequest, Status
from agent.roles.diagnoser import think
from incidents.findings import Finding, PlannedStep
from incidents.models import Incident, TimelineEvent
from systems import redact, services
from systems.models import ChangeRow
from systems.runtimes.fake import FakeRuntime
from systems.state import kept
from systems.state.settled import Settled
from systems.state.sources.files import Files
from systems.state.sources.units import Units
from systems.state.types import Change
from tests.agent.reasoner.test_changes import FAILED, FULL, at, made, timed
from tests.agent.reasoner.world import GRAPH, SPECS, S, both
from tests.agent.world import MANIFEST, World, finding, path

CONFIG = "{kind: http, depends_on: [db], config: {file: web.conf, golden: good.conf, reload: HUP}}"


def think_of(states: list[S], *changes: Change) -> list[Finding]:
    return think(GRAPH, states, SPECS, changes=changes, now=at(5)).findings  # type: ignore[arg-type]


def test_a_change_that_is_a_cause_by_itself_has_its_inverse_for_a_path() -> None:
    first = made(-4, what="breaker.trips_after", kind="config", part="web-a")
    beside = made(-4, what="log.colour", kind="config", part="web-a")
    states = timed(S("app_errors", "web-a"), S("http_errors", "web-a", text="breaker trips_after"), FAILED)
    found = next(f for f in think_of(states, first, beside) if f.cause == "change")
    steps = [[(s.action, s.target, s.params["change"]) for s in p] for p in found.paths]
    mine, other = (first, beside) if found.change_id == first.id else (beside, first)
    back, too = ("revert-change", "web-a", mine.id), ("revert-change", "web-a", other.id)
    assert steps == [[back], [too], [back, too]]


def test_a_named_cause_keeps_its_own_plan_and_the_change_that_it_evidently_follows_from_is_one_path_more() -> (
    None
):
    said = timed(*both("log_too_many_connections", text='FATAL: too many connections for role "app"'))
    full = [*said, *(s for s in FULL if s.signal != "log_too_many_connections")]
    (leader, *_) = think_of(full, made(-4))
    (alone, *_) = think_of(full)
    assert leader.cause == alone.cause != "change"
    assert [[s.action for s in p] for p in leader.paths] == [
        *([s.action for s in p] for p in alone.paths), ["revert-change"]
    ]  # fmt: skip
    for other in (
        made(-3000),
        made(-4, what="limit of the archive", part="db"),
    ):  # long ago; of something else
        assert think_of(full, other)[0].paths == alone.paths


@pytest.fixture
def blamed(world: World, tmp_path: Path, wired: None) -> tuple[World, Path, Finding]:
    """A key of a file was changed before the trouble, and that is what leads."""
    file = tmp_path / "web.conf"
    (tmp_path / "good.conf").write_text("delay = 1\n")
    (tmp_path / "manifest.yaml").write_text(MANIFEST.replace("{kind: http, depends_on: [db]}", CONFIG))
    services._cache.clear()
    services.register(tmp_path / "manifest.yaml")
    return world, file, _blame(world, file, "delay = 0\n", "delay = 6\n")


def _blame(world: World, file: Path, *texts: str) -> Finding:
    system = services.load("mini")
    assert system.id is not None
    settled = Settled("files")
    for text in texts:
        file.write_text(text)
        os.utime(file, (time.time() - 9,) * 2)
        read = asyncio.run(Files(system).read())
        kept.note(system.id, settled.take(read, time.time(), time.time(), lambda: redact.for_system(system)))
    row = ChangeRow.objects.latest("pk")
    step = PlannedStep(action="revert-change", target="web", params={"change": str(row.pk)})
    return finding("change", 0.9, [step]).model_copy(update={"change_id": str(row.pk), "detail": row.what})


def asked(incident: Incident) -> ActionRequest | None:
    return ActionRequest.objects.filter(incident=incident, status=Status.WAITING).first()


def test_it_is_asked_for_taken_back_and_must_be_back(
    blamed: tuple[World, Path, Finding], person: User
) -> None:
    world, file, leader = blamed
    world.findings = [leader]
    incident = world.open()
    run = world.drive(world.start(incident), until=lambda: asked(incident) is not None)
    request = asked(incident)
    assert request is not None and "delay: 6 -> 0" in request.preview["command"]
    assert "measured success 0 of 3" in request.status_why
    actions.decide(request.pk, person, True)
    world.cured = lambda effects: "delay = 0" in file.read_text()
    run = world.drive(run)
    assert (run.outcome, file.read_text()) == ("recovered", "delay = 0\n")
    assert Incident.objects.get(pk=incident.pk).repairs[0].helped


def test_what_did_not_help_is_applied_again_and_both_are_told(
    blamed: tuple[World, Path, Finding], person: User
) -> None:
    world, file, leader = blamed
    world.findings = [leader, finding("stuck", 0.3, path("mend web"))]
    incident = world.open()
    run = world.drive(world.start(incident), until=lambda: asked(incident) is not None)
    actions.decide(asked(incident).pk, person, True)  # type: ignore[union-attr]
    world.drive(run)
    assert file.read_text() == "delay = 6\n"
    told = list(TimelineEvent.objects.filter(incident=incident).values_list("title", flat=True))
    assert any(t == "revert-change on web: succeeded" for t in told)
    assert any(t == "revert-change on web: rolled back" for t in told)


def test_a_value_known_to_be_bad_is_not_applied_again(
    world: World, tmp_path: Path, blamed: tuple[World, Path, Finding], person: User
) -> None:
    _, file, _ = blamed
    world.findings = [_blame(world, file, "delay = 1\n", "delay = 6\n")]  # the golden copy says 1
    incident = world.open()
    run = world.drive(world.start(incident), until=lambda: asked(incident) is not None)
    actions.decide(asked(incident).pk, person, True)  # type: ignore[union-attr]
    world.drive(run)
    assert file.read_text() == "delay = 1\n"
    kept_ = TimelineEvent.objects.filter(incident=incident, title__startswith="Kept, not rolled back: revert")
    assert "golden copy" in kept_.get().title


@pytest.mark.parametrize("since", ["it was changed", "long before"])
def test_who_reads_its_file_at_its_start_only_is_started_anew_before_it_is_all_taken_back(
    blamed: tuple[World, Path, Finding], person: User, since: str
) -> None:
    world, file, leader = blamed
    runtime = services.load("mini").runtime
    assert isinstance(runtime, FakeRuntime)
    if since == "long before":
        runtime.set_state("web", started_at=time.time() - 3600)
    first = runtime.state("web").pid
    world.findings = [leader]
    world.cured = lambda effects: "delay = 0" in file.read_text() and runtime.state("web").pid != first
    incident = world.open()
    run = world.drive(world.start(incident), until=lambda: asked(incident) is not None)
    actions.decide(asked(incident).pk, person, True)  # type: ignore[union-attr]
    run = world.drive(run)
    done = list(ActionRequest.objects.filter(incident=incident, undo_of=None).values_list("slug", flat=True))
    if since == "it was changed":
        assert (run.outcome, file.read_text()) == ("recovered", "delay = 0\n")
        assert sorted(done) == ["restart-service", "revert-change"]
    else:  # it took the change as it takes its taking back: by reading it again
        assert (run.outcome, done, file.read_text()) == ("handed_over", ["revert-change"], "delay = 6\n")


def test_what_is_asked_for_is_not_withdrawn_for_a_name_of_the_same_story(
    blamed: tuple[World, Path, Finding], person: User
) -> None:
    """While a person thinks, a runbook's cause that follows from the very change comes to lead."""
    world, _, leader = blamed
    world.findings = [leader]
    incident = world.open()
    run = world.drive(world.start(incident), until=lambda: asked(incident) is not None)
    world.findings = [finding("process_dead", 0.99).model_copy(update={"change_id": leader.change_id})]
    looks = iter(range(20))
    run = world.drive(run, until=lambda: asked(incident) is None or next(looks, None) is None)
    assert asked(incident) is not None
    world.findings = [finding("process_dead", 0.99)]  # this one is another matter
    world.drive(run, until=lambda: asked(incident) is None)


def test_who_was_given_up_is_started_once_the_limit_is_back(world: World, person: User, wired: None) -> None:
    """A limit that is raised again brings nothing to a process that nobody starts any more."""
    system = services.load("mini")
    runtime = system.runtime
    assert isinstance(runtime, FakeRuntime) and system.id is not None
    settled = Settled("units")
    for limit in (512.0, 40.0):
        runtime.set_state("web", memory_limit_mb=limit)
        read = asyncio.run(Units(system).read())
        kept.note(system.id, settled.take(read, time.time(), time.time(), lambda: redact.for_system(system)))
    row = ChangeRow.objects.get(what="memory limit")
    step = PlannedStep(action="revert-change", target="web", params={"change": str(row.pk)})
    world.findings = [finding("change", 0.9, [step]).model_copy(update={"change_id": str(row.pk)})]
    runtime.crash("web", exit_code=-9, oom=True, fatal=True)
    world.cured = lambda effects: runtime.state("web").state == "RUNNING"
    incident = world.open()
    run = world.drive(world.start(incident), until=lambda: asked(incident) is not None)
    actions.decide(asked(incident).pk, person, True)  # type: ignore[union-attr]
    run = world.drive(run)
    assert (run.outcome, runtime.state("web").memory_limit_mb) == ("recovered", 512.0)
    done = ActionRequest.objects.filter(incident=incident, undo_of=None).order_by("requested_at")
    assert list(done.values_list("slug", flat=True)) == ["revert-change", "restart-service"]


def test_symptoms_gone_but_changed_again_is_no_recovery(
    blamed: tuple[World, Path, Finding], person: User
) -> None:
    world, file, leader = blamed
    world.findings = [leader]
    incident = world.open()
    run = world.drive(world.start(incident), until=lambda: asked(incident) is not None)
    actions.decide(asked(incident).pk, person, True)  # type: ignore[union-attr]
    done = lambda: ActionRequest.objects.filter(incident=incident, status=Status.SUCCEEDED).exists()  # noqa: E731
    world.drive(run, until=done)
    file.write_text("delay = 7\n")
    world.cured = lambda effects: True
    run = world.drive(run)
    assert run.outcome != "recovered"
    assert file.read_text() == "delay = 7\n"


def test_a_change_made_after_the_trouble_began_is_left(blamed: tuple[World, Path, Finding]) -> None:
    world, file, leader = blamed
    world.findings = [leader]
    incident = world.open()
    Incident.objects.filter(pk=incident.pk).update(started_at=timezone.now() - timedelta(minutes=5))
    run = world.drive(world.start(incident))
    assert run.outcome == "handed_over" and asked(incident) is None
    told = TimelineEvent.objects.filter(incident=incident, title__startswith="Handed over").get()
    assert "answers the trouble" in told.title and file.read_text() == "delay = 6\n"
