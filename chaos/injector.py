"""Put a fault in and take it out. Plain Python: works with the portal, its database and its broker dead."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from chaos import journal as j
from chaos.faults.base import FaultFailed
from chaos.journal import Entry, Journal
from chaos.registry import FAULTS
from chaos.site import Site


def arm(
    journal: Journal,
    site: Site,
    fault_id: str,
    params: dict[str, Any],
    duration_s: float | None,
    entry_id: str,
) -> Entry:
    """Compute the inverse and write it down. Nothing is broken yet."""
    fault = FAULTS[fault_id]
    seconds = min(duration_s or fault.max_duration_s, fault.max_duration_s)
    undo = fault.prepare(site, params)
    entry = Entry(fault_id, str(site.folder), time.time() + seconds, params, undo, id=entry_id)
    journal.write(entry)
    return entry


def inject(journal: Journal, entry_id: str) -> Entry:
    """Break it. What fails half-way is put back at once, and FaultFailed says why."""
    with journal.locked(entry_id):
        entry = journal.read(entry_id)
        if entry.status != j.ARMED:
            return entry
        fault, site = FAULTS[entry.fault], Site.load(Path(entry.site))
        try:
            fault.inject(site, entry.params, entry.undo)
        except Exception as error:
            fault.revert(site, entry.undo)
            entry.status, entry.error = j.FAILED, f"{type(error).__name__}: {error}"
            entry.reverted_at = time.time()
            journal.write(entry)
            raise FaultFailed(entry.error) from error
        entry.status = j.ACTIVE
        journal.write(entry)
        return entry


def cancel(journal: Journal, entry_id: str, why: str) -> None:
    """Strike out what was armed and will never be injected; nothing is touched, another may run the same fault."""
    with journal.locked(entry_id):
        entry = journal.read(entry_id)
        if entry.status == j.ARMED:
            entry.status, entry.error, entry.reverted_at = j.FAILED, why, time.time()
            journal.write(entry)


def revert(journal: Journal, entry_id: str, by: str) -> Entry:
    """Put it back; any number of times, by anybody."""
    with journal.locked(entry_id):
        entry = journal.read(entry_id)
        if entry.live:
            FAULTS[entry.fault].revert(Site.load(Path(entry.site)), entry.undo)
            entry.status, entry.reverted_at, entry.reverted_by = j.REVERTED, time.time(), by
            journal.write(entry)
        return entry


def is_mended(journal: Journal, entry_id: str) -> bool:
    """Whether the fault, looking at its target, finds nothing broken. False when it cannot tell."""
    entry = journal.read(entry_id)
    try:
        return not FAULTS[entry.fault].still_broken(Site.load(Path(entry.site)), entry.undo)
    except Exception:  # the site may be half down
        return False
