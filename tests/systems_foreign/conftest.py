"""One running library and one portal for all tests of this folder, so that what is normal is learnt once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from actions.models import ActionRequest
from incidents.models import Incident
from systems.models import ReadingRow
from tests.care import Pids, Portal, committed, looked_after, tell
from tests.systems_foreign.library import Library

__all__ = ["committed", "tell"]
LONG_AGO = timedelta(minutes=30)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    running = Library(tmp_path_factory.mktemp("library"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def portal(committed: None, library: Library) -> Iterator[Portal]:
    with looked_after("library", library.manifest) as running:
        yield running


@pytest.fixture
def calm(portal: Portal, library: Library) -> Pids:
    """All is well, and what was before is over for long: none of it comes back. Gives the pids."""
    portal.wait_settled("library")
    with ThreadPoolExecutor(1) as apart:  # this thread's transaction is seen by nobody else
        apart.submit(_make_old).result()
    return library.pids()


def _make_old() -> None:
    try:
        ended = ("started_at", "opened_at", "resolved_at")
        Incident.objects.filter(resolved_at__isnull=False).update(**{f: F(f) - LONG_AGO for f in ended})
        done = ("requested_at", "claimed_at", "finished_at")
        old = {f: F(f) - LONG_AGO for f in done}
        ActionRequest.objects.filter(finished_at__isnull=False).update(**old)
        # nor do its failed runs and ended processes count for how often the next one shows
        ReadingRow.objects.filter(metric__in=("journey.ok", "unit.restarts")).delete()
    finally:
        connection.close()
