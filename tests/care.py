"""A portal in threads that looks after a running system, and the story of one fault in its care."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
from django.core.management import call_command
from django.db import connections

from actions.models import ActionRequest
from agent import journal, loop
from agent import service as agent
from incidents import detection, evidence, live, normal
from incidents import service as incidents
from incidents.models import OPEN_STATES, Incident, Symptom, TimelineEvent
from knowledge.service import load_seeds
from systems import services
from systems.watcher import Watcher

Pids = dict[str, int | None]
Tell = Callable[["Story"], "Story"]
ENDS = ("resolved", "handed_over")


class Place(Protocol):
    """A system in care."""

    def wrong(self) -> list[str]:
        """What its users cannot do now."""
        ...

    def pids(self) -> Pids:
        """Of the main process of each unit."""
        ...


def until(what: Callable[[], Any], seconds: float, say: Callable[[], object]) -> Any:
    """Look until it gives something; AssertionError with `say()` when it does not in time."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, say()
        time.sleep(0.1)
    return found


@dataclass
class Story:
    """What became of one fault, in seconds from its beginning."""

    incident: Incident
    detected_s: float
    over_s: float
    repaired_s: float | None
    actions: list[str] = field(default_factory=list)

    def text(self) -> str:
        events = TimelineEvent.objects.filter(incident=self.incident).order_by("seq")
        lines = [f"{e.at:%H:%M:%S} {e.kind}: {e.title}" for e in events]
        return "\n".join([f"{self.incident.component}:{self.incident.cause} {self.actions}", *lines])


class Portal:
    """The watcher, the sweep and one worker, in threads of this process."""

    def __init__(self) -> None:
        self._runs: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._threads = [
            threading.Thread(target=t, daemon=True) for t in (self._watch, self._sweep, self._work)
        ]
        self._ended = threading.Event()
        journal.on_wake(self._runs.put)
        for thread in self._threads:
            thread.start()

    def _watch(self) -> None:
        watcher = Watcher(services.load_all, on_tick=[detection.on_tick])
        self._loop.run_until_complete(watcher.run(self._stop))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        connections.close_all()

    def _sweep(self) -> None:
        while not self._ended.wait(0.5):
            agent.sweep()
        connections.close_all()

    def _work(self) -> None:
        while (run := self._runs.get()) is not None:
            loop.advance(run)
        connections.close_all()

    def wait_settled(self, slug: str) -> None:
        """Until the detection knows what is normal, and nothing is open."""

        def calm() -> bool:
            known = detection._detectors.get(slug)
            busy = Incident.objects.filter(state__in=OPEN_STATES).exists()
            return known is not None and known.engine.quiet.settled_at is not None and not busy

        until(calm, 60, lambda: list(Symptom.objects.filter(cleared_at=None).values_list("title", flat=True)))

    def close(self) -> None:
        self._ended.set()
        self._runs.put(None)
        self._loop.call_soon_threadsafe(self._stop.set)
        for thread in self._threads:
            thread.join(20)


def follow(place: Place, fault: Callable[[], None], *, ends: tuple[str, ...], within_s: float) -> Story:
    """Begin the fault and watch until the incident it opens is in one of the states `ends`."""
    last = Incident.objects.order_by("-number").values_list("number", flat=True).first() or 0
    began, wall = time.monotonic(), time.time()
    fault()

    opened = until(
        lambda: Incident.objects.filter(number__gt=last).first(), 40, lambda: "nothing was noticed"
    )
    return _followed(place, opened.number, last, wall, began, ends, within_s)


def followed(place: Place, before: Story, *, ends: tuple[str, ...], within_s: float) -> Story:
    """The same one further, until its incident is in one of the states `ends`."""
    passed = time.time() - before.incident.opened_at.timestamp() + before.detected_s
    number = before.incident.number
    return _followed(place, number, number, time.time() - passed, time.monotonic() - passed, ends, within_s)


def _followed(
    place: Place, number: int, last: int, wall: float, began: float, ends: tuple[str, ...], within_s: float
) -> Story:
    """`last`: the newest incident there was before; `wall`, `began`: when the fault began, by both clocks."""

    def now() -> Incident:
        """That one, or the one that it is again."""
        found = Incident.objects.get(pk=number)
        return next((i for i in Incident.objects.filter(number__lte=last) if _came_as(i, number)), found)

    def over() -> Incident | None:
        found = now()
        return found if found.state in ends else None

    def so_far() -> str:
        others = [_story(one, wall, 0.0).text() for one in Incident.objects.filter(number__gt=number)]
        return "\n\n".join([_story(now(), wall, 0.0).text(), *others, f"wrong: {place.wrong()}"])

    found = until(over, within_s, so_far)
    return _story(found, wall, time.monotonic() - began)


def _came_as(incident: Incident, number: int) -> bool:
    return any(o.back_as == number for o in incident.openings)


def beside(first: Story, within_s: float) -> list[Story]:
    """The stories of the incidents that were opened beside that one since the fault began, new ones and such as came
    back, once all of them are over."""
    wall = first.incident.opened_at.timestamp() - first.detected_s
    began = datetime.fromtimestamp(wall, UTC)

    def others() -> list[Incident]:
        since = list(Incident.objects.filter(opened_at__gte=began).order_by("number"))
        again = {o.back_as for one in since for o in one.openings}
        return [one for one in since if one.pk != first.incident.pk and one.number not in again]

    def so_far() -> list[str]:
        return [_story(one, wall, 0.0).text() for one in others()]

    until(lambda: all(one.state in ENDS for one in others()), within_s, so_far)
    return [_story(one, wall, time.time() - wall) for one in others()]


def _story(incident: Incident, wall: float, over_s: float) -> Story:
    """`wall`: Unix time at which the fault began."""
    began = datetime.fromtimestamp(wall, UTC)
    steps = ActionRequest.objects.filter(incident=incident, requested_at__gte=began).order_by("requested_at")
    done = [f"{a.slug} {a.target}: {a.status}" for a in steps]
    green = TimelineEvent.objects.filter(
        incident=incident, kind="verify", title__startswith="Recovered", at__gte=began
    ).last()
    repaired = green.at.timestamp() - 4.0 - wall if green else None
    return Story(incident, incident.opened_at.timestamp() - wall, over_s, repaired, done)


@contextmanager
def looked_after(slug: str, manifest: Path) -> Iterator[Portal]:
    """A portal that was given the manifest and nothing else."""
    hooks = list(journal._wake), list(incidents.on_opened)
    incidents.on_opened[:] = [agent.on_opened]
    live.client().delete(evidence.KEY.format(slug), normal.KEY.format(slug))
    load_seeds()
    call_command("register_system", str(manifest), verbosity=0)
    call_command("agent", "on", slug, verbosity=0)
    running = Portal()
    try:
        yield running
    finally:
        running.close()
        detection.forget(slug)
        journal._wake[:], incidents.on_opened[:] = hooks


def repaired(story: Story, place: Place, component: str, *causes: str) -> None:
    """Diagnosed, repaired, and measured to be well."""
    assert (story.incident.component, story.incident.cause in causes) == (component, True), story.text()
    assert story.incident.state == "resolved" and story.repaired_s, story.text()
    assert story.actions and all(a.endswith(": succeeded") for a in story.actions), story.text()
    assert not place.wrong()


def untouched(story: Story, place: Place, before: Pids, *others: str) -> None:
    """Nothing was done to the other services: no action names them, and they run as before."""
    now = place.pids()
    assert {n: now[n] for n in others} == {n: before[n] for n in others}, story.text()
    assert not [a for a in story.actions if any(f" {o}:" in a for o in others)], story.text()


@pytest.fixture(scope="module")
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database for a whole module; emptied afterwards."""
    with django_db_blocker.unblock():
        call_command("flush", interactive=False, verbosity=0)
        yield
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Print the story (seen with -rP or on failure), and pass it on."""

    def told(found: Story) -> Story:
        figures = f"detected {found.detected_s:.1f} s, repaired {found.repaired_s}, over {found.over_s:.1f} s"
        record_property("figures", figures)
        print(figures, found.text(), sep="\n")
        return found

    return told
