"""The promise: a system the portal was never made for is looked after with nothing but its manifest."""

from __future__ import annotations

import signal

import pytest

from incidents.models import Incident, TimelineEvent
from tests.care import ENDS, Pids, Tell, beside, follow, repaired, until, untouched
from tests.systems_foreign.library import Library

# The tests only read; the portal commits.
pytestmark = [pytest.mark.slow, pytest.mark.patient, pytest.mark.django_db]


def test_killed_until_it_is_given_up(library: Library, calm: Pids, tell: Tell) -> None:
    story = tell(follow(library, lambda: library.kill_until_given_up("shelf"), ends=ENDS, within_s=60))
    repaired(story, library, "shelf", "process_dead")
    untouched(story, library, calm, "ledger", "clerk")


def test_frozen(library: Library, calm: Pids, tell: Tell) -> None:
    story = tell(follow(library, lambda: library.send("ledger", signal.SIGSTOP), ends=ENDS, within_s=60))
    repaired(story, library, "ledger", "process_hung")
    untouched(story, library, calm, "shelf", "clerk")


def test_damaged_config(library: Library, calm: Pids, tell: Tell) -> None:
    def damage() -> None:
        library.change("etc/shelf.yaml", "  - {id: 1", "  - {id: 1\n\t: [")
        library.restart("shelf")

    story = tell(follow(library, damage, ends=ENDS, within_s=60))
    repaired(story, library, "shelf", "config_corrupt")
    untouched(story, library, calm, "ledger", "clerk")


def test_harmful_setting(library: Library, calm: Pids, tell: Tell) -> None:
    def slow_down() -> None:
        library.change("etc/shelf.yaml", "wait_s: 0", "wait_s: 2.2")
        library.send("shelf", signal.SIGHUP)

    story = tell(follow(library, slow_down, ends=ENDS, within_s=60))
    repaired(story, library, "shelf", "config_changed", "artificial_delay")
    untouched(story, library, calm, "ledger", "clerk")


def test_missing_setting(library: Library, calm: Pids, tell: Tell) -> None:
    def take_out() -> None:
        library.change("etc/ledger.env", "SHELF_URL=", "# SHELF_URL=")
        library.restart("ledger")

    story = tell(follow(library, take_out, ends=ENDS, within_s=60))
    repaired(story, library, "ledger", "env_missing")
    untouched(story, library, calm, "shelf", "clerk")


def test_child_that_eats_memory(library: Library, calm: Pids, tell: Tell) -> None:
    def begin() -> None:
        (library.base / "todo/bind").write_text("jobs/bind.py")

    story = tell(follow(library, begin, ends=ENDS, within_s=90))
    repaired(story, library, "clerk", "child_memory_hog")
    untouched(story, library, calm, "shelf", "ledger")
    assert library.pids()["clerk"] == calm["clerk"]  # the child ended, not its parent


def test_two_at_once(library: Library, calm: Pids, tell: Tell) -> None:
    def both() -> None:
        library.send("clerk", signal.SIGSTOP)
        library.change("etc/shelf.yaml", "wait_s: 0", "wait_s: 2.2")
        library.send("shelf", signal.SIGHUP)

    story = tell(follow(library, both, ends=ENDS, within_s=90))
    stories = [story, *(tell(one) for one in beside(story, within_s=60))]
    told = "\n\n".join(one.text() for one in stories)
    assert {one.incident.state for one in stories} == {"resolved"} and not library.wrong(), told
    did = sorted([a.partition(":")[0] for a in one.actions] for one in stories)
    assert did == [["restart-service clerk"], ["restore-config shelf"]], told
    assert library.pids()["clerk"] != calm["clerk"]
    untouched(story, library, calm, "ledger")


def test_a_bug_no_runbook_knows(library: Library, calm: Pids, tell: Tell) -> None:
    """The agent says that it does not know, shows what it saw, leaves everything alone, and notices the repair."""

    def ship_a_bug() -> None:
        library.change("shelf.py", 'book["title"] for', 'book["title"][::-1] for')
        library.restart("shelf")

    story = tell(follow(library, ship_a_bug, ends=("handed_over",), within_s=90))
    assert story.actions == [], story.text()
    assert ["see the titles" in wrong for wrong in library.wrong()] == [True]
    handover = TimelineEvent.objects.get(incident=story.incident, kind="handover")
    assert "seen: customers cannot see the titles" in handover.body, handover.body
    library.change("shelf.py", 'book["title"][::-1] for', 'book["title"] for')
    library.restart("shelf")
    until(
        lambda: not Incident.objects.filter(number=story.incident.number).exclude(state="resolved"),
        40,
        story.text,
    )
    untouched(story, library, calm, "ledger", "clerk")
