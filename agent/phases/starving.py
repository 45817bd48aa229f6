"""While the watcher itself is starved: what is only slow or silent justifies nothing; the rest is looked at again."""

from __future__ import annotations

from agent.case import Starved
from agent.journal import Outcome
from agent.models import Phase, Run
from agent.phases.waiting import POLL_S
from incidents import evidence, timeline
from incidents.evidence import Picture
from incidents.facts import Planned
from incidents.health import name_of
from incidents.models import Symptom
from incidents.signals import CATALOG


def hold(run: Run, words: str) -> Outcome | None:
    """Wait while the watcher is starved, unless a plain sign (an exit, a refusal, a changed setting) still holds in a
    picture that was taken after this was first wanted. None: go on."""
    waiting, picture = run.case.waiting, evidence.picture(run.incident.system.slug)
    if not picture.starved:
        waiting.starved = None
        return None
    if waiting.starved is None:
        waiting.starved = Starved(picture=picture.at)
        title = f"Waits with {words}: the watcher itself gets too little of the machine to be sure"
        timeline.record(run.incident_id, Planned(what="waits"), title[:500])
    fresh = picture.at != waiting.starved.picture
    return None if fresh and _plain_sign(run, picture) else Outcome(Phase.ACT, wait_s=POLL_S)


def _plain_sign(run: Run, picture: Picture) -> bool:
    mine = Symptom.objects.filter(incident=run.incident)
    names = set(mine.values_list("signal", "service", "label"))
    return any(
        state.value is True
        and name_of(state) in names
        and (found := CATALOG.get(state.signal)) is not None
        and not found.is_timing(state.text)
        for state in picture.states
    )
