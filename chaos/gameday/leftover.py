"""What is left of a run once its fault is taken back: parts that were started beside, ways round that nobody ended."""

from __future__ import annotations

import time
from datetime import datetime

from actions import service as actions
from actions.models import ActionRequest, Status
from chaos.gameday.look import running
from chaos.site import Site
from systems.models import System

ENDS_WITHIN_S = 180.0  # what the agent has for it, once the cause is gone
LOOK_S = 1.0


def left(site: Site, system: System, ran: frozenset[str], since: datetime) -> list[str]:
    """In words, after waiting for what the agent ends by itself. `ran`: the units that ran before the fault."""
    until = time.monotonic() + ENDS_WITHIN_S
    while (found := _now(site, system, ran, since)) and time.monotonic() < until:
        time.sleep(LOOK_S)
    return found


def _now(site: Site, system: System, ran: frozenset[str], since: datetime) -> list[str]:
    beside = [f"{unit} was started beside, and runs on" for unit in sorted(running(site) - ran)]
    return beside + [f"{r.slug}@{r.target} still stands" for r in standing(system, since)]


def standing(system: System, since: datetime) -> list[ActionRequest]:
    """The ways round since, which neither were taken back nor ended by their counterpart, though it is measured when
    they are needed no more."""
    mine = [slug for slug in actions.detours() if actions.over_when(slug)]
    done = ActionRequest.objects.filter(
        system=system, slug__in=mine, status=Status.SUCCEEDED, undo_of=None, finished_at__gte=since
    )
    return [request for request in done.order_by("finished_at") if not actions.is_ended(request)]
