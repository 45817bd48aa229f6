"""Faults that an earlier run left open, taken back before anything else: the files at once, the rest as soon as the
sandbox runs."""

from collections.abc import Callable
from pathlib import Path

from chaos import injector
from chaos.faults.base import NotUndone
from chaos.journal import Entry, Journal

LOOKS = 120  # at the journal, each of LOOK_S, before the start goes on with the keeper still at it
LOOK_S = 0.5


def put_back(journal: Journal, say: Callable[[str], None]) -> None:
    """Whatever can be put back with nothing running. What is left is due: the keeper does it once the sandbox runs."""
    for entry in journal.live():
        try:
            injector.revert(journal, entry.id, "the next start")
            say(f"taken back, left by an earlier run: {entry.fault}")
        except NotUndone as error:
            say(
                f"left by an earlier run, {entry.fault}: its files are back; to be done: {'; '.join(error.left)}"
            )


def await_rest(journal: Journal, say: Callable[[str], None], wait: Callable[[float], None]) -> None:
    """Until the keeper has taken back the rest, so that nobody takes it for a new fault. `wait`: for so many seconds,
    looking after the children meanwhile."""
    known = {entry.id: entry.fault for entry in journal.live()}
    for _ in range(LOOKS):
        left = {entry.id for entry in journal.live()}
        for entry_id in known.keys() - left:
            say(f"taken back, left by an earlier run: {known[entry_id]}")
        known = {entry_id: name for entry_id, name in known.items() if entry_id in left}
        if not known:
            return
        wait(LOOK_S)
    for entry in journal.live():
        say(f"STILL OPEN from an earlier run: {_words(entry)}; the keeper goes on trying")


def _words(entry: Entry) -> str:
    return f"{entry.fault} ({'; '.join(entry.left) or 'not tried yet'})"


def journal_of(data: Path) -> Journal:
    return Journal(data / "chaos-journal")
