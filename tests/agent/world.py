"""A small system for the agent's tests: a real gate over fake units, scripted roles, evidence in the real Redis.

What an action does is one line in a file, so that effects can be counted whichever process had them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from django.utils import timezone

from actions.base import Action, ActionContext, ActionFailed, NoParams, Preview, ReadBack, Result
from actions.models import Risk
from agent import journal, loop
from agent.case import Judgement
from agent.models import Phase, Run, Step
from incidents import evidence
from incidents.evidence import Picture, SignalState
from incidents.findings import Evidence, Finding, Opinion, PlannedStep, Question
from incidents.health import Health, Word, name_of
from incidents.models import Incident, Symptom
from systems.models import System
from systems.services import LoadedSystem

MANIFEST = """
system: mini
runtime: {driver: fake, name: mini, units: [web, db]}
services:
  web: {kind: http, depends_on: [db]}
  db: {kind: postgres}
journeys:
  - {name: log in, service: web, steps: [{get: "http://127.0.0.1:9/"}]}
"""


class FileAction(Action[NoParams]):
    """Writes `slug@target` to the file `written`; what is named in the sick file fails."""

    written: ClassVar[Path]
    sick: ClassVar[set[str]] = set()
    before_effect: ClassVar[Callable[[], None] | None] = None

    def targets(self, system: LoadedSystem) -> list[str]:
        return list(system.services)

    def effects(self, ctx: ActionContext, params: NoParams) -> frozenset[str]:
        return frozenset({f"{self.slug}:{ctx.target}"})

    def check(self, ctx: ActionContext, params: NoParams) -> None:
        return

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        return Preview(
            f"{self.slug} {ctx.target}", ["one line in a file"], [ctx.target], "takes the line out"
        )

    def prepare(self, ctx: ActionContext, params: NoParams) -> dict[str, Any]:
        return {"line": f"{self.slug}@{ctx.target}"}

    def execute(self, ctx: ActionContext, params: NoParams) -> Result:
        line = f"{self.slug}@{ctx.target}"
        if line in self.sick:
            raise ActionFailed(f"{line} cannot be done")
        self._write(line)
        return Result(True, "done")

    def rollback(self, ctx: ActionContext, undo: dict[str, Any]) -> Result:
        self._write(f"undo {undo['line']}")
        return Result(True, "undone")

    def read_back(self, ctx: ActionContext, params: NoParams) -> ReadBack:
        return (
            "applied"
            if f"{self.slug}@{ctx.target}" in self.written.read_text().split("\n")
            else "not_applied"
        )

    def _write(self, line: str) -> None:
        with self.written.open("a") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())


class Mend(FileAction):
    slug, title, risk = "mend", "Mend it", Risk.LOW


class Patch(FileAction):
    slug, title, risk = "patch", "Patch it", Risk.LOW


class Wipe(FileAction):
    slug, title, risk = "wipe", "Wipe", Risk.LOW

    def preview(self, ctx: ActionContext, params: NoParams) -> Preview:
        return Preview("wipe", ["rows are gone"], [ctx.target], "they are put back", loss={"rows": 9})


class Rebuild(FileAction):
    slug, title, risk = "rebuild", "Rebuild it", Risk.HIGH


ACTIONS: tuple[type[FileAction], ...] = (Mend, Patch, Wipe, Rebuild)


def path(*steps: str) -> list[PlannedStep]:
    """`path("mend web", "patch db")` as a runbook's path."""
    return [PlannedStep(**dict(zip(("action", "target"), step.split(), strict=True))) for step in steps]


def finding(cause: str, probability: float, *paths: list[PlannedStep], component: str = "web") -> Finding:
    return Finding(
        component=component,
        cause=cause,
        title=cause.capitalize(),
        summary=f"{component}: {cause}",
        probability=probability,
        pro=[Evidence(text="it does not answer", weight=4.0, source="probe", signal="http_unreachable")],
        paths=list(paths),
        prevent="Do not do that.",
    )


@dataclass
class World:
    """The script: what the diagnoser thinks, and when the validator is content."""

    system: System
    effects_file: Path
    findings: list[Finding] = field(default_factory=list)
    place: Finding | None = None
    questions: list[Question] = field(default_factory=list)
    answers: dict[str, bool | None] = field(default_factory=dict)
    cured: Callable[[list[str]], bool] = lambda effects: False
    helped: Callable[[list[str]], int] = lambda effects: 0
    diagnosed: int = 0
    starved: bool = False  # the watcher, when it takes its pictures
    asked: list[str] = field(default_factory=list)
    wakes: list[int] = field(default_factory=list)
    clock: datetime = field(default_factory=lambda: datetime.now(UTC))

    # --- the roles

    def diagnose(self, incident: Incident, states: list[SignalState]) -> Opinion:
        self.diagnosed += 1
        findings = list(self.findings)
        none = 1 - sum(f.probability for f in findings)
        none = max(0.0, none)
        return Opinion(findings=findings, none_probability=none, questions=self.questions, place=self.place)

    def ask(self, incident: Incident, question: Question) -> SignalState:
        self.asked.append(question.key)
        value = self.answers.get(question.key)
        return SignalState(
            question.signal, question.service, "", value, None, "asked", timezone.now(), "check"
        )

    def judge(
        self, incident: Incident, states: list[SignalState], before: set[str], acted_at: datetime | None
    ) -> Judgement:
        effects = self.effects()
        if self.cured(effects) or not self.symptoms().exists():
            return Judgement(state="recovered", why="all symptoms are gone", cleared=len(before))
        why = "web still does not answer"
        return Judgement(state="unwell", why=why, remaining=["web"], cleared=self.helped(effects))

    # --- what happens

    def effects(self) -> list[str]:
        return self.effects_file.read_text().splitlines()

    def symptoms(self) -> Any:
        return Symptom.objects.filter(system=self.system, cleared_at__isnull=True)

    def tick(self, **health: Word) -> None:
        """The watcher's next picture, newer than everything that has happened."""
        self.clock = max(self.clock + timedelta(seconds=1), datetime.now(UTC))
        held = Symptom.objects.filter(system=self.system).values_list(
            "signal", "service", "label", "cleared_at", "given_up"
        )
        states = [
            SignalState(
                signal, service, label, None if lost else over is None, 0.0, "refused", self.clock, "probe"
            )
            for signal, service, label, over, lost in held
        ]
        well = SignalState("journey_failed", "web", "browse", False, 1.0, "", self.clock, "probe")
        open_ = frozenset(name_of(s) for s in states if s.value)
        words = {name: Health(word) for name, word in health.items()}
        picture = Picture(self.clock, self.starved, states=[*states, well], open_=open_, health=words)
        evidence.write("mini", picture)

    def open(self) -> Incident:
        now = timezone.now()
        incident = Incident.objects.create(
            system=self.system, fingerprint="web", title="web does not answer", started_at=now
        )
        Symptom.objects.create(
            system=self.system, incident=incident, signal="http_unreachable", service="web",
            title="web does not answer", first_seen=now, last_seen=now,
        )  # fmt: skip
        return incident

    def clear(self) -> None:
        self.symptoms().update(cleared_at=timezone.now())

    def time_passes(self, run: Run) -> None:
        """What waits is due, and whoever held the lease is long dead."""
        Run.objects.filter(pk=run.pk).exclude(phase=Phase.DONE).update(
            due_at=timezone.now() - timedelta(seconds=1), lease_until=None
        )

    def drive(self, run: Run, until: Callable[[], bool] = lambda: False, most: int = 60) -> Run:
        """Tick and wake until the run is done, or `until` holds."""
        for _ in range(most):
            run.refresh_from_db()
            if run.phase == Phase.DONE or until():
                return run
            self.tick()
            self.time_passes(run)
            loop.advance(run.pk)
        raise AssertionError(f"the run goes on and on: {self.steps(run)[-6:]}, {run.case}")

    def start(self, incident: Incident) -> Run:
        run = journal.start(incident.number)
        assert run is not None
        return run

    def steps(self, run: Run) -> list[str]:
        return list(Step.objects.filter(run=run).order_by("seq").values_list("name", flat=True))

    def seqs(self, run: Run) -> list[int]:
        return list(Step.objects.filter(run=run).order_by("seq").values_list("seq", flat=True))
