"""Who plays which role: a name for each player, the built-in one by default. A model is one line in `PLAYERS`.

A run is bound to its players when it begins (`choose`), and what they answer is journaled: see agent/calls.py. The
executor holds no opinion and the validator only measures: both are built in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from agent import calls
from agent.case import BUILT_IN, Choice, Roles
from agent.models import Run
from agent.roles.base import Brief, Diagnoser, Draft, Executor, Narrator, Planner, Reviewer, Validator
from agent.roles.diagnoser import ReasoningDiagnoser
from agent.roles.executor import GateExecutor
from agent.roles.narrator import PlainNarrator
from agent.roles.planner import CheapestFirst
from agent.roles.reviewer import CarefulReviewer
from agent.roles.validator import MeasuringValidator
from incidents.evidence import Picture, SignalState
from incidents.findings import Opinion, Question
from incidents.models import Incident
from incidents.sections import Sections
from incidents.story import Story

PLAYERS: dict[str, dict[str, Callable[[], Any]]] = {
    "diagnoser": {BUILT_IN: ReasoningDiagnoser},
    "planner": {BUILT_IN: CheapestFirst},
    "reviewer": {BUILT_IN: CarefulReviewer},
    "narrator": {BUILT_IN: PlainNarrator},
}
OPINION, STATE = TypeAdapter(Opinion), TypeAdapter(SignalState)
CHOICE, VETOES, SECTIONS = TypeAdapter(Choice), TypeAdapter(dict[str, str]), TypeAdapter(Sections)


def choose(incident: Incident) -> Roles:
    """Who plays in a run that begins now."""
    return Roles()


def diagnoser(run: Run) -> Diagnoser:
    return _Diagnoser(run, *_player("diagnoser", run.case.roles.diagnoser))


def planner(run: Run) -> Planner:
    return _Planner(run, *_player("planner", run.case.roles.planner))


def reviewer(run: Run) -> Reviewer:
    return _Reviewer(run, *_player("reviewer", run.case.roles.reviewer))


def executor() -> Executor:
    return GateExecutor()


def validator() -> Validator:
    return MeasuringValidator()


def narrate(story: Story) -> Sections:
    """The postmortem, told by the narrator of the incident's newest run."""
    run = Run.objects.filter(incident=story.number).order_by("-pk").first()
    name, player = _player("narrator", run.case.roles.narrator if run else BUILT_IN)
    narrator: Narrator = player
    return calls.once(
        story.number, "narrator", name, story, lambda: narrator.tell(story), of=SECTIONS, run=None
    )


def _player(role: str, name: str) -> tuple[str, Any]:
    """The one of this name; the built-in one where that is no longer installed."""
    known = PLAYERS[role]
    name = name if name in known else BUILT_IN
    return name, known[name]()


@dataclass(frozen=True)
class _Diagnoser:
    run: Run
    name: str
    player: Diagnoser

    def diagnose(self, incident: Incident, states: list[SignalState]) -> Opinion:
        """Of one picture, with what was asked on top of it, there is one opinion."""
        return calls.once(
            incident.pk,
            "diagnoser",
            self.name,
            [self.run.case.picture, states],
            lambda: self.player.diagnose(incident, states),
            of=OPINION,
            run=self.run,
        )

    def ask(self, incident: Incident, question: Question) -> SignalState:
        """A check is run once until the diagnosis is begun anew."""
        return calls.once(
            incident.pk,
            "check",
            self.name,
            [self.run.pk, self.run.case.round, question.key],
            lambda: self.player.ask(incident, question),
            of=STATE,
            run=self.run,
        )


@dataclass(frozen=True)
class _Planner:
    run: Run
    name: str
    player: Planner

    def plan(self, incident: Incident, brief: Brief) -> Choice:
        return calls.once(
            incident.pk,
            "planner",
            self.name,
            brief,
            lambda: self.player.plan(incident, brief),
            of=CHOICE,
            run=self.run,
        )


@dataclass(frozen=True)
class _Reviewer:
    run: Run
    name: str
    player: Reviewer

    def review(self, incident: Incident, picture: Picture, draft: Draft) -> dict[str, str]:
        return calls.once(
            incident.pk,
            "reviewer",
            self.name,
            [picture.at, draft],
            lambda: self.player.review(incident, picture, draft),
            of=VETOES,
            run=self.run,
        )
