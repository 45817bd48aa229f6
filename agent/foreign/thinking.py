"""From evidence to a verdict: the product's reasoner ranks the general causes and the changes."""

from __future__ import annotations

import time
from collections.abc import Sequence, Set
from pathlib import Path

from agent import reasoner
from agent.foreign import changes, runbooks
from agent.foreign.result import Result, Suspect
from agent.reasoner import Hypothesis
from incidents.foreign import evidence, reading, times
from incidents.foreign.evidence import Evidence
from incidents.foreign.facts import Told
from incidents.foreign.files import Budget
from incidents.foreign.signs import CATALOGUE, State
from systems.graph import SystemGraph

CALLED_AT = 0.25  # a cause must be at least this probable, and more so than "none of these"
SHOWN = 5
STRENGTH_BITS = 1.5  # more for the component that left normal furthest, and less for one that is FAR behind
MOST_UNKNOWN = 80  # components between which any call is thought possible when none is known
CONTEXT = {"alerted", "first_to_change", "stands_out"}
FAR = 4.0  # in units of Finding.strength: four doublings


def diagnose(path: Path, budget: Budget | None = None) -> Result:
    """Everything at `path` (a folder, an archive, a file). `files.NoBundle` when there is nothing to read."""
    began = time.perf_counter()
    facts = reading.read(path, budget)
    found = evidence.gather(facts)
    result = think(found, nothing=facts.empty)
    result.seconds = time.perf_counter() - began
    return result


def think(found: Evidence, *, nothing: bool = False) -> Result:
    """The verdict on evidence."""
    result = Result(
        "unknown", "", needs=found.needs, notes=found.notes, forms=found.forms, changes=found.changes
    )
    result.history = [f"{s.text} ({s.why})" for s in found.standing.said if not s.stands][:20]
    result.onsets = [(s.service, s.text, s.onset.timestamp()) for s in found.bad if s.onset is not None]
    if nothing:
        result.why = "nothing in it could be read as evidence"
        return result
    telling = [s for s in found.bad if _tells(s)]
    if not telling or _passed(found, telling):
        return _quiet(found, result)
    ill = {s.service for s in telling}
    known = _calls_known(found)
    graph = _graph(found, known, ill)
    handed = changes.handed(found, found.kinds if known else ill)  # what has no path did nothing
    opinion = reasoner.diagnose(
        runbooks.general(),
        graph,
        found.states,
        catalog=CATALOGUE,
        boosts=_boosts(found),
        changes=handed.changes,
        now=None if found.standing.now is None else times.as_datetime(found.standing.now),
    )
    result.suspects = [_suspect(h, found, handed) for h in opinion.hypotheses[:SHOWN]]
    if not result.suspects or opinion.none_probability >= opinion.hypotheses[0].probability:
        result.why = "something is wrong, and none of the known causes explains it well"
    elif opinion.hypotheses[0].probability < CALLED_AT:
        result.why = "several causes explain it equally well"
    else:
        result.verdict = "cause"
        result.why = result.suspects[0].title
    return result


def _tells(state: State) -> bool:
    """Whether a sign asks for a cause: an alert that nothing measured supports does not, nor does an order of
    nothing.
    """
    if state.signal in CONTEXT:
        return False
    return not state.signal.startswith(
        ("network_more", "traffic_less", "traffic_more")
    ) or state.signal.endswith("extreme")


def _passed(found: Evidence, telling: list[State]) -> bool:
    """Whether all that moved is few measurements that hardly left normal, on their own and for a while: such a thing is
    found in any long enough record of peace."""
    measured = {(f.component, f.kind) for f in found.found}
    if any(s.signal.startswith("said_") or s.signal == "not_all_ready" for s in telling):
        return False
    faint = all(f.grade == 1 for f in found.found)
    few = len(measured) <= max(1, 0.04 * (len(measured) + found.calm))
    return faint and few and (all(f.shift.ended is not None for f in found.found) or not _asked(found))


def _asked(found: Evidence) -> bool:
    """Whether somebody says that there is trouble."""
    return any(a.firing for a in found.alerts) or found.window.told


def _quiet(found: Evidence, result: Result) -> Result:
    """Nothing stands: healthy where something was measured and is well, unknown where nothing tells."""
    well = [*found.standing.well.values()]
    ok = [f"monitor {a.name!r} is OK" for a in found.alerts if a.measured and not a.firing]
    reasons = [*well[:3], *ok[:3]]
    if found.found:
        reasons.append("what moved hardly left normal")
    if found.calm:
        reasons.append(f"{found.calm} kinds of measurements stayed normal")
    if result.history:
        reasons.append(f"what was said before is over: {result.history[0]}")
    looked = reasons or (
        found.standing.now is not None and any(k for k in found.forms if not k.startswith("alert"))
    )
    if looked:
        result.verdict = "healthy"
        result.why = "nothing is wrong now: " + "; ".join(
            reasons or ["nothing that was read tells of trouble"]
        )
    else:
        result.why = (
            "there is an alert, and nothing measured to judge it by"
            if found.alerts
            else "nothing to judge by"
        )
    return result


def _calls_known(found: Evidence) -> bool:
    """Whether anybody says who calls whom, or there are too many parts to think of all calls."""
    parts = {n for n, kind in found.kinds.items() if kind == "service"}
    return len(parts) > MOST_UNKNOWN or any(parts & found.needs.get(n, set()) for n in parts)


def _graph(found: Evidence, known: bool, ill: Set[str]) -> SystemGraph:
    """The graph of what was read; where it is not `known` who calls whom, anybody may."""
    kinds = {
        name: "external" if name in found.standing.external else kind for name, kind in found.kinds.items()
    }
    needs = {name: {o for o in found.needs.get(name, set()) if o in kinds} for name in kinds}
    if not known:
        parts = [n for n, kind in kinds.items() if kind == "service"]
        needs |= {n: {*needs[n], *parts} - {n} for n in parts}
    names = {g: members for g, members in found.groups.items() if g not in kinds}
    return SystemGraph(kinds, needs, {g: m for g, m in names.items() if len(ill & set(m)) >= 0.7 * len(m)})


def _boosts(found: Evidence) -> dict[str, float]:
    """How far each cause's own metric went beside the furthest, in bits, so that of two of one grade the further one
    leads. The reasoner bounds what this can do."""
    out: dict[str, float] = {}
    strengths = {(s.signal, s.service): s.strength for s in found.bad if s.strength}
    top = max(strengths.values(), default=0.0)
    for spec in runbooks.general():
        own = [*spec.requires, *spec.shows_one_of]
        for (signal, service), value in strengths.items():
            if signal in own:
                key = f"{service}:{spec.id}"
                out[key] = max(
                    out.get(key, -STRENGTH_BITS),
                    STRENGTH_BITS - 2 * STRENGTH_BITS * min((top - value) / FAR, 1.0),
                )
    return out


def _suspect(h: Hypothesis, found: Evidence, handed: changes.Handed) -> Suspect:
    members = {h.component, *h.members}
    signs = {e.signal for e in h.evidence_for if e.service in members}
    onsets = [
        s.onset.timestamp()
        for s in found.bad
        if s.service in members and s.signal in signs - CONTEXT and s.onset is not None
    ]
    since = min(onsets, default=found.window.start if found.found else None)
    category = h.category
    if h.kind == "change" and h.change is not None:
        category = changes.CATEGORIES.get(h.change.kind, changes.BY_CODE)
    return Suspect(
        h.component, h.cause, f"{h.component}: {h.title}", category, h.probability, tuple(_texts(h, found)),
        _against(h, found), handed.told[h.change.id] if h.change else None, since,
    )  # fmt: skip


def _texts(h: Hypothesis, found: Evidence) -> list[str]:
    """What speaks for it in the bundle's own words and figures, the strongest first."""
    by_key: dict[tuple[str, str], list[str]] = {}
    for s in found.bad:
        by_key.setdefault((s.signal, s.service), []).append(s.text)
    texts = [t for e in h.evidence_for for t in by_key.get((e.signal, e.service), [e.text])]
    return list(dict.fromkeys(texts))[:12]


def _against(h: Hypothesis, found: Evidence) -> tuple[str, ...]:
    rows = [e.text for e in h.evidence_against]
    late = [f"a change after it began explains nothing: {c.words}" for c in found.changes if _later(c, found)]
    return tuple(dict.fromkeys([*rows, *late[:2]]))[:8]


def _later(change: Told, found: Evidence) -> bool:
    return (
        found.window.start is not None
        and bool(found.found)
        and change.at > found.window.start + changes.slack_s(found)
    )


def all_of(paths: Sequence[Path]) -> list[Result]:
    return [diagnose(path) for path in paths]
