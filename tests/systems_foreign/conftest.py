"""One running library and one portal for all tests of this folder, so that what is normal is learnt once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.care import Pids, Portal, committed, looked_after, tell
from tests.systems_foreign.library import Library

__all__ = ["committed", "tell"]


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
    """All is well; gives the pids."""
    portal.wait_settled("library")
    return library.pids()
