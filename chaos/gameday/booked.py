"""A game day that somebody began in the browser: workers play it run by run. Where one dies, another goes on with the
run that it was at; only who holds the game day (a compare-and-set, renewed while a run lasts) writes its runs."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from actions import audit
from chaos import service
from chaos.gameday import BY, modes
from chaos.gameday.commit import commit_of
from chaos.gameday.draws import DECOYS, PLAIN, Draw
from chaos.gameday.drive import Driver
from chaos.gameday.plan import NotPossible, Wanted, plan
from chaos.models import GameDay, GameDayRun, Injection, Schedule
from chaos.registry import find
from chaos.scorecard import Row
from chaos.site import Site, SiteMissing
from incidents import live
from systems.models import System

log = logging.getLogger(__name__)

# What a worker can bring about for one run. The others need a portal of their own: the command line starts one.
MODES = (PLAIN, DECOYS, modes.NOISE, modes.NO_GOLDEN, modes.STARVED)
MOST_RUNS = 500
TIMEOUT_S = 150.0
HELD_FOR = timedelta(seconds=60)
RENEWED_S = 10.0


class Refused(ValueError):
    """It does not begin; the message says why."""


def begin(wanted: Wanted, system: System, by: str, *, approve: bool) -> GameDay:
    """Plan it; `go` plays it. `approve`: what the agent asks for meanwhile is approved beforehand. Raises Refused."""
    draws = _planned(wanted, system)
    try:
        Site.load(Path(system.manifest_path).parent)
    except SiteMissing as error:
        raise Refused(str(error)) from None
    if not system.agent_on:
        raise Refused(
            "the agent is off for this system, so that there would be nothing to grade; turn it on first"
        )
    if Schedule.objects.filter(system=system, on=True).exists():
        raise Refused("chaos mode is on: what it breaks would be graded too; turn it off first")
    try:
        with transaction.atomic():
            day = GameDay.objects.create(
                system=system, mode=wanted.mode, by=by, approve=approve,
                planned=[asdict(draw) for draw in draws], commit=commit_of(settings.BASE_DIR),
            )  # fmt: skip
            data = {"game_day": day.pk, "runs": len(draws), "mode": wanted.mode, "approve": approve}
            audit.append(by, "chaos.gameday.begun", system=system.slug, data=data)
    except IntegrityError:
        raise Refused("a game day is under way on this system already") from None
    _told()
    return day


def _planned(wanted: Wanted, system: System) -> list[Draw]:
    if wanted.mode not in MODES:
        raise Refused(f"from here a game day goes on in one of {', '.join(MODES)}")
    try:
        draws = plan(wanted, system)
    except NotPossible as error:
        raise Refused(str(error)) from None
    if not draws:
        raise Refused("nothing is asked for: choose faults, or how many to draw")
    if len(draws) > MOST_RUNS:
        raise Refused(f"these are {len(draws)} runs; more than {MOST_RUNS} are for the command line")
    return draws


def stop(day: GameDay, by: str) -> None:
    """The fault that is in is taken back, its run is not counted, and no other one begins."""
    if not GameDay.objects.filter(pk=day.pk, ended_at=None, stopped_by="").update(stopped_by=by):
        return
    assert day.system is not None
    audit.append(by, "chaos.gameday.stopped", system=day.system.slug, data={"game_day": day.pk})
    _take_back(day.system, by)
    _told()


def under_way(system: System) -> GameDay | None:
    return GameDay.objects.filter(system=system, ended_at=None).first()


def waiting() -> list[int]:
    """Those that are under way and that nobody plays."""
    free = Q(held_until=None) | Q(held_until__lt=Now())
    return list(
        GameDay.objects.filter(free, ended_at=None, system__isnull=False).values_list("pk", flat=True)
    )


def left(day: GameDay) -> list[Draw]:
    """What has not been played, in order."""
    played = {(run.fault, run.seed, run.mode) for run in day.runs.all()}
    return [draw for draw in map(_draw, day.planned) if draw.key not in played]


def go(pk: int) -> bool:
    """Play its next run. Whether there is more to do for it; also False where somebody else is at it."""
    me = str(uuid.uuid4())
    free = Q(held_until=None) | Q(held_until__lt=Now())
    mine = GameDay.objects.filter(pk=pk, ended_at=None, system__isnull=False)
    if not mine.filter(free).update(held_by=me, held_until=Now() + HELD_FOR):
        return False
    held = mine.filter(held_by=me)
    with _renewed(pk, me):
        day = mine.select_related("system").get()
        draw = None if day.stopped_by else next(iter(left(day)), None)
        if draw is None:
            held.update(ended_at=datetime.now(UTC), held_until=None, current=None)
        else:
            held.update(current=asdict(draw))
            _told()
            _keep(pk, me, _played(day, draw))
    held.update(held_until=None, current=None)
    _told()
    return draw is not None


def _played(day: GameDay, draw: Draw) -> Row:
    """What came of it. A run that breaks off here is none of the agent's merits, and says so."""
    system = day.system
    assert system is not None
    _take_back(system, BY)  # of a worker that died at it
    driver = Driver(system, "", log.info, day=str(day.pk) if day.approve else "")
    try:
        with modes.within(day.mode, driver.site, draw.seed):
            return driver.one(draw, TIMEOUT_S)
    except Exception as error:
        log.exception("game day %s: %s could not be measured", day.pk, draw.name)
        category = find(draw.faults[0]).category if len(draw.faults) == 1 else "pair"
        why = f"could not be measured: {type(error).__name__}: {error}"
        return Row(draw.name, category, draw.seed, draw.mode, outcome="missed", note=why)


def _keep(pk: int, me: str, row: Row) -> None:
    """Unless it was stopped meanwhile, or somebody else has gone on with it."""
    with transaction.atomic():
        day = GameDay.objects.select_for_update().get(pk=pk)
        if day.held_by == me and not day.stopped_by:
            GameDayRun.objects.create(game_day=day, **row.as_json())


def _take_back(system: System, by: str) -> None:
    for row in Injection.objects.filter(system=system, by=BY, status=Injection.Status.RUNNING):
        service.revert(str(row.pk), by)


@contextmanager
def _renewed(pk: int, me: str) -> Iterator[None]:
    """Inside, it stays ours."""
    over = threading.Event()

    def renew() -> None:
        try:
            while not over.wait(RENEWED_S):
                try:
                    GameDay.objects.filter(pk=pk, held_by=me).update(held_until=Now() + HELD_FOR)
                except DatabaseError as error:  # another would take it over, and its fault back
                    log.warning("game day %s could not be held: %s", pk, error)
                    connection.close()
        finally:
            connection.close()

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _draw(planned: dict[str, object]) -> Draw:
    return Draw(**planned | {"faults": tuple(planned["faults"])})  # type: ignore[arg-type]


def _told() -> None:
    live.publish("chaos", {"kind": "gameday"})
