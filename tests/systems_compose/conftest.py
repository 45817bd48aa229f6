"""One running project and one portal for all tests of this folder, so that what is normal is learnt once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from systems import services
from tests.care import Pids, Portal, committed, looked_after, tell
from tests.systems_compose.notices import Board, why_not

__all__ = ["committed", "tell"]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    if why := why_not():
        pytest.skip(why)
    running = Board(tmp_path_factory.mktemp("board"))
    try:
        running.adopt()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def portal(committed: None, board: Board) -> Iterator[Portal]:
    with looked_after(services.from_manifest(board.manifest).slug, board.manifest) as running:
        yield running


@pytest.fixture
def calm(portal: Portal, board: Board) -> Pids:
    """All is well; gives the pids."""
    portal.wait_settled(board.project)
    return board.pids()
