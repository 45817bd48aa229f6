"""The run journal: claim, commit, wake. A run resumes from its last committed step, whoever was killed.

A Celery message is only a wake-up: it carries a run id, and losing or duplicating it changes nothing, because
`claim` is one compare-and-set on the lease and `due_at` is swept on every tick of the watcher.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from pydantic import ValidationError

from agent.case import Case
from agent.models import Phase, Run, Step
from incidents import timeline
from incidents.facts import Noted

log = logging.getLogger(__name__)

LEASE_S = 20.0  # a killed worker is missed for so long; what may take longer is done while `held`
HELD_S = 900.0  # longer than anything may take

_wake: list[Callable[[int], None]] = []


class LeaseLost(Exception):
    """Another worker has claimed the run since; what this one was about to commit is dropped."""


@dataclass
class Outcome:
    """What one step decided: where the run goes next, and what the journal keeps.

    `wait_s` None means: go on at once. `step` None means: nothing finished, only look again later.
    """

    phase: Phase
    step: str | None = None
    output: dict[str, Any] = field(default_factory=dict)
    wait_s: float | None = None
    ended: str = ""
    new_path: bool = False
    within: Callable[[], None] | None = None  # moves of the incident, made in the commit's own transaction


def on_wake(sender: Callable[[int], None]) -> None:
    """Register how a wake-up is sent (the Celery task); called once by the app's `ready`."""
    _wake[:] = [sender]


def start(incident_id: int) -> Run | None:
    """Open a run for an incident; None when one is already live."""
    try:
        with transaction.atomic():
            run = Run.objects.create(incident_id=incident_id, due_at=timezone.now())
            transaction.on_commit(lambda: send_wake(run.pk))
            return run
    except IntegrityError:
        return None


def send_wake(run_id: int) -> None:
    """Ask a worker to look at the run. Delivery is not relied on."""
    for sender in _wake:
        sender(run_id)


def wake_incident(incident_id: int) -> None:
    """Make the incident's live run due now, e.g. because a person has decided."""
    for run in Run.objects.filter(incident_id=incident_id).exclude(phase=Phase.DONE):
        Run.objects.filter(pk=run.pk).update(due_at=Now())
        transaction.on_commit(lambda pk=run.pk: send_wake(pk))  # type: ignore[misc]


def due(limit: int = 50) -> list[int]:
    """Ids of the runs that want to be woken and that nobody holds."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    rows = Run.objects.filter(free, due_at__lte=Now()).exclude(phase=Phase.DONE)
    return list(rows.order_by("due_at").values_list("pk", flat=True)[:limit])


def claim(run_id: int) -> Run | None:
    """Take the lease: one compare-and-set. None when not due, held by another, or done."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    changed = (
        Run.objects.filter(free, pk=run_id, due_at__lte=Now())
        .exclude(phase=Phase.DONE)
        .update(lease_until=Now() + timedelta(seconds=LEASE_S), lease_token=F("lease_token") + 1)
    )
    if not changed:
        return None
    try:
        return Run.objects.select_related("incident", "incident__system").get(pk=run_id)
    except ValidationError as error:
        _end_unreadable(run_id, error)
        return None


def _end_unreadable(run_id: int, error: ValidationError) -> None:
    """Another version of the program wrote the case file: this run ends, and the sweep begins another one."""
    log.warning("run %s ends: its case file cannot be read: %s", run_id, error)
    mine = Run.objects.filter(pk=run_id).exclude(phase=Phase.DONE)
    number = mine.values_list("incident_id", flat=True).get()
    with transaction.atomic():
        if mine.update(phase=Phase.DONE, outcome="unreadable", case=Case(), ended_at=Now(), due_at=None):
            title = "What the agent had found so far was written by another version: it begins anew"
            timeline.record(number, Noted(), title)


def commit(run: Run, outcome: Outcome, started: datetime) -> None:
    """Write the step and move the run on in one transaction. Raises LeaseLost and keeps nothing when fenced off."""
    keep = outcome.wait_s is None and outcome.phase != Phase.DONE
    values: dict[str, Any] = {"phase": outcome.phase, "case": run.case}
    if outcome.new_path:
        values["paths_tried"] = run.paths_tried + 1
    if keep:
        values["lease_until"] = Now() + timedelta(seconds=LEASE_S)
    else:
        values["lease_until"] = None
        values["due_at"] = Now() + timedelta(seconds=outcome.wait_s or 0.0)
    if outcome.phase == Phase.DONE:
        values |= {"outcome": outcome.ended, "ended_at": Now(), "due_at": None}
    with transaction.atomic():
        changed = Run.objects.filter(pk=run.pk, lease_token=run.lease_token).update(**values)
        if not changed:
            raise LeaseLost(f"run {run.pk} was claimed by another worker")
        if outcome.within is not None:
            outcome.within()
        if outcome.step:
            seq = Step.objects.filter(run=run).count() + 1
            Step.objects.create(
                run=run,
                seq=seq,
                phase=run.phase,
                name=outcome.step,
                output=outcome.output,
                started_at=started,
            )
    run.phase = outcome.phase
    run.paths_tried = values.get("paths_tried", run.paths_tried)


def renew(run: Run) -> None:
    """Hold the lease for the next effect. Raises LeaseLost when it is already another's."""
    held = Run.objects.filter(pk=run.pk, lease_token=run.lease_token)
    if not held.update(lease_until=Now() + timedelta(seconds=LEASE_S)):
        raise LeaseLost(f"run {run.pk} was claimed by another worker")


@contextmanager
def held(run: Run) -> Iterator[None]:
    """Hold the lease for as long as the block takes, HELD_S at most: it is renewed meanwhile, and still ends soon after
    the worker was killed. Raises LeaseLost when it is another's already; lost on the way, the next commit says so."""
    renew(run)
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(run, over), daemon=True, name=f"lease of run {run.pk}")
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def _keep(run: Run, over: threading.Event) -> None:
    until = time.monotonic() + HELD_S
    try:
        while not over.wait(LEASE_S / 4) and time.monotonic() < until:
            renew(run)
    except LeaseLost:
        log.info("the lease of run %s went to another worker", run.pk)
    except DatabaseError:
        log.warning("the lease of run %s could not be renewed", run.pk, exc_info=True)
    finally:
        connection.close()  # this thread's own


def release(run: Run, retry_s: float) -> None:
    """Give the lease back after an error, so that the run is looked at again."""
    Run.objects.filter(pk=run.pk, lease_token=run.lease_token).update(
        lease_until=None, due_at=Now() + timedelta(seconds=retry_s)
    )
