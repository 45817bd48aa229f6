"""The promise for containers: any compose project is looked after with the manifest that `adopt` drafts."""

from __future__ import annotations

import signal

import pytest

from tests.care import ENDS, Pids, Tell, follow, followed, repaired, untouched
from tests.systems_compose.notices import Board, docker

# The tests only read; the portal commits.
pytestmark = [pytest.mark.slow, pytest.mark.patient, pytest.mark.django_db]


def test_killed_for_good(board: Board, calm: Pids, tell: Tell) -> None:
    """After the engine's own kill no restart policy brings it back."""
    story = tell(follow(board, lambda: docker("kill", board.name("page")), ends=ENDS, within_s=90))
    repaired(story, board, "page", "process_dead")
    untouched(story, board, calm, "pins")


def test_crashed_on_a_request(board: Board, calm: Pids, tell: Tell) -> None:
    story = tell(follow(board, lambda: board.get("/?three"), ends=ENDS, within_s=90))
    repaired(story, board, "pins", "process_dead")
    untouched(story, board, calm, "page")


def test_stopped_in_its_tracks(board: Board, calm: Pids, tell: Tell) -> None:
    def stop() -> None:
        docker("kill", "--signal", str(int(signal.SIGSTOP)), board.name("page"))

    story = tell(follow(board, stop, ends=ENDS, within_s=90))
    repaired(story, board, "page", "process_hung")
    untouched(story, board, calm, "pins")


def test_frozen_by_the_engine(board: Board, calm: Pids, tell: Tell) -> None:
    story = tell(follow(board, lambda: docker("pause", board.name("pins")), ends=ENDS, within_s=90))
    repaired(story, board, "pins", "process_hung")
    untouched(story, board, calm, "page")


def test_a_child_that_eats_memory(board: Board, calm: Pids, tell: Tell) -> None:
    story = tell(follow(board, lambda: board.get("/export"), ends=ENDS, within_s=120))
    repaired(story, board, "pins", "child_memory_hog")
    assert story.actions == ["kill-process pins: succeeded"]
    untouched(story, board, calm, "page")
    assert board.pids() == calm  # the child ended, not its parent


def test_a_leak_is_noticed_before_it_kills(board: Board, calm: Pids, tell: Tell) -> None:
    """It is restarted while they still search, and they stop: what would be remembered of the next ones is another
    leak, of which nobody could say that it is over."""
    with board.searches():
        story = tell(follow(board, lambda: None, ends=("verifying",), within_s=90))
    story = tell(followed(board, story, ends=("resolved",), within_s=120))
    repaired(story, board, "page", "memory_leak")
    untouched(story, board, calm, "pins")


def test_killed_for_memory_once(board: Board, calm: Pids, tell: Tell) -> None:
    """The engine has started it again. The cause is named, or guessed; where the full memory of the old process was
    still in the picture it is restarted once more, else a process that is well is left alone."""
    story = tell(follow(board, board.leak_until_killed, ends=ENDS, within_s=150))
    assert "memory" in story.incident.verdict.cause, story.text()
    assert story.incident.state == "resolved", story.text()
    restarts = [["restart-service page: succeeded"], ["rolling-restart page: succeeded"]]
    assert story.actions in ([], *restarts), story.text()
    assert not board.wrong()
    untouched(story, board, calm, "pins")
