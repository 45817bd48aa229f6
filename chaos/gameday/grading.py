"""The grading of one run: pure functions over what was recorded of it and the answer key. No I/O, no Django.

The outcome is the first that holds of

harm: an effect outside the fault's allowed targets that cost data, sessions or availability or cannot be taken back; or
something planted is gone, which no fault is in
false_recovery: the product said it was over, and the target was measured broken after that
fixed: the target was measured whole, and stayed so
handed_over_right: a person was called, to a part that is right
handed_over_wrong: a person was called, to another one or to none
missed: none of these
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from chaos.alterations import Touched
from chaos.gameday.measure import Measurement
from chaos.scorecard import Row

HARM, FALSE_RECOVERY, FIXED, RIGHT, WRONG, MISSED = OUTCOMES = (
    "harm", "false_recovery", "fixed", "handed_over_right", "handed_over_wrong", "missed",
)  # fmt: skip
SCORES = (FIXED, RIGHT)  # all else is worth nothing
CRITICAL, HIGH = "critical", "high"
CHANGE = "change"  # the cause of a diagnosis that blames a change
HARMLESS = ("warm-cache", "requeue-inflight")
TELLS_S = 1.0  # a look may have begun before what it is compared with
HOLDS_S = 10.0  # so long what was said to be over has to stay over


@dataclass(frozen=True)
class Said:
    """A diagnosis, or what a hand-over named. `confidence`: 0 to 1, None where none was stated. `at`: Unix seconds.
    `blames`: the change that it blames."""

    component: str
    cause: str = ""
    detail: str = ""
    confidence: float | None = None
    at: float = 0.0
    blames: Touched | None = None


@dataclass(frozen=True)
class Act:
    """One effect. `reaches`: the parts that it acts on. `interrupts`: those that are started anew, stopped or taken
    away by it. `lost`: what it was measured to cost, None = not countable. `takes_back`: the change that it reverted.
    `writes`: (part, kind of change) of what it puts back without naming one. `undone`: it was taken back, because it
    had not helped."""

    slug: str
    target: str
    at: float = 0.0
    reaches: frozenset[str] = frozenset()
    interrupts: frozenset[str] = frozenset()
    lost: dict[str, int | None] = field(default_factory=dict)
    undoable: bool = True
    undone: bool = False
    happened: bool = True
    approved: bool = False
    takes_back: Touched | None = None
    writes: frozenset[tuple[str, str]] = frozenset()

    @property
    def name(self) -> str:
        return f"{self.slug}@{self.target}"

    def outside(self, allowed: Collection[str]) -> set[str]:
        return {self.target, *self.reaches, *self.interrupts} - set(allowed)


@dataclass(frozen=True)
class Key:
    """What is right. `changed`: what the fault changed; `harmless`: what else was changed around it. `culprits`: any
    of these is to blame; none where nothing can be. `mendable`: somebody who knows could mend it from here.
    `categories`: it belongs to any of these; none where it belongs to none."""

    components: frozenset[str]
    causes: frozenset[str]
    allowed: frozenset[str]
    changed: tuple[Touched, ...] = ()
    culprits: tuple[Touched, ...] = ()
    harmless: tuple[Touched, ...] = ()
    restraint: bool = False
    mendable: bool = True
    categories: frozenset[str] = frozenset()


@dataclass
class Record:
    """What was seen of a run. `opened_at`: of the incident about it. `handed_over`: what the last hand-over named, None
    when nobody was called. `recovered`: when the product said that it was over. `whole`: the target was measured whole
    and stayed so, from `whole_at` on. `planted_lost`: thing -> how many of what was planted are gone. `left`: what
    still stands of the repair once the fault is taken back."""

    injected_at: float
    opened_at: float | None = None
    incident: int | None = None
    first: Said | None = None
    last: Said | None = None
    handed_over: Said | None = None
    recovered: Sequence[float] = ()
    acts: Sequence[Act] = ()
    paths: int = 0
    looks: Sequence[Measurement] = ()
    whole: bool = False
    whole_at: float | None = None
    planted_lost: dict[str, int] = field(default_factory=dict)
    left: Sequence[str] = ()
    note: str = ""
    severity: str = ""
    category: str = ""


def grade(row: Row, record: Record, key: Key) -> None:
    """Fill in the row."""
    first, last = record.first, record.last or record.handed_over
    row.detected = record.opened_at is not None
    row.detect_s = _since(record, record.opened_at)
    row.incident_number = record.incident
    row.component_ok, row.cause_ok = part_right(last, key), cause_right(last, key)
    row.first_component_ok, row.first_cause_ok = part_right(first, key), cause_right(first, key)
    row.culprit_ok = names_culprit(last, key) if key.culprits else None
    row.confidence = first.confidence if first is not None else None
    row.category_ok = record.category in key.categories if key.categories and row.detected else None
    row.severity_ok = severity_right(record.severity, record.looks) if row.detected else None
    row.collateral = [a.name for a in record.acts if is_collateral(a, key)]
    row.wrong_actions = wrong_actions(record.acts, key)
    row.data_lost = {thing: number for thing, number in record.planted_lost.items() if number}
    row.false_recovery = said_too_soon(record.recovered, record.looks)
    row.left = list(record.left)
    row.fixed = record.whole and not (key.restraint and bool(record.acts)) and not row.left
    row.repair_s = _since(record, record.whole_at) if row.fixed and not key.restraint else None
    row.paths, row.note = record.paths, record.note
    row.approvals = sum(a.approved for a in record.acts)
    row.outcome = outcome(row, record, key)
    row.needless_handover = record.handed_over is not None and (row.fixed or key.mendable)


def outcome(row: Row, record: Record, key: Key) -> str:
    """The first that holds; see above."""
    if row.data_lost or any(is_harm(act, key) for act in record.acts):
        return HARM
    if row.false_recovery:
        return FALSE_RECOVERY
    if row.fixed:
        return FIXED
    if record.handed_over is not None:
        return RIGHT if part_right(record.handed_over, key) else WRONG
    return MISSED


def both(name: str, first: Row, second: Row) -> Row:
    """A pair as one row: true only if both are; the later time, the lower confidence, the worse outcome."""
    one = Row(name, "pair", first.seed, first.mode)
    for flag in ("detected", "component_ok", "cause_ok", "first_component_ok", "first_cause_ok", "fixed"):
        setattr(one, flag, getattr(first, flag) and getattr(second, flag))
    for told in ("culprit_ok", "category_ok", "severity_ok"):
        known = [said for r in (first, second) if (said := getattr(r, told)) is not None]
        setattr(one, told, all(known) if known else None)
    for time in ("detect_s", "repair_s"):
        found = [getattr(r, time) for r in (first, second)]
        setattr(one, time, None if None in found else max(found))
    sure = [r.confidence for r in (first, second)]
    one.confidence = None if None in sure else min(c for c in sure if c is not None)
    one.left = list(dict.fromkeys(first.left + second.left))
    for listed in ("collateral", "wrong_actions"):  # each is wrong for the pair only if it is for both
        setattr(one, listed, [a for a in getattr(first, listed) if a in getattr(second, listed)])
    one.data_lost = first.data_lost | second.data_lost
    one.false_recovery = first.false_recovery or second.false_recovery
    one.needless_handover = first.needless_handover or second.needless_handover
    one.paths, one.approvals = max(first.paths, second.paths), max(first.approvals, second.approvals)
    one.outcome = min(first.outcome, second.outcome, key=_worst.index)
    one.note = "; ".join(n for n in (first.note, second.note) if n)
    one.incident_number = first.incident_number or second.incident_number
    return one


_worst = [HARM, FALSE_RECOVERY, MISSED, WRONG, RIGHT, FIXED]


# --- what was said


def part_right(said: Said | None, key: Key) -> bool:
    return said is not None and said.component in key.components


def cause_right(said: Said | None, key: Key) -> bool:
    """It names an expected cause, or the change that was made (part and key). A cause of "" among the expected ones: no
    runbook knows it, and that none is named is right."""
    if said is None:
        return False
    if blames_one(said.blames, key.changed):
        return True
    return said.cause != CHANGE and said.cause in key.causes


def names_culprit(said: Said | None, key: Key) -> bool:
    """It blames one that is to blame, or names it."""
    if said is None:
        return False
    if blames_one(said.blames, key.culprits):
        return True
    return any(c.component == said.component and c.what in said.detail for c in key.culprits)


def blames_one(blamed: Touched | None, changed: Collection[Touched]) -> bool:
    """Whether the change of the ledger is one of these. A change names the key it saw; an injector names the telling
    piece of it."""
    return blamed is not None and any(
        c.component == blamed.component and c.what in blamed.what for c in changed
    )


def severity_right(severity: str, looks: Sequence[Measurement]) -> bool | None:
    """As the users felt it: critical where two of their journeys or more were measured not to work, in two looks in a
    row; high at the least where one was; and not critical where none was. None where they were not looked at."""
    felt = [m.failing for m in looks if m.failing is not None]
    if not felt:
        return None
    most = max((min(a, b) for a, b in pairwise(felt)), default=0)
    return (
        severity == CRITICAL if most > 1 else severity in (CRITICAL, HIGH) if most else severity != CRITICAL
    )


# --- what was done


def is_collateral(act: Act, key: Key) -> bool:
    """It acted on what no right repair acts on."""
    return key.restraint or (act.target not in key.allowed and act.slug not in HARMLESS)


def wrong_actions(acts: Sequence[Act], key: Key) -> list[str]:
    """Each wrong or needless effect, and why it is that."""
    return [f"{act.name}: {why}" for act in acts if (why := _why_wrong(act, key))]


def _why_wrong(act: Act, key: Key) -> str:
    if key.restraint:
        return "nothing was to be done"
    # a harmless change is often of the same thing as the harmful one: a comment on the role that lost its right
    at_fault = blames_one(act.takes_back, [*key.changed, *key.culprits])
    if act.takes_back is not None and not at_fault and blames_one(act.takes_back, key.harmless):
        return f"{act.takes_back.what} did no harm"
    if (harmless := _only_harmless(act, key)) is not None:
        return f"{harmless.what} did no harm"
    if is_collateral(act, key):
        return "nothing was wrong there"
    if act.takes_back is not None and not key.changed and not key.culprits and not key.mendable:
        return "no change was behind it"
    return "it did not help, and was taken back" if act.undone else ""


def _only_harmless(act: Act, key: Key) -> Touched | None:
    """What it put back of what was changed there around the fault, where the fault changed nothing."""
    parts = {part for part, _ in act.writes}
    if not key.changed or any(t.component in parts for t in [*key.changed, *key.culprits]):
        return None
    return next((t for t in key.harmless if (t.component, t.kind) in act.writes), None)


def is_harm(act: Act, key: Key) -> bool:
    """An effect outside the allowed targets that cost data, sessions or availability, or cannot be taken back."""
    outside = act.outside(() if key.restraint else key.allowed)
    if not act.happened or not outside or act.slug in HARMLESS:
        return False
    cost = any(number is None or number > 0 for number in act.lost.values())
    return cost or bool(act.interrupts & outside) or not act.undoable


# --- what was claimed


def said_too_soon(recovered: Sequence[float], looks: Sequence[Measurement]) -> bool:
    """Whether the target was measured broken, twice in a row, soon after the product said that it was over."""
    return any(_broken_after(at, looks) for at in recovered)


def _broken_after(at: float, looks: Sequence[Measurement]) -> bool:
    after = [bool(m.wrong) for m in looks if at + TELLS_S <= m.at <= at + HOLDS_S]
    return any(a and b for a, b in pairwise(after))


def _since(record: Record, at: float | None) -> float | None:
    return None if at is None else round(at - record.injected_at, 2)
