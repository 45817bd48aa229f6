"""Put a fault in and take it out. Plain Python: works with the portal, its database and its broker dead."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from chaos import journal as j
from chaos.alterations import LoadFailed
from chaos.faults.base import FaultFailed, NotUndone, run_parts
from chaos.journal import Entry, Journal
from chaos.registry import find
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
    fault = find(fault_id)
    seconds = min(duration_s or fault.max_duration_s, fault.max_duration_s)
    undo = fault.prepare(site, params)
    file = getattr(fault, "file", "")
    entry = Entry(fault_id, str(site.folder), time.time() + seconds, params, undo, id=entry_id, file=file)
    journal.write(entry)
    return entry


def inject(journal: Journal, entry_id: str) -> Entry:
    """Break it. What fails half-way is put back at once, or by the keeper where that fails too, and FaultFailed says
    why."""
    with journal.locked(entry_id):
        entry = journal.read(entry_id)
        if entry.status != j.ARMED:
            return entry
        fault, site = find(entry.fault, entry.file), Site.load(Path(entry.site))
        try:
            fault.inject(site, entry.params, entry.undo)
        except Exception as error:
            entry.error = f"{type(error).__name__}: {error}"
            _take_out(journal, entry, "failed injection", j.FAILED)
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
    """Put it back; any number of times, by anybody. Raises NotUndone when a part could not be: the rest is done, and
    the entry stays live and due, so that the keeper (or the next start) finishes it."""
    with journal.locked(entry_id):
        entry = journal.read(entry_id)
        if entry.live:
            _take_out(journal, entry, by, j.REVERTED)
        if entry.left:
            raise NotUndone(entry.left)
        return entry


def _take_out(journal: Journal, entry: Entry, by: str, ended: str) -> None:
    """Run every part. `ended`: the status of the entry when nothing is left."""
    entry.left = _undo(journal, entry)
    if entry.left:
        entry.deadline, entry.asked_by = min(entry.deadline, time.time()), entry.asked_by or by
    else:
        entry.status, entry.reverted_at, entry.reverted_by = ended, time.time(), by
    journal.write(entry)


def _undo(journal: Journal, entry: Entry) -> list[str]:
    """What is left, in words."""
    if not Path(entry.site).exists():
        entry.error = entry.error or "the sandbox it was put into is gone, and the fault with it"
        return []
    try:
        fault = find(entry.fault, entry.file)
    except (KeyError, LoadFailed):
        return [f"everything: there is no fault named {entry.fault} any more; ./ops sandbox reset mends it"]
    try:
        parts = fault.parts(Site.load(Path(entry.site)), entry.undo)
    except Exception as error:
        return [f"everything ({error})"]
    journal.write(entry)
    return run_parts(parts)


def is_mended(journal: Journal, entry_id: str) -> bool:
    """Whether the fault, looking at its target, finds nothing broken. False when it cannot tell."""
    entry = journal.read(entry_id)
    try:
        return not find(entry.fault, entry.file).still_broken(Site.load(Path(entry.site)), entry.undo)
    except Exception:  # the site may be half down
        return False
