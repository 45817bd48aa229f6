"""States of signs, from what was measured, said and watched; each with its words, figures and onset."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from incidents.foreign import kinds, measured, times
from incidents.foreign.facts import Alert
from incidents.foreign.measured import Finding
from incidents.foreign.said import Said
from incidents.foreign.signs import GRADES, MEASURED, SAID, State
from incidents.foreign.standing import Standing
from systems.logs.templates import mask

TEXTS = 3  # of a sign on a component

OWN = frozenset(
    {
        "cpu",
        "memory",
        "disk",
        "loss",
        "sockets",
        "saturation",
        "restarts",
        "up",
        "gone",
        "latency own",
        "errors own",
    }
)
SYMPTOMS = frozenset({*OWN, "latency", "errors", "queue", "log errors"})


def _at(seconds: float | None) -> str:
    return (
        ""
        if seconds is None or seconds < times.OLDEST
        else f", since {times.as_datetime(seconds):%Y-%m-%d %H:%M:%SZ}"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def words_of(f: Finding) -> str:
    s = f.shift
    if f.kind == "gone":
        return f"{f.component} shows no {f.metric} any more{_at(s.onset)}"
    unit = f" {f.unit}" if f.unit else ""
    ratio = s.after / s.before if s.before else 0.0
    times_ = f" ({ratio:.3g} times)" if ratio and (ratio > 1.3 or ratio < 0.75) else ""
    went = f"{_number(s.before)}{unit} before, {_number(s.after)}{unit}{times_}"
    return f"{f.metric} of {f.component}: {went}{_at(s.onset)}"


def measured_states(judged: measured.Measured) -> list[State]:
    best: dict[tuple[str, str], Finding] = {}
    for f in judged.found:
        key = (f.component, f.kind)
        if key not in best or (f.grade, f.strength) > (best[key].grade, best[key].strength):
            best[key] = f
    states = []
    for (component, kind), f in best.items():
        sign = MEASURED[kind][0]
        for number, grade in enumerate(GRADES, 1):
            states.append(State(
                sign + grade, component, number <= f.grade, words_of(f), _moment(f.shift.onset),
                reading_value=f.shift.after, label=f.metric[:120], strength=f.strength,
            ))  # fmt: skip
    for component, kind in sorted(judged.calm - best.keys()):
        if kind in MEASURED:
            sign = MEASURED[kind][0]
            states += [
                State(sign + grade, component, False, f"{kind} of {component} stayed normal")
                for grade in GRADES
            ]
    return states


def _moment(seconds: float | None) -> datetime | None:
    return times.as_datetime(seconds) if seconds is not None and seconds >= times.OLDEST else None


def said_states(standing: Standing) -> list[State]:
    """A state for each kind of text of a sign on a component, a few of each; what others say of a part counts for the
    part."""
    kept: dict[tuple[str, str], dict[str, Said]] = defaultdict(dict)
    heard = _heard(standing)
    for said in standing.said:
        sign, component = _meant(said)
        if not said.stands or (sign == "said_upstream" and not said.sure):
            continue
        texts = kept[sign, component]
        said = replace(said, first=_since(said, heard))
        shape = mask(re.sub(r"\S*\d\S*", "#", said.text))
        old = texts.get(shape)
        first = min((x.first for x in (said, old) if x is not None and x.first is not None), default=None)
        best = said if old is None or _telling(said) > _telling(old) else old
        texts[shape] = replace(best, first=first)
    out = []
    for (sign, component), texts in kept.items():
        out += [
            _said_state(sign, component, x)
            for x in sorted(texts.values(), key=_telling, reverse=True)[:TEXTS]
        ]
    return out


def _heard(standing: Standing) -> dict[str, float]:
    """When something that stands was first told of each component, by what tells when it happened."""
    found: dict[str, float] = {}
    for said in standing.said:
        if said.stands and said.source != "state" and said.first is not None:
            found[said.component] = min(said.first, found.get(said.component, said.first))
    return found


def _since(said: Said, heard: Mapping[str, float]) -> float | None:
    """An object's state has the time at which it was started, well as it was then: what it says now is not older than
    the first thing that was told of it."""
    told = heard.get(said.component)
    if said.source != "state" or told is None:
        return said.first
    return told if said.first is None else max(said.first, told)


def unsaid(found: list[State], components: Iterable[str]) -> list[State]:
    """What nothing that was read says of a component, says against it."""
    have = {(s.signal, s.service) for s in found}
    return [
        State(sign, c, False, f"nothing says that {title.format(service=c)}", source="log")
        for c in components
        for sign, (_, title) in SAID.items()
        if (sign, c) not in have
    ]


def _meant(said: Said) -> tuple[str, str]:
    """(sign, component): who does not answer is meant where that is named; else the speaker's trouble with others."""
    if said.sign not in ("said_refuses", "said_times_out", "said_down"):
        return said.sign, said.component
    if said.about:
        return said.sign, said.about
    return ("said_upstream" if said.sign != "said_down" else said.sign), said.component


def _telling(said: Said) -> tuple[bool, bool, int]:
    """A part's own words at error level tell most, then its state, then what a platform says of it."""
    return said.sure and said.source == "log", said.source == "state", said.count


def _said_state(sign: str, component: str, said: Said) -> State:
    return State(
        sign, component, True, said.text, _moment(said.first), label=said.text[:80],
        source="log" if said.source in ("log", "trace") else "state", reading_value=float(said.count),
        fresh=_moment(said.last),
        quality="sure" if said.sure else "unsure", author="log" if said.source == "log" else "self",
    )  # fmt: skip


def object_states(standing: Standing) -> list[State]:
    found = [State("not_all_ready", c, True, text, None, source="state") for c, text in standing.ill.items()]
    return found + [
        State("not_all_ready", c, False, text, None, source="state") for c, text in standing.well.items()
    ]


def latest(alerts: list[Alert]) -> list[Alert]:
    """Of several messages of one alert the last."""
    best: dict[tuple[str, str, str], Alert] = {}
    for alert in alerts:
        key = (alert.name, alert.component, "" if not alert.measured else alert.query)
        old = best.get(key)
        if old is None or (alert.at or 0) >= (old.at or 0):
            best[key] = alert
    return list(best.values())


def of_alert(alert: Alert, resolve: Callable[[str], str], components: set[str]) -> str:
    name = resolve(alert.component) if alert.component else ""
    if name in components:
        return name
    for label in alert.labels:
        other = resolve(label)
        if other in components:
            return other
    return name if name != "system" else ""


def alert_states(alerts: list[Alert], judged: measured.Measured) -> list[State]:
    """A monitor that is evaluated now is a measurement of what its query names; a message is a reason to look."""
    states = []
    measured_already = {(f.component, f.kind) for f in judged.found}
    for alert in alerts:
        if not alert.component:
            continue
        kind = (
            kinds.measure(re.sub(r"\{.*?\}", " ", alert.query) or alert.name).kind
            if alert.measured
            else "other"
        )
        sign = {"errors": "errors", "latency": "slow", "restarts": "restarted", "up": "not_up"}.get(kind)
        words = f"monitor {alert.name!r} is {'in alert' if alert.firing else 'OK'}: {alert.text[:200]}"
        if sign and (alert.component, kind) not in measured_already:
            states.append(
                State(sign, alert.component, alert.firing, words, _moment(alert.at), author="traffic")
            )
        elif alert.firing:
            states.append(
                State(
                    "alerted",
                    alert.component,
                    True,
                    f"alert {alert.name!r}: {alert.text[:200]}",
                    _moment(alert.at),
                )
            )
    return states


def order(states: list[State], found: list[Finding]) -> list[State]:
    """Who changed first, and who left normal furthest: both only where there is somebody to compare with."""
    out: list[State] = []
    onsets: dict[str, float] = {}
    for s in states:
        if (
            s.value
            and s.onset is not None
            and s.signal not in ("alerted",)
            and not s.signal.startswith(("traffic", "network"))
        ):
            onsets[s.service] = min(onsets.get(s.service, 1e18), s.onset.timestamp())
    if len(onsets) > 1:
        earliest = min(onsets.values())
        slack = max(2.0, 0.01 * (max(onsets.values()) - earliest))
        out += [
            State("first_to_change", c, at <= earliest + slack, f"{c} changed first{_at(at)}", _moment(at))
            for c, at in onsets.items()
        ]
    strengths: dict[str, float] = defaultdict(float)
    for f in found:
        if f.kind in OWN or f.kind in ("latency", "errors"):
            strengths[f.component] = max(strengths[f.component], f.strength)
    ranked = sorted(strengths.items(), key=lambda x: -x[1])
    if len(ranked) > 1:
        top = ranked[0][1]
        out += [
            State("stands_out", c, value >= 0.93 * top and top > 3, f"{c} left normal furthest of all")
            for c, value in ranked
        ]
    return out
