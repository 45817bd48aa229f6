"""Everything is green: whether that has lasted long enough, by what this fault is like, to be called over."""

from __future__ import annotations

from functools import partial

from django.utils import timezone

from agent import patience, relapse, served, unexplained
from agent import rounds as raised
from agent.case import Judgement, Measuring
from agent.context import symptom_key
from agent.models import Run
from systems import services
from systems.probes import journeys

A_FEW = "a few looks more"
SUSTAIN = 4  # fresh looks in a row, all green
AT_MOST = 90  # ... where so few failed that hundreds would have to go well: what has come by then is enough


def proven(run: Run, count: Measuring, said: Judgement) -> tuple[Judgement, str]:
    """Whether being green has lasted long enough for this fault, and what is still lacking."""
    acted, green = run.case.acted_at, count.green_since
    ended = relapse.exits(run.incident)
    if green and any(at > green for _, at in ended):
        count.green_since, count.watched, count.green_looks = timezone.now(), 0.0, 0
    if count.green_looks < SUSTAIN:
        return said, A_FEW
    gap = 2 * relapse.longest_gap(run.incident, ended, acted)
    if count.watched < gap:
        return said, f"it came back before within {gap / 2:.0f} s"
    again = patience.shows_again_s(run.case.before) if acted else 0.0
    if count.watched < again:
        return said, f"what it showed takes {again:.0f} s to show again"
    rounds = count.rounds
    proofs = relapse.proofs(run.incident, _done(run), partial(raised.may_be_ours, run.case.raised))
    system = services.load(run.incident.system.slug)
    known = {j.name for j in system.manifest.journeys}  # one that is gone will never be well
    wanting = [p for p in proofs if p.name in known and p.clean + rounds.get(p.name, 0) < p.needed]
    if why := unexplained.lacking(run.case, count):
        return said, why
    if not wanting:
        return _served(run, count, said)
    failed = [p.words() for p in wanting if green and p.last_failed > green]
    # where the agent only watches, it only watches: no runs of its own
    problem = (
        raised.go(run.case, count, system, wanting) if run.incident.system.agent_on else ""
    ) or "; ".join(failed)
    if problem:
        count.relapsed = problem
        why = f"it still fails now and then: {problem}"
        active = [
            f"journey_failed@{journeys.entry_service(system, j)}#{j.name}"
            for j in system.manifest.journeys
            if j.name in {p.name for p in wanting}
        ]
        return said.unwell([why], active), ""
    left = [
        f"{ran} of {p.needed} runs" for p in wanting if (ran := p.clean + rounds.get(p.name, 0)) < p.needed
    ]
    if count.green_looks < patience.DRAIN:
        return said, "; ".join(left) or A_FEW
    few = f"{said.why}; {'; '.join(left)} were well by then, fewer than would prove it"
    return _served(run, count, said.model_copy(update={"why": few} if left else {}))


def _done(run: Run) -> relapse.Done:
    return relapse.Done(run.case.acted_at, run.case.begun_at, run.case.acted_before, run.case.proven_at)


def _served(run: Run, count: Measuring, said: Judgement) -> tuple[Judgement, str]:
    """What the services themselves count: enough of the requests of others went well. Where hardly any come, what has
    been seen by then is enough; where they go on failing, it is not over."""
    wanting = served.wanting(run.incident, _done(run))
    looked = count.green_looks
    failing = [p for p in wanting if p.is_failing]
    if not failing and relapse.was_steady(run.incident, run.case.acted_on):
        return said, ""
    if failing and looked >= patience.PATIENCE:
        why = f"{failing[0].name} still fails some of its requests, which it did not before"
        count.relapsed = why
        return said.unwell([why], [symptom_key("app_errors", failing[0].name, "")]), ""
    if not wanting or looked >= AT_MOST:
        return said, ""
    return said, "; ".join(f"{p.name}: {p.clean:.0f} of {p.needed} requests" for p in wanting)
