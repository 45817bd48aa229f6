"""Explain: close the incident with a postmortem and a lesson, or hand it to a person with everything found."""

from __future__ import annotations

from django.db.models import Q

from actions import audit
from actions.models import AuditEntry
from agent import remember
from agent.journal import Outcome
from agent.models import Phase, Run
from incidents import evidence, lifecycle, postmortem, story, timeline
from incidents.facts import HandedOver, Moved, Planned
from incidents.findings import Finding
from incidents.models import OPEN_STATES, Incident, Severity, State, Symptom
from incidents.plain import sure
from incidents.standing import told
from incidents.verdict import ACT_AT

WATCHED = "watched"  # outcome of a run that was not allowed to act
SHOWN = 12  # symptoms named in a handover


def step(run: Run) -> Outcome:
    """Resolve, write the postmortem, remember the case."""
    mended, known = is_mended(run), run.incident.verdict.is_known
    title = "Resolved" if mended else "Resolved: the symptoms are gone"
    if not mended:
        title += (
            ", and not by the agent"
            if known
            else f"; {story.ending(run.incident) or 'what caused them was not found'}"
        )
    prevent = leading(run).prevent if mended or known else ""
    facts = Moved(prevent=prevent, acted=run.case.acted)
    lifecycle.transition(run.incident_id, State.RESOLVED, actor="agent", title=title[:500], facts=facts)
    if postmortem.is_due(run.incident_id):
        postmortem.generate(run.incident_id)
    _remember(run, recovered=mended)
    _audit(run, "incident.resolved", title)
    return Outcome(Phase.DONE, "explained", facts.stored(), ended="recovered")


def hand_over(run: Run, why: str) -> Outcome:
    """Give it to a person: what was seen, thought, tried and asked, on one event."""
    case = run.case
    mine = Symptom.objects.filter(incident=run.incident_id).order_by("first_seen")
    seen, picture = (
        mine.filter(Q(cleared_at=None) | Q(given_up=True)),
        evidence.picture(run.incident.system.slug),
    )
    # After attempts it only leads where nothing is left that could be called the cause.
    sure_of = case.tried and any(f.probability >= ACT_AT for f in case.findings)
    findings = [*([case.opinion.place] if case.opinion.place and not sure_of else []), *case.findings]
    facts = HandedOver(
        why=why,
        findings=findings,
        tried=case.tried,
        asked=case.asked,
        seen=[told(row, picture) for row in seen[:SHOWN]],
    )
    body = "\n".join(
        [
            why,
            *(f"- seen: {title}" for title in facts.seen),
            *(f"- {f.title} on {f.component}: {sure(f.probability)}" for f in findings),
        ]
    )

    def give() -> None:
        timeline.record(run.incident_id, facts, f"Handed over to a person: {why}"[:500], body=body)
        _leave(run, "Waiting for a person to take over")
        _remember(run, recovered=False)
        _audit(run, "incident.handed_over", why)

    ended = "handed_over" if run.incident.system.agent_on else WATCHED
    return Outcome(Phase.DONE, "handed over", {"why": why}, ended=ended, within=give)


def _leave(run: Run, title: str) -> None:
    """Out of the agent's hands, in the transaction that ends the run; nothing when somebody closed it meanwhile."""
    open_ = [State(s) for s in OPEN_STATES]
    lifecycle.transition(run.incident_id, State.HANDED_OVER, expect=open_, actor="agent", title=title)


def no_action(run: Run, finding: Finding) -> Outcome:
    """The right fix is none: say so and why. The incident closes when its symptoms do."""
    mine = Incident.objects.filter(pk=run.incident_id, severity_by="")
    mine.update(severity=finding.severity or Severity.LOW)
    why = f"no action is called for: {finding.summary}"

    def leave() -> None:
        facts = Planned(what="nothing", finding=finding, prevent=finding.prevent)
        timeline.record(run.incident_id, facts, f"Nothing to repair: {finding.title}", body=why)
        _leave(run, "Left as it is; a person may want to look")

    return Outcome(Phase.DONE, "no action", {"why": why}, ended="no_action", within=leave)


def is_mended(run: Run) -> bool:
    """Whether something the agent did was measured to have helped: a cure of its own, not a trouble that went by
    itself."""
    return any(r.mended for r in Incident.objects.only("repairs").get(pk=run.incident_id).repairs)


def leading(run: Run) -> Finding:
    """The finding that was acted on, else the first one; "none of these" when there was none."""
    return run.case.acted_on or next(iter(run.case.findings), Finding())


def _audit(run: Run, verb: str, why: str) -> None:
    """How the agent left the incident, also when it did nothing; once, however often this step is begun."""
    incident = Incident.objects.select_related("system").get(pk=run.incident_id)
    if not AuditEntry.objects.filter(incident=incident.number, verb=verb, data__run=run.pk).exists():
        data = {
            "run": run.pk,
            "diagnosis": incident.diagnosis,
            "acted": run.case.acted,
            "why": why,
        }
        audit.append(
            "agent",
            verb,
            system=incident.system.slug,
            target=incident.component,
            incident=incident.number,
            data=data,
        )


def _remember(run: Run, *, recovered: bool) -> None:
    measured = run.case.measuring if recovered else None
    remember.case(
        run.incident_id,
        recovered=recovered,
        acted=run.case.acted,
        green_since=measured.green_since if measured else None,
    )
