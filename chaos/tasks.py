"""Celery tasks of the chaos panel: ids in, one call."""

from __future__ import annotations

from celery import shared_task

from chaos import service
from chaos.gameday import booked
from chaos.mode import score
from chaos.mode import service as mode


@shared_task(name="chaos.run", ignore_result=True)
def run(injection_id: str) -> None:
    service.run(injection_id)


@shared_task(name="chaos.mode", ignore_result=True)
def mode_tick() -> None:
    """What chaos mode has to do by now, and what came of what it did."""
    for injection in mode.tick():
        service.run(str(injection.pk))
    score.settle()


def look_at_mode(every_s: float) -> None:
    """Have a worker do it, where it is on anywhere or something it did has no result yet."""
    if mode.is_anywhere_on() or score.is_owed():
        mode_tick.apply_async(expires=every_s, retry=False)


def send_again(least_s: float) -> None:
    """Presses whose message was lost, a broker's restart say, go in late instead of never: `run` is safe to repeat."""
    for injection_id in service.waiting(least_s):
        run.apply_async(args=[injection_id], expires=least_s, retry=False)


@shared_task(name="chaos.play", ignore_result=True)
def play(game_day_id: int) -> None:
    """One run of a game day, and the next one after it."""
    if booked.go(game_day_id):
        play.delay(game_day_id)


def look_at_game_days(every_s: float) -> None:
    """Have a worker go on with one that nobody plays: its message was lost, or its worker."""
    for pk in booked.waiting():
        play.apply_async(args=[pk], expires=every_s, retry=False)
