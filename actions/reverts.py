"""The rules by which a change of the ledger may be taken back: newest first, once, few, not behind its owner's back,
not against people, and alone only where that was earned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from actions import policy
from actions.models import ActionRequest, PolicyRule, Status
from incidents import changed, changetimes
from incidents.models import Incident, State, TimelineEvent
from systems.models import ChangeRow
from systems.services import LoadedSystem, load
from systems.state import ledger, present

SLUG = "revert-change"
AN_HOUR = 3
COMES_BACK = timedelta(days=1)
EARNED = 3  # verified successes for a kind of change on a system, before it may be done without asking
HAD = (Status.RUNNING, Status.UNKNOWN, Status.SUCCEEDED, Status.ROLLED_BACK)  # it took effect, or may have
LATER = 200


def why_not(system_id: int, row: ChangeRow) -> str:
    """Why nobody may take it back by this now; empty when it may be."""
    if row.actor == "ours":
        return "a request of the portal made this change: that request is what is undone"
    if row.owner:
        return f"it is managed by {row.owner}: it is put back there, not behind its back"
    mine = of_system(system_id).filter(status__in=HAD)
    if (done := mine.filter(params__change=str(row.pk)).first()) is not None:
        return f"it was taken back once, at {_at(done)}, and that is not done twice"
    if (words := _came_back(system_id, row)) is not None:
        return words
    if (later := _same_place(row).filter(pk__gt=row.pk).order_by("pk").last()) is not None:
        return f"it was changed again since, and the newest goes first: {later.words}"
    return too_many(system_id, row)


def of_system(system_id: int) -> QuerySet[ActionRequest]:
    return ActionRequest.objects.filter(system_id=system_id, slug=SLUG, undo_of=None)


def too_many(system_id: int, row: ChangeRow, besides: UUID | None = None) -> str:
    """Whether as many were taken back within the hour as may be, not counting those that were measured to have ended
    their trouble, or after which all was well when somebody closed it: many that help are no flailing. The same change
    on other replicas is no other one, and what was changed in one go is one: half of it put back is worse than none.
    `besides`: the request that asks."""
    since = timezone.now() - timedelta(hours=1)
    lately = of_system(system_id).filter(status__in=HAD, claimed_at__gte=since).select_related("incident")
    idle = [r for r in (lately.exclude(pk=besides) if besides else lately) if not _ended_it(r)]
    count = sum(group.isdisjoint(_alike(row)) for group in _told_apart(idle))
    if count < AN_HOUR:
        return ""
    return (
        f"{count} changes of this system were taken back within an hour, and it is not measured that this helped:"
        " what is more needs a person's own hand"
    )


Alike = frozenset[tuple[str, ...]]


def _told_apart(requests: Sequence[ActionRequest]) -> list[Alike]:
    """What was taken back, each with all that is no other change than it."""
    numbers = [str(r.params.get("change", "")) for r in requests]
    rows = ChangeRow.objects.in_bulk([int(n) for n in numbers if n.isdecimal()])
    groups: list[Alike] = []
    for request, number in zip(requests, numbers, strict=True):
        row = rows.get(int(number)) if number.isdecimal() else None
        marks: Alike = _alike(row) if row else frozenset({(str(request.pk),)})
        marks = marks.union(*(g for g in groups if not g.isdisjoint(marks)))
        groups = [*(g for g in groups if g.isdisjoint(marks)), marks]
    return groups


def _alike(row: ChangeRow) -> Alike:
    """Another with any of these is the same change: on another replica, or elsewhere in the same place, found changed
    by the same look."""
    elsewhere = (row.kind, row.what, row.before or "", row.after or "")
    at_once = (row.component, row.source, row.area, row.first_new.isoformat())
    return frozenset({elsewhere, at_once} if row.area else {elsewhere})


def _same_place(row: ChangeRow) -> QuerySet[ChangeRow]:
    same = {name: getattr(row, name) for name in ("system_id", "component", "source", "area", "what")}
    return ChangeRow.objects.filter(**same)


def _came_back(system_id: int, row: ChangeRow) -> str | None:
    """The same change, taken back less than a day before: somebody keeps it so."""
    before = _same_place(row).filter(mark_after=row.mark_after, pk__lt=row.pk).values_list("pk", flat=True)
    done = of_system(system_id).filter(
        status__in=(Status.SUCCEEDED, Status.ROLLED_BACK),
        params__change__in=[str(pk) for pk in before],
        finished_at__gte=row.first_new - COMES_BACK,
    )
    if (last := done.order_by("finished_at").last()) is None:
        return None
    return (
        f"it came back: it was taken back at {_at(last)}, and was so again at {row.first_new:%H:%M:%S} UTC. Something"
        " that the manifest does not name manages it; it is not fought, and has to be put right there"
    )


def _at(request: ActionRequest) -> str:
    at = request.finished_at or request.claimed_at or request.requested_at
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def depending(row: ChangeRow) -> ChangeRow | None:
    """A later change of something that belongs to the same thing, or that names it: it may need the value of now.
    What the same look found is no later one."""
    thing = _thing(row)
    later = ChangeRow.objects.filter(
        system_id=row.system_id,
        component=row.component,
        source=row.source,
        pk__gt=row.pk,
        first_new__gt=row.first_new,
    ).exclude(Q(area="") | Q(actor="ours") | Q(what=row.what))
    name = row.what.rpartition(": ")[2].rpartition(" ")[2]
    for other in later.order_by("pk")[:LATER]:
        if thing and (other.what == thing or other.what.startswith((f"{thing}:", f"{thing}.", f"{thing},"))):
            return other
        if len(name) > 2 and name in (other.after or "").replace("(", " ").replace(")", " ").split():
            return other
    return None


def _thing(row: ChangeRow) -> str:
    """What the value belongs to: a table, a role, a section of a file; empty: nothing but itself."""
    if ": " in row.what:
        return row.what.rpartition(": ")[0]
    return row.what.rpartition(".")[0] if row.source == "files" else ""


def for_people(system: LoadedSystem, row: ChangeRow, incident_id: int | None) -> str:
    """Why the agent leaves a change of people alone for this incident; empty when it need not."""
    assert system.id is not None
    change = ledger.change_of(row)
    at = changetimes.moment(change)
    this = Incident.objects.filter(pk=incident_id, system_id=system.id).first() if incident_id else None
    if this is not None and change.last_old >= this.started_at:
        return "it was made after the trouble had begun: it answers the trouble, and is not its cause"
    for other, over in _while_open(system.id, at):
        reach = changed.reach(other, system.graph)
        if (reach is not None and row.component not in reach) or (other.pk == incident_id and over is None):
            continue
        if over is not None:
            return f"it was made while incident #{other.pk} was open, and that ended after it: it may have repaired it"
        if other.agent_stopped or other.owner_id is not None or other.state == State.HANDED_OVER:
            return f"it was made while people had incident #{other.pk}"
    return ""


def _while_open(system_id: int, at: datetime) -> Iterator[tuple[Incident, datetime | None]]:
    """The incidents that were open then, the newest first, each with when that time was over. One that became part of
    another ended by that, and by nothing that was done."""
    mine = Incident.objects.filter(system_id=system_id, merged_into=None)
    theirs = mine.filter(started_at__lte=at).filter(Q(resolved_at=None) | Q(resolved_at__gte=at))
    for other in theirs.order_by("-pk")[:20]:
        yield other, other.resolved_at
    for other in mine.exclude(openings=[]).order_by("-pk")[:20]:
        ends = [
            o.resolved_at for o in other.openings if o.resolved_at and o.started_at <= at <= o.resolved_at
        ]
        yield from ((other, end) for end in ends)


def is_back(request_id: str) -> tuple[bool | None, str]:
    """Whether what this request took back is as it was before, and if not, in words what. None: it cannot be read."""
    request = ActionRequest.objects.select_related("system").get(pk=request_id)
    row = ChangeRow.objects.filter(system=request.system, pk=int(request.params["change"])).first()
    if row is None:
        return None, "the change is not in the ledger any more"
    try:
        back = present.look(load(request.system.slug), row).is_put_back
    except present.NotRead as error:
        return None, str(error)
    return back, "" if back else f"`{row.what}` of {row.component} was taken back, and is changed again"


def asks(system_id: int, row: ChangeRow) -> str:
    """Why a person is asked: such changes are put back alone only after that helped often enough here, and only where
    a person has set a rule that lets it. Empty: it was earned."""
    rules = PolicyRule.objects.filter(Q(system_id=system_id) | Q(system=None), action=SLUG, verdict="run")
    count = verified(system_id, row.kind)
    if count >= EARNED and rules.exists():
        return ""
    if count >= EARNED:
        return f"nobody has set a rule that lets changes of this kind ({row.kind}) be put back alone"
    return f"changes of this kind ({row.kind}) were put back here with measured success {count} of {EARNED} times"


def verified(system_id: int, kind: str) -> int:
    """How often taking back a change of this kind was measured to end the trouble it was done for."""
    done = of_system(system_id).filter(status=Status.SUCCEEDED, incident__state=State.RESOLVED)
    found = done.select_related("incident").order_by("-finished_at")[:LATER]
    numbers = {r.params.get("change") for r in found if _helped(r)}
    wanted = [int(n) for n in numbers if str(n).isdecimal()]
    return ChangeRow.objects.filter(pk__in=wanted, kind=kind).count()


def _ended_it(request: ActionRequest) -> bool:
    incident = request.incident
    if incident is None or incident.state != State.RESOLVED:
        return False
    return _helped(request) or _all_went(request, incident)


def _all_went(request: ActionRequest, incident: Incident) -> bool:
    """Whether another than the agent closed the incident, before it had measured for long enough, and by then all that
    held when this was done had been seen to end."""
    said = incident.events.filter(kind=TimelineEvent.Kind.STATE).order_by("-seq").first()
    if said is None or said.actor == policy.AGENT or incident.resolved_at is None:
        return False
    held = incident.symptoms.filter(opens=True, first_seen__lte=request.claimed_at)
    over = list(held.exclude(cleared_at__lt=request.claimed_at).values_list("cleared_at", flat=True))
    return bool(over) and all(at is not None and at < incident.resolved_at for at in over)


def _helped(request: ActionRequest) -> bool:
    assert request.incident is not None
    words = f"{SLUG} on {request.target}"
    return any(repair.mended and words in repair.did for repair in request.incident.repairs)
