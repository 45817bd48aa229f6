"""What our own doing says: a repair in vain speaks against its cause, and what we brought about is no evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from actions.models import ActionRequest, Status
from incidents.evidence import SignalState
from incidents.findings import Opinion
from incidents.models import Incident
from incidents.signals import CATALOG
from systems.services import LoadedSystem

NOT_HELPED = 0.2  # chance that the right repair is done and measured not to help
DOUBTED = 3  # returns that speak against a cause: from then on a person decides (returns.py), and may say it is right
NOT_HELD = 0.5  # chance that it is back soon after the right repair, as likely as not by who brought it about at first
SUREST = 0.97  # no runbook is surer than this when its repair has failed
LASTS = timedelta(seconds=10)  # what a restart brings about shows within this
WRITTEN = timedelta(
    seconds=3
)  # a file that was written has been read within this; what differs later another wrote
LOOKED_BACK = timedelta(minutes=10)


class Act(Protocol):
    """When an action of ours began and ended, and on what it was."""

    @property
    def target(self) -> Any: ...
    @property
    def claimed_at(self) -> Any: ...
    @property
    def finished_at(self) -> Any: ...


def failed(incident: Incident) -> dict[str, float]:
    """The causes whose repair was done and did not help, or did not hold, by their keys; with the chance that it would
    come to that if the cause were right."""
    row = Incident.objects.get(pk=incident.pk)
    found: dict[str, float] = {}
    for repair in row.verdict.failed:
        found[repair.key] = found.get(repair.key, 1.0) * NOT_HELPED
    times: dict[str, int] = {}
    for repair in row.repairs:
        times[repair.key] = max(repair.returned, times.get(repair.key, 0))
    for key, count in times.items():
        if count:
            found[key] = found.get(key, 1.0) * NOT_HELD ** min(count, DOUBTED)
    return found


def fallen(failed: Mapping[str, float], opinion: Opinion) -> Opinion:
    """Causes whose repair was done and did not help are less likely by that, and the others more."""
    findings, none = list(opinion.findings), opinion.none_probability
    for key, chance in failed.items():
        before = next((f.probability for f in findings if f.key == key), 0.0)
        p = min(before, SUREST)
        after = p * chance / (p * chance + 1 - p)
        more = (1 - after) / max(1 - before, 0.001)
        for place, other in enumerate(findings):
            beside = (
                other.probability > 1 - before
            )  # may be true as well: nothing is gained by the other's fall
            grown = other.probability if beside else min(other.probability * more, 1 - after)
            findings[place] = other.model_copy(update={"probability": after if other.key == key else grown})
        none = min(none * more, 1 - after)
    if failed:
        findings.sort(key=lambda f: -f.probability)
    return opinion.model_copy(update={"findings": findings, "none_probability": none})


def without_own_doing(
    acts: Sequence[Act], system: LoadedSystem, states: list[SignalState]
) -> list[SignalState]:
    """The evidence with what an action of ours brought about taken as unknown: sessions ended by a restart, a run that
    is new because we started it, a file that differs because we wrote it."""
    if not acts:
        return states
    return [
        replace(s, value=None) if s.value and any(_ours(s, a, system) for a in acts) else s for s in states
    ]


def acts(incident: Incident) -> list[ActionRequest]:
    """What was done to the incident's system lately, by whomever."""
    since = incident.started_at - LOOKED_BACK
    return list(
        ActionRequest.objects.filter(system=incident.system_id, claimed_at__gte=since).exclude(
            status__in=(Status.REFUSED, Status.REJECTED, Status.CANCELLED)
        )
    )


def _ours(state: SignalState, act: Act, system: LoadedSystem) -> bool:
    signal = CATALOG.get(state.signal)
    if state.onset is None or signal is None or act.claimed_at is None:
        return False
    if not _during(state.onset, act, WRITTEN if signal.changed else LASTS):
        return False
    members = system.graph.members(act.target)
    if state.service in members:
        return signal.by_restart or signal.changed  # the new run, and what was set
    return state.service in system.graph.callers(members) and signal.source == "log" and not signal.outright


def _during(since: datetime, act: Act, lasts: timedelta) -> bool:
    began: datetime = act.claimed_at
    ended: datetime = act.finished_at or began
    return began - timedelta(seconds=1) <= since <= ended + lasts
