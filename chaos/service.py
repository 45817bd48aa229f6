"""The chaos panel's verbs: press, run, revert, halt all. The journal of files is the truth; rows mirror it.

Whoever may only look at the system, or fails to take a fault back, hands that over to the keeper.
"""

from __future__ import annotations

import difflib
import logging
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from chaos import injector, registry
from chaos.faults.base import INTENSITY, FaultFailed, NotUndone
from chaos.journal import ARMED, FAILED, Entry, Journal
from chaos.models import Injection
from chaos.registry import ALIASES, FAULTS, find, title_of
from chaos.site import SITE, Site, SiteMissing
from incidents import live
from incidents.models import OPEN_STATES, Incident, State
from systems.models import System

log = logging.getLogger(__name__)
KEEPER_S = 10.0  # what the keeper is given before a new fault is refused
MISSING = "its entry in the injector's journal is gone: it counts as over"
DAMAGED = "its entry in the injector's journal cannot be read; ./ops sandbox reset puts the sandbox back"


class Refused(Exception):
    """The fault is not put in; the message says why and what to do."""


class UnknownFault(Refused):
    """There is no fault of that name. `near`: the names that look like it."""

    def __init__(self, name: str) -> None:
        self.near = difflib.get_close_matches(normal(name), [*FAULTS, *ALIASES], n=3)
        hint = f"did you mean {', '.join(self.near)}?" if self.near else f"known are {', '.join(FAULTS)}"
        super().__init__(f"there is no fault named {name[:80]!r}; {hint}")


def journal() -> Journal:
    return Journal(Path(settings.OPSPORTAL_DATA) / "chaos-journal")


def breakable() -> list[System]:
    """The enabled systems that faults are put into: the sandboxes; all, each with its refusal, where none is one."""
    rows = list(System.objects.filter(enabled=True))
    return [row for row in rows if (Path(row.manifest_path).parent / SITE).is_file()] or rows


def resolve(name: str) -> tuple[str, float | None]:
    """A fault id from what people type, with the duration an alias implies. Raises UnknownFault with near names."""
    known = normal(name)
    if registry.known(known):
        return known, None
    if known in ALIASES:
        return ALIASES[known]
    raise UnknownFault(name)


def normal(name: str) -> str:
    """`DB-Auth-Failure` -> `db_auth_failure`."""
    return name.strip().lower().replace("-", "_")


def driver_of(system: System) -> str:
    """Of its runtime; empty where no fault can be put in."""
    try:
        return str(Site.load(Path(system.manifest_path).parent).facts.get("driver", ""))
    except (SiteMissing, OSError, ValueError):
        return ""


def press(
    system_slug: str,
    fault_name: str,
    *,
    by: str,
    params: dict[str, Any] | None = None,
    duration_s: float | None = None,
    force: bool = False,
) -> Injection:
    """Arm a fault: row and journal entry with its inverse. `run` then breaks. Raises Refused."""
    fault_id, implied = resolve(fault_name)
    if duration_s is not None and duration_s <= 0:
        raise Refused("a duration is a number of seconds above 0")
    system = System.objects.filter(slug=system_slug).first()
    if system is None:
        raise Refused(f"there is no system named {system_slug!r}")
    sync()
    if not force:
        _end_overdue()
        tidy(system)
        _refuse_when_sick(system)
    entry_id = str(uuid.uuid4())
    try:
        site = _site_for(system, fault_id, params or {})
        entry = injector.arm(journal(), site, fault_id, params or {}, duration_s or implied, entry_id)
    except (SiteMissing, FaultFailed) as error:
        raise Refused(str(error)) from error
    except Exception as error:  # whatever a sick system does when it is asked how it is
        log.warning("could not prepare %s", fault_id, exc_info=True)
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise Refused(
            f"{title_of(fault_id)} cannot be prepared, the system does not answer: {why}"
        ) from error
    try:
        with transaction.atomic():
            row = Injection.objects.create(
                id=entry_id,
                system=system,
                fault=fault_id,
                params=params or {},
                by=by,
                deadline=datetime.fromtimestamp(entry.deadline, UTC),
            )
    except IntegrityError:
        injector.cancel(journal(), entry_id, "never started: it is running already")
        raise Refused(f"{title_of(fault_id)} is running already; revert it first") from None
    _changed()
    return row


def _site_for(system: System, fault_id: str, params: dict[str, Any]) -> Site:
    """The sandbox, where the fault can be put into it like this. Raises SiteMissing, FaultFailed."""
    site, fault = Site.load(Path(system.manifest_path).parent), find(fault_id)
    if INTENSITY in params and fault.intensity is None:
        raise FaultFailed(f"{title_of(fault_id)} has no intensity to choose")
    if (driver := site.facts.get("driver", "process")) not in fault.drivers:
        raise FaultFailed(f"{title_of(fault_id)} cannot be put into a sandbox of the runtime {driver}")
    return site


def run(injection_id: str) -> Injection:
    """Break what was armed. Safe to call twice."""
    row = Injection.objects.select_related("system").get(pk=injection_id)
    try:
        injector.inject(journal(), str(row.pk))
    except FaultFailed as error:
        Injection.objects.filter(pk=row.pk).update(error=str(error))
    except KeyError:
        log.warning("%s has no entry in the journal any more", row)
    sync()
    _changed()
    row.refresh_from_db()
    return row


def waiting(least_s: float) -> list[str]:
    """Ids of what was armed at least so many seconds ago and is not in yet: the message that starts it may be lost."""
    armed = [e for e in journal().live() if e.status == ARMED and not e.ending]
    late = [e.id for e in armed if e.started_at <= time.time() - least_s]
    rows = Injection.objects.filter(pk__in=late, status=Injection.Status.RUNNING)
    return [str(pk) for pk in rows.values_list("pk", flat=True)]


def revert(injection_id: str, by: str) -> Injection:
    """Take one back. It is still running when that was handed over to the keeper."""
    take_back(str(injection_id), by)
    sync()
    return Injection.objects.get(pk=injection_id)


def take_back(entry_id: str, by: str) -> Entry:
    """End it here, else have the keeper end it: the entry is then still live, and `ending`."""
    if not settings.OPSPORTAL_LOOKS_ONLY:
        try:
            return injector.revert(journal(), entry_id, by)
        except NotUndone as error:
            log.warning("%s is not wholly reverted, the keeper goes on: %s", entry_id, error)
        except Exception:
            log.exception("could not revert %s; the keeper is asked to", entry_id)
    entry = journal().hand_over(entry_id, by)
    _changed()
    return entry


def tidy(system: System) -> None:
    """Take back what runs but has been repaired: nothing is open, and the fault finds nothing broken any more."""
    running = Injection.objects.filter(system=system, status=Injection.Status.RUNNING)
    for row in running if not Incident.objects.filter(system=system, state__in=OPEN_STATES).exists() else []:
        ended = Incident.objects.filter(system=system, opened_at__gte=row.started_at, state=State.RESOLVED)
        if ended.exists() and injector.is_mended(journal(), str(row.pk)):
            if take_back(str(row.pk), "repaired").live:
                journal().wait_over(str(row.pk), KEEPER_S)
            sync()


def halt_all(by: str) -> list[Entry]:
    """Take back everything that runs, whoever started it. Gives what ran; `live` is what the keeper is still at."""
    ended = [take_back(entry.id, by) for entry in journal().live()]
    sync()
    return ended


def _end_overdue() -> None:
    """What should have ended by itself, and did not because nobody was there to do it."""
    for entry in journal().live():
        if entry.deadline < time.time() - KEEPER_S:
            take_back(entry.id, entry.asked_by or "deadline")
    sync()


def sync() -> None:
    """Bring the rows up to what the journal says (the keeper and the command line write only there).

    An entry is written before its row, so a row without one is over: its journal was deleted, or lost its disk.
    """
    running = {
        str(pk)
        for pk in Injection.objects.filter(status=Injection.Status.RUNNING).values_list("pk", flat=True)
    }
    if not running:
        return
    entries = {entry.id: entry for entry in journal().entries()}
    damaged = journal().damaged()
    for pk in running:
        if pk not in entries:
            _mirror(Entry("", "", 0.0, id=pk, status=FAILED, error=DAMAGED if pk in damaged else MISSING))
        elif not entries[pk].live:
            _mirror(entries[pk])


def _mirror(entry: Entry) -> None:
    status = Injection.Status.FAILED if entry.status == FAILED else Injection.Status.REVERTED
    at = datetime.fromtimestamp(entry.reverted_at, UTC) if entry.reverted_at else None
    values = {"status": status, "reverted_at": at, "reverted_by": entry.reverted_by, "error": entry.error}
    if Injection.objects.filter(pk=entry.id, status=Injection.Status.RUNNING).update(**values):
        _changed()


def _refuse_when_sick(system: System) -> None:
    running = Injection.objects.filter(system=system, status=Injection.Status.RUNNING).first()
    if running:
        title = title_of(running.fault)
        if any(entry.id == str(running.pk) and entry.ending for entry in journal().live()):
            raise Refused(f"{title} is being taken back; try again in a moment")
        raise Refused(
            f"{title} is running and not repaired yet; one fault at a time, "
            "so revert it first (or ask for both with force)"
        )
    sick = Incident.objects.filter(system=system, state__in=OPEN_STATES).first()
    if sick:
        raise Refused(
            f"the system is already sick: {sick}; let it recover first (or ask for it anyway with force)"
        )


def _changed() -> None:
    transaction.on_commit(lambda: live.publish("chaos", {"kind": "injections"}))
