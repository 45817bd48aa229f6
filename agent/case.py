"""The case file of a run: what was looked at, thought, asked, planned, done and measured. One JSON column, typed.

Every worker goes on from it, whoever wrote it; nothing else is carried from step to step. A change of its shape takes a
new `VERSION` and a migration that carries over the runs under way.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from incidents.findings import Finding, Opinion, PlannedStep
from incidents.typed import Record

VERSION: Literal[1] = 1
BUILT_IN = "built-in"


class Part(BaseModel):
    """A part of the file that changes as the run goes on. A name that is not there is an error, also when written."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Looks(Part):
    """How often fresh pictures were looked at while diagnosing; see agent/looks.py for what is fresh."""

    last: datetime | None = None  # the last picture that counted as a look
    counted: datetime | None = None  # the last one that counted for `steady`
    all: int = 0
    ill: int = 0  # ... in which more held than the memory of a run that has ended
    well: int = 0  # in a row, in which no symptom held
    past: int = 0  # symptoms at most that held at once when all told of a run that has ended
    closed: int = 0  # paths that had come to nothing by then
    since_closed: int = 0
    leader: str = ""  # key of what leads and is likely enough
    steady: int = 0  # looks in a row with this leader
    held: dict[str, int] = {}  # of each cause that is likely enough: looks in a row in which it was


class Answer(Record):
    """What a check said. `value`: None = it could not be told."""

    signal: str
    service: str
    value: bool | None
    text: str = ""

    @property
    def key(self) -> str:
        return f"{self.signal}@{self.service}"


class Shown(Record):
    """A bar as the page was last told of it."""

    key: str
    probability: float


class Roles(Record):
    """Who plays which role in this run, by name: chosen once when it begins, and kept, whatever is installed later."""

    diagnoser: str = BUILT_IN
    planner: str = BUILT_IN
    reviewer: str = BUILT_IN
    narrator: str = BUILT_IN


class Path(Record):
    """Steps that are run in order, whole or not at all. `cost`: expected seconds, `loss`: of these what would be lost,
    as far as it was measured; see agent/harm.py."""

    finding: str  # its key
    steps: list[PlannedStep]
    runbook: str = ""  # where it comes from, with its version
    p_success: float = 0.0
    cost: float = 0.0
    loss: float = 0.0
    index: int = 0  # its place in the runbook

    @property
    def key(self) -> str:
        return f"{self.finding}|{','.join(s.key for s in self.steps)}"

    @property
    def words(self) -> str:
        return ", then ".join(s.words for s in self.steps)


class Choice(Record):
    """The paths that can be taken, the cheapest expected cost first, and in words why others are not."""

    paths: list[Path] = []
    left_out: list[str] = []

    def without(self, vetoes: dict[str, str]) -> Choice:
        """Less those that were vetoed, by their keys."""
        said = [vetoes[p.key] for p in self.paths if p.key in vetoes]
        left_out = list(dict.fromkeys([*self.left_out, *said]))
        return Choice(paths=[p for p in self.paths if p.key not in vetoes], left_out=left_out)


class Attempt(Part):
    """The path that is being taken. `requests`: the gate's ids, one for each step that was asked for. `acted_at`: the
    last effect that has not been judged yet; `begun_at`: when the first of its steps was begun; `learnt`:
    whether what it brought is in the statistics."""

    path: Path
    cursor: int = 0  # the step that is next
    requests: list[str] = []
    unknown: int = 0  # looks at a request whose outcome is not known
    begun_at: datetime | None = None
    acted_at: datetime | None = None
    learnt: bool = False

    @property
    def done(self) -> list[PlannedStep]:
        return self.path.steps[: self.cursor]


class Starved(Record):
    """Waiting since this picture because the watcher gets too little of the machine."""

    picture: datetime | None


class Waiting(Part):
    """While a person is asked, or something is in the way of asking."""

    leader: str = ""  # key of what led when it was asked
    other_looks: int = 0  # in a row, that point elsewhere
    well_since: datetime | None = None
    held: str = ""  # why acting is held, as it was last told
    behind: str = ""  # the request of another incident
    starved: Starved | None = None


class Reads(Record):
    """How often a signal was read since the last change, and when last."""

    last: datetime | None = None
    times: int = 0


class Judgement(Record):
    """What the measurements say. `remaining` and `new` are plain sentences, `active` the keys of what still holds, and
    `ours` of that what is ours to control."""

    state: Literal["recovered", "holding", "unwell"]
    why: str
    remaining: list[str] = []
    new: list[str] = []
    cleared: int = 0
    active: list[str] = []
    ours: list[str] = []

    def unwell(self, words: list[str], active: list[str]) -> Judgement:
        """It only seemed to be over: `words` say why, `active` are the keys of what else holds."""
        keys = sorted({*self.active, *active})
        return Judgement(
            state="unwell", why="; ".join(words), remaining=words, cleared=self.cleared, active=keys
        )


class Measuring(Part):
    """Measuring after an effect; begins anew with each. Counts are of fresh pictures; see agent/patience.py."""

    since: datetime
    last: datetime | None = None  # the last picture that counted
    taken: int = 0
    still: int = 0  # since anything changed
    better: int | None = None  # `taken` at the last change for the better
    active: list[str] | None = None  # keys of what still held in the last picture
    gone: list[str] = []  # keys of what has gone since the effect, if it came back or not
    back: list[str] = []  # of these, what came back
    lowest: dict[str, float] = {}
    reads: dict[str, Reads] = {}
    green_since: datetime | None = None
    green_looks: int = 0
    watched: float = 0.0  # seconds of green that were looked at
    rounds: dict[str, int] = {}  # clean runs in a row of our own, by journey
    relapsed: str = ""  # how it showed that it still comes and goes
    lacking: list[str] = []  # what was told to be wanting still, while all was green
    said: Judgement | None = None  # what was measured last


class Raised(Part):
    """Runs of journeys for the sake of measuring, in the whole run."""

    runs: int = 0
    at: datetime | None = None
    slow: bool = False  # so many at once were turned away
    fast_from: datetime | None = None  # when several at once began to go, and last went
    fast_at: datetime | None = None


class PutBack(Part):
    """What is being taken back, the newest effect first. `undo`: the gate's id of the request about the first one."""

    requests: list[str]
    why: str
    undo: str | None = None


class Again(Record):
    """Why it is looked at again, once all is back."""

    why: str
    relapsed: str = ""


class Solved(Record):
    """A cause whose repair helped while something else still holds. `before`: what held when that was planned."""

    finding: Finding
    attempt: Attempt
    before: list[str]


class Case(Part):
    """Everything of one run."""

    version: Literal[1] = VERSION
    roles: Roles = Roles()
    picture: datetime | None = None  # the newest that was looked at, in whichever phase
    looks: Looks = Looks()
    opinion: Opinion = Opinion()
    shown: list[Shown] | None = None
    read_of: str = ""  # the cause whose passages were told last
    answers: list[Answer] = []
    round: int = 0  # how often the diagnosis was begun anew: what was asked before may be asked again
    before: list[str] = []  # keys of what held when it was last planned
    tried: list[str] = []  # keys of paths
    attempt: Attempt | None = None
    acted: list[str] = []  # what was done, in words
    waiting: Waiting = Waiting()
    measuring: Measuring | None = None
    raised: Raised = Raised()
    put_back: PutBack | None = None
    again: Again | None = None
    solved: Solved | None = None
    acted_before: datetime | None = None  # the effect of the attempt before this one
    proven_at: datetime | None = None  # when all was last measured to be over
    intermittent: str = ""  # how it was seen to go on although no symptom held, before anything was done
    errors: int = 0

    @property
    def findings(self) -> list[Finding]:
        return self.opinion.findings

    @property
    def asked(self) -> list[str]:
        return [a.key for a in self.answers]

    @property
    def acted_at(self) -> datetime | None:
        return self.attempt.acted_at if self.attempt else None

    @property
    def begun_at(self) -> datetime | None:
        return self.attempt.begun_at if self.attempt else None

    @property
    def acted_on(self) -> Finding | None:
        """What the path that is or was taken is for, as it is thought of now."""
        wanted = self.attempt.path.finding if self.attempt else None
        return next((f for f in self.findings if f.key == wanted), None)

    def look_afresh(self) -> None:
        """Diagnose from the beginning, with what was asked and tried kept."""
        old = self.looks
        self.looks = old.model_copy(update={"ill": 0, "well": 0, "leader": "", "steady": 0})
        self.shown = None

    def begin_anew(self) -> None:
        """After measuring that it did not help: what was asked may have another answer now."""
        well = self.looks.well
        self.look_afresh()
        self.looks.well = well
        self.answers, self.measuring = [], None
        self.round += 1
        if self.attempt:
            self.acted_before = self.attempt.acted_at or self.acted_before
            self.attempt.begun_at = self.attempt.acted_at = None
