"""All runs of a game day, one after the other, each kept as soon as it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from chaos.gameday.allowed import agent_set
from chaos.gameday.commit import commit_of
from chaos.gameday.draws import Draw
from chaos.gameday.drive import Driver
from chaos.gameday.table import as_row
from chaos.models import GameDay, GameDayRun
from chaos.scorecard import Row

Each = Callable[[dict[str, Any]], None]


def play(
    driver: Driver,
    draws: Sequence[Draw],
    by: str,
    timeout_s: float,
    *,
    mode: str = "plain",
    each: Each | None = None,
) -> GameDay:
    """Approvals are granted run by run, and counted. `each` gets every row as the file has it."""
    with _day(driver, by, mode) as day, agent_set(driver.system, not driver.baseline, by):
        for draw in draws:
            driver.say(f"seed {draw.seed}  {draw.name} ...")
            if driver.before is not None:
                driver.before()
            row = driver.one(draw, timeout_s)
            kept = GameDayRun.objects.create(game_day=day, **row.as_json())
            if each is not None:
                each(as_row(kept, driver.baseline))
            driver.say(line(row))
    day.refresh_from_db()
    return day


@contextmanager
def _day(driver: Driver, by: str, mode: str) -> Iterator[GameDay]:
    commit = commit_of(settings.BASE_DIR)
    day = GameDay.objects.create(baseline=driver.baseline, mode=mode, by=by, commit=commit)
    driver.day = str(day.pk)
    try:
        yield day
    finally:
        GameDay.objects.filter(pk=day.pk).update(ended_at=datetime.now(UTC))


def line(row: Row) -> str:
    """One run on the terminal."""
    seen = f"seen {row.detect_s} s" if row.detected else "not seen"
    named = "named" if row.component_ok and row.cause_ok else f"named {row.note}"
    mended = f"mended {row.repair_s} s" if row.fixed else "not mended"
    wrong = f", wrong: {'; '.join(row.wrong_actions)}" if row.wrong_actions else ""
    return f"        {row.outcome.replace('_', ' ')}: {seen}, {named}, {mended}{wrong}"
