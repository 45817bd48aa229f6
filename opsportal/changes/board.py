"""The changes of the last hour for the dashboard: marks on its time axis, and a count for each service of the map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from incidents.changed import marked, told
from incidents.changetimes import moment
from opsportal.drawing.charts import AXIS_S
from systems.models import System
from systems.services import LoadedSystem
from systems.state import ledger
from systems.state.types import Change

MARGIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """One or several changes; `left` in per cent of the axis."""

    left: float
    count: int
    url: str
    text: str


@dataclass(frozen=True, slots=True)
class LastHour:
    marks: list[Mark] = field(default_factory=list)
    by_service: Counter[str] = field(default_factory=Counter)


def last_hour(system: System, loaded: LoadedSystem | None) -> LastHour:
    now = timezone.now()
    since = now - timedelta(seconds=AXIS_S)
    changes = ledger.changes_between(system.pk, since, now)
    counts: Counter[str] = Counter()
    for change in changes:
        counts.update((loaded and loaded.graph.members(change.component)) or [change.component])
    return LastHour([_mark(system, found, since) for found in marked(changes, since, now)], counts)


def _mark(system: System, changes: Sequence[Change], since: datetime) -> Mark:
    left = (moment(changes[0]) - since).total_seconds() / AXIS_S * 100
    url = reverse("change", args=[changes[0].id])
    if len(changes) > 1:
        first, last = min(c.last_old for c in changes), max(c.first_new for c in changes)
        window = {"since": (first - MARGIN).isoformat(), "until": (last + MARGIN).isoformat()}
        url = f"{reverse('changes')}?{urlencode({'system': system.slug} | window)}"
    return Mark(
        round(min(left, 99.2 if len(changes) == 1 else 97.0), 2), len(changes), url, "\n".join(told(changes))
    )
