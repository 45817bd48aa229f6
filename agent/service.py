"""What the rest of the portal asks of the agent: start on an incident, wake, take over, stop, give back."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Exists, Max, OuterRef, Q, Subquery
from django.utils import timezone

from agent import gathering, journal, relapse, served
from agent.models import Phase, Run
from agent.phases import explain, further
from incidents import evidence, lifecycle, postmortem, story, timeline
from incidents.facts import Moved, Noted
from incidents.models import OPEN_STATES, Incident, State, Symptom, TimelineEvent
from incidents.standing import standing

MAX_RUNS = 4  # per incident; then it stays with a person
UNDER_WAY = [State(s) for s in OPEN_STATES if s != State.HANDED_OVER]
CALM_S = 10.0  # a handed-over incident closes when its symptoms have been gone this long


def on_opened(incident_id: int) -> None:
    """An incident has opened: put a run on it, unless one is there or a person has it.

    Where the agent only watches, the run looks and explains."""
    incident = Incident.objects.get(pk=incident_id)
    if not incident.agent_stopped:
        journal.start(incident_id)


def on_decided(incident_id: int | None) -> None:
    """A person has decided on an action of this incident: look at once."""
    if incident_id is not None:
        journal.wake_incident(incident_id)


def sweep() -> list[int]:
    """Each tick: see that incidents are explanations, wake what is due, give runless incidents a run, close what has
    calmed down. Returns woken run ids."""
    for known in gathering.sweep():
        _take_back(known)
    _adopt_orphans()
    _take_up()
    _look_again()
    _close_calm()
    due = journal.due()
    for run_id in due:
        journal.send_wake(run_id)
    return due


def _adopt_orphans() -> None:
    """An open incident without a live run gets one, whatever it was in the middle of; after too many, a person."""
    live = Run.objects.filter(incident=OuterRef("pk")).exclude(phase=Phase.DONE)
    mine = Incident.objects.filter(state__in=UNDER_WAY, agent_stopped=False)
    for incident in mine.filter(~Exists(live)).annotate(tries=Count("runs"))[:20]:
        if incident.tries < 2 * MAX_RUNS:
            journal.start(incident.pk)
        else:
            title = "Waiting for a person to take over: the agent was interrupted too often"
            lifecycle.transition(incident.pk, State.HANDED_OVER, expect=UNDER_WAY, title=title)


def _look_again() -> None:
    """A handed-over incident that nobody has taken and that shows something new gets another run, a bounded number."""
    handed = Incident.objects.filter(state=State.HANDED_OVER, owner=None, agent_stopped=False)
    for incident in handed.annotate(tries=Count("runs"), last=Max("runs__ended_at")).filter(
        tries__lt=MAX_RUNS, last__isnull=False
    )[:20]:
        new = Symptom.objects.filter(
            incident=incident, opens=True, cleared_at=None, first_seen__gt=incident.last
        )
        words = [s.title for s in new[:1]]
        if words:
            _start_again(incident.number, f"Looking again: {words[0]}"[:300])


def _take_back(known: gathering.Known) -> None:
    """What was handed over without a cause has one now: another run, a bounded number."""
    if Run.objects.filter(incident=known.incident).count() < MAX_RUNS:
        _start_again(known.incident, known.title)


def _take_up() -> None:
    """What was only watched is taken up once a person has turned the agent on, unless another person has it."""
    newest = Run.objects.filter(incident=OuterRef("pk")).order_by("-pk").values("outcome")[:1]
    mine = Incident.objects.filter(
        state=State.HANDED_OVER, owner=None, agent_stopped=False, system__agent_on=True
    )
    for incident in mine.annotate(last=Subquery(newest)).filter(last=explain.WATCHED)[:20]:
        _start_again(incident.number, "The agent was turned on: it takes this up")


def _start_again(incident_id: int, title: str) -> None:
    """The state and the new run in one transaction: neither without the other."""
    with transaction.atomic():
        if not lifecycle.transition(incident_id, State.DIAGNOSING, expect=State.HANDED_OVER, title=title):
            return
        if journal.start(incident_id) is None:
            transaction.set_rollback(True)


def _close_calm() -> None:
    """Handed-over incidents whose symptoms are seen to be gone for a while are over, whoever mended it."""
    calm_since = timezone.now() - timedelta(seconds=CALM_S)
    mine = Symptom.objects.filter(incident=OuterRef("pk"), opens=True)
    # one that somebody opened again and has is closed by that person: its symptoms were gone before
    theirs = Q(reopened__gt=0, owner__isnull=False)
    handed = Incident.objects.filter(state=State.HANDED_OVER).exclude(theirs)
    calm = handed.filter(
        ~Exists(mine.filter(cleared_at__isnull=True)), ~Exists(mine.filter(cleared_at__gt=calm_since))
    )
    for incident in calm.select_related("system")[:20]:
        picture = evidence.picture(incident.system.slug)
        unread = [s for s in incident.symptoms.filter(opens=True) if standing(s, picture) == "unread"]
        if any(
            name in picture.health and picture.of(name).word == "unknown"
            for name in {s.service for s in unread}
        ):
            continue  # nobody sees how that part does; one that is not watched any more is not waited for
        if left := further.left_lying(incident, picture.states):
            _say_left(incident, further.words_of(left))
            continue
        if not relapse.is_calm(incident, picture, CALM_S) or not served.are_calm(incident):
            continue
        title = "Over: the symptoms are gone"
        if unread:
            title = f"Over as far as can be seen; not read any more: {unread[0].title}"
        if incident.verdict.standing not in ("known", "stated", "told"):
            title += f"; {story.ending(incident) or 'what caused them was not found'}"
        if lifecycle.transition(incident.number, State.RESOLVED, actor="agent", title=title[:500]):
            postmortem.generate(incident.number)


def _say_left(incident: Incident, words: str) -> None:
    """Why it is open still, once: whoever looks at the page sees nothing going wrong any more."""
    title = f"The symptoms are gone; it stays open for what they left: {words}"
    if not TimelineEvent.objects.filter(incident=incident, title__startswith=title[:60]).exists():
        timeline.record(incident.number, Noted(), title[:500])


def take_over(incident_id: int, user_name: str) -> None:
    """A person takes it: the agent stops at the next step boundary."""
    with transaction.atomic():
        Incident.objects.filter(pk=incident_id).update(agent_stopped=True)
        timeline.record(incident_id, Noted(), f"{user_name} took over; the agent keeps out", actor=user_name)
        journal.wake_incident(incident_id)
        lifecycle.transition(
            incident_id, State.HANDED_OVER, expect=UNDER_WAY, actor=user_name, title=f"With {user_name} now"
        )


def give_back(incident_id: int, user_name: str) -> None:
    """The agent may go on with it: a new run."""
    with transaction.atomic():
        Incident.objects.filter(pk=incident_id).update(agent_stopped=False)
        timeline.record(incident_id, Noted(), f"{user_name} gave it back to the agent", actor=user_name)
        theirs = Moved(person=True)
        lifecycle.transition(
            incident_id, State.DIAGNOSING, actor=user_name, title="The agent goes on", facts=theirs
        )
        journal.start(incident_id)
