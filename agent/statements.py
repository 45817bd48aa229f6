"""What a part says itself, at error level, of what is wrong with it: no inference replaces it.

Which signals are such statements is data (`outright` in incidents/signals/). A cause whose runbook speaks of the
statement accounts for it, and may be acted on; any other inference about the same part, or about what needs it, is
rather its consequence, and waits.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from agent.context import symptoms_in
from agent.reasoner import complaints
from incidents.evidence import Picture
from incidents.findings import Evidence, Finding, Opinion
from incidents.models import Incident, Symptom
from incidents.returned import CHANGE
from incidents.signals import CATALOG
from incidents.verdict import ACT_AT
from systems.logs.reading import rank_of
from systems.services import LoadedSystem

LOOK_S = 1.0  # the watcher looks about once a second
AT_ONCE = timedelta(seconds=1)  # logs are not read all at the same moment
ERROR = 2  # systems.logs: rank of a line at error level
# What is read of the unit or its files themselves is no inference.
NAME = 5  # letters: what is shorter may be in any sentence
QUOTES = re.compile(r"[\"'`]")
QUOTED = re.compile(r"[\"'`]([^\"'`\s]{2,40})[\"'`]")
VALUE = re.compile(r"\d|\w{5}")  # what is less may be quoted for any reason
ARROW, TO = re.compile(r"-> ([^\s;)]+)"), re.compile(r"\bto (\S+)$")  # as a changed value is told
QUALIFIED = re.compile(r"\b\w+\.(?=\w)")
LETS_IN = frozenset({"role", "access", "grant"})  # kinds of change that decide who is let in
DIRECT = ("unit.", "proc.", "child.", "config.", "env.", "disk.", "release.")


class Statement(Protocol):
    """The symptom of a signal that is `outright`."""

    @property
    def signal(self) -> Any: ...
    @property
    def service(self) -> Any: ...
    @property
    def title(self) -> Any: ...
    @property
    def text(self) -> Any: ...
    @property
    def first_seen(self) -> Any: ...
    @property
    def last_seen(self) -> Any: ...


S = TypeVar("S", bound=Statement)


def outright() -> frozenset[str]:
    """The signals that are a part's own word for what is wrong with it."""
    return frozenset(signal.id for signal in CATALOG.values() if signal.outright)


def standing(incident: Incident, picture: Picture, acted: datetime | None) -> list[Symptom]:
    """The statements that hold, the first said first. A process that has died says no more: what it said last holds
    while its service is ill, until something that we did (`acted`) has helped."""
    ill = {s.service for s in symptoms_in(incident, picture)}
    said = Symptom.objects.filter(incident=incident.pk, signal__in=outright())
    return told_in_order(
        s
        for s in said
        if (s.signal, s.service, s.label) in picture.open_
        or (s.service in ill and (acted is None or _last_said(s) > acted))
    )


def _last_said(symptom: Symptom) -> datetime:
    """At the latest: words are looked at for a while after they were written, hold for as long, and are seen to hold
    no more a few looks later."""
    signal = CATALOG[symptom.signal]
    window = float(getattr(signal.detector, "window_s", 0.0))
    later = signal.clear.seconds + signal.clear.ticks * LOOK_S if symptom.cleared_at is not None else 0.0
    return symptom.last_seen - timedelta(seconds=window + later)


def told_in_order(said: Iterable[S]) -> list[S]:
    """Those at error level, of each kind the newest, in the order in which they were first said."""
    found = [s for s in said if rank_of(s.text) >= ERROR]
    newest = {(s.signal, s.service): s for s in sorted(found, key=lambda s: s.last_seen)}
    return sorted(newest.values(), key=lambda s: (s.first_seen, s.signal, s.service))


def heard(said: Sequence[Statement], system: LoadedSystem, opinion: Opinion) -> Opinion:
    """The opinion with the statement in front that nothing likely enough accounts for."""
    likely = [f for f in opinion.findings if _together(f, opinion, system) >= ACT_AT]
    open_ = [s for s in said if not any(accounts(f, s, system) for f in likely)]
    leader = likely[0] if likely else None
    for statement in _deepest_first(open_, system):
        if leader is None or stands_before(statement, leader, system):
            others = [f for f in opinion.findings if not f.stated]
            return opinion.model_copy(
                update={"findings": [_finding(statement, said, system), *others], "place": None}
            )
    return opinion


def _together(finding: Finding, opinion: Opinion, system: LoadedSystem) -> float:
    """How likely the cause is on this part, on a group that it is in or on one of its members: for a look or two it is
    not told which."""
    members = {*system.graph.members(finding.component)}
    alike = (f for f in opinion.findings if (f.cause, f.change_id) == (finding.cause, finding.change_id))
    return sum(f.probability for f in alike if members & {*system.graph.members(f.component)})


def _deepest_first(said: Sequence[S], system: LoadedSystem) -> list[S]:
    """Of what was said first, and as good as at once, the word of the part that the others need comes first: they may
    only repeat it."""
    near = [s for s in said if s.first_seen - said[0].first_seen <= AT_ONCE]
    needs = {s.service: system.graph.dependencies(system.graph.members(s.service)) for s in near}
    near.sort(key=lambda s: -sum(s.service in needed for needed in needs.values()))
    return [*near, *said[len(near) :]]


def accounts(finding: Finding, statement: Statement, system: LoadedSystem) -> bool:
    """Whether the cause's runbook expects what is said, where it is said; or its own part says the same, and who needs
    that only repeats it; or it is, or rests on, a change of the very kind or thing that is spoken of, on the part that
    is spoken of."""
    members = system.graph.members(finding.component)
    if finding.change_kind:
        of_its_kind = finding.change_kind in CATALOG[statement.signal].moved_by
        names = {finding.detail, QUALIFIED.sub("", finding.detail)}  # a server leaves the schema away
        said = QUOTES.sub("", statement.text)
        by_name = finding.cause == CHANGE and any(len(n) >= NAME and n in said for n in names)
        there = (of_its_kind or by_name or _quotes_its_value(statement, finding)) and bool(
            {statement.service, *_named(statement, system)} & {*members}
        )
        if there or finding.cause == CHANGE:
            return there
    where = {statement.service}
    if statement.service in system.graph.callers(members):
        where |= {*members}
    return any(e.signal == statement.signal and e.service in where for e in finding.pro)


def _quotes_its_value(statement: Statement, finding: Finding) -> bool:
    """Whether a value that it quotes is what something was changed to: `could not convert '30m'`, and a `30m` that was
    1800 before."""
    changed = [e.text for e in finding.pro if (s := CATALOG.get(e.signal)) is not None and s.changed]
    told = {*ARROW.findall(" ".join(changed)), *TO.findall(finding.title)}
    return any(value in told for value in QUOTED.findall(statement.text) if VALUE.search(value))


def stands_before(statement: Statement, finding: Finding, system: LoadedSystem) -> bool:
    """Whether what is inferred may be no more than a consequence, or another reading, of what is said."""
    members = system.graph.members(finding.component)
    if statement.service in members:
        return True
    if any(_direct(e, members) for e in finding.pro):
        return False
    needs_it = statement.service in system.graph.dependencies(members)
    return needs_it or system.graph.callers(members).get(statement.service) == 1


def forbids_restart(
    incident: Incident, picture: Picture, acted: datetime | None, units: Collection[str]
) -> str:
    """What says that the same process started again would say the same; "" when nothing does."""
    for statement in standing(incident, picture, acted):
        if CATALOG[statement.signal].outlives_restart and statement.service in units:
            return statement.title
    return ""


def _direct(evidence: Evidence, members: Collection[str]) -> bool:
    signal = CATALOG.get(evidence.signal)
    return evidence.service in members and signal is not None and signal.metric.startswith(DIRECT)


def _named(statement: Statement, system: LoadedSystem) -> frozenset[str]:
    """Which of what its part needs the words of a statement name."""
    return complaints.spoken_of([statement.text], statement.service, system.graph)


def _about(statement: Statement, said: Sequence[Statement], system: LoadedSystem) -> str:
    """Of which part it tells. Where one other that the part needs turned it away, or where several say the same of one
    that all of them need, that one is where to look."""
    named = _named(statement, system)
    if len(named) != 1:
        return str(statement.service)
    (part,) = named
    alike = {s.service for s in said if s.signal == statement.signal and part in _named(s, system)}
    turned_away = not LETS_IN.isdisjoint(CATALOG[statement.signal].moved_by)
    return part if turned_away or len(alike) > 1 else str(statement.service)


def _finding(statement: Statement, said: Sequence[Statement], system: LoadedSystem) -> Finding:
    signal = CATALOG[statement.signal]
    return Finding(
        component=_about(statement, said, system),
        cause="",
        detail=statement.signal,
        title=statement.title,
        summary=statement.title,
        probability=0.0,
        pro=[
            Evidence(text=statement.text, source=signal.source, signal=signal.id, service=statement.service)
        ],
        category=signal.category,
        stated=True,
    )
