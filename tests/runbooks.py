"""The shipped runbooks in the test database, read and indexed once a process: what commits empties their tables."""

from __future__ import annotations

from django.db.models import Model

from knowledge.models import Chunk, Runbook, RunbookRevision
from knowledge.service import load_seeds

TABLES: tuple[type[Model], ...] = (Runbook, RunbookRevision, Chunk)
_rows: dict[type[Model], list[Model]] = {}


def load() -> None:
    """As `load_runbooks` on an empty database."""
    if not _rows:
        load_seeds()
        _rows.update({table: list(table._default_manager.all()) for table in TABLES})
        return
    for table in TABLES:
        table._default_manager.bulk_create(_rows[table])
