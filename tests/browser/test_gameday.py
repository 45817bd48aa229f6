"""A game day in the browser: begun, watched while workers play it, stopped; and what was hard."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from playwright.async_api import expect

from chaos import tasks
from chaos.gameday import booked
from chaos.gameday.draws import Draw
from chaos.gameday.drive import Driver
from chaos.models import GameDay, GameDayRun
from chaos.scorecard import Row
from systems.models import System

if TYPE_CHECKING:
    from playwright.async_api import Page

    from incidents.models import Incident

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.django_db(transaction=True),
]


def sandbox() -> None:
    """What the pages are about can be broken."""
    system = System.objects.get()
    System.objects.update(agent_on=True)
    (Path(system.manifest_path).parent / "site.json").write_text('{"driver": "process"}')


def earlier() -> None:
    """A game day of the past, with an easy fault and a hard one."""
    day = GameDay.objects.create(by="mira", commit="c0ffee", ended_at=timezone.now())
    for seed in range(1, 7):
        for fault, fixed in (("cache_poisoning", True), ("packet_loss", seed % 3 == 0)):
            run = GameDayRun.objects.create(
                game_day=day, fault=fault, category="network", seed=seed, fixed=fixed, detected=True,
                detect_s=2.0 + seed / 3,
                repair_s=8.0 + seed if fixed else None, outcome="fixed" if fixed else "missed",
                first_component_ok=True, first_cause_ok=fixed, confidence=0.91,
            )  # fmt: skip
            GameDayRun.objects.filter(pk=run.pk).update(at=timezone.now() - timedelta(days=7 - seed))


async def test_begun_watched_and_stopped(
    page: Page, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []

    def one(self: Driver, draw: Draw, timeout_s: float) -> Row:
        return Row(draw.name, "network", draw.seed, draw.mode, fixed=True, repair_s=9.5, outcome="fixed")

    monkeypatch.setattr(tasks.play, "delay", sent.append)
    monkeypatch.setattr(Driver, "one", one)
    await sync_to_async(sandbox)()
    await page.goto("/gameday/")
    await page.fill("#g-faults", "packet_loss, cache_poisoning")
    await page.fill("#g-seeds", "2")
    await page.get_by_role("button", name="Begin").click()
    await expect(page.get_by_text("A game day of 4 runs begins")).to_be_visible()
    await expect(page.locator("progress")).to_have_attribute("value", "0")
    await sync_to_async(booked.go, thread_sensitive=False)(sent[0])
    await expect(page.locator("progress")).to_have_attribute("value", "1", timeout=20_000)
    await expect(page.locator("#gameday-now")).to_contain_text("packet loss")
    await page.get_by_role("button", name="Stop this game day").click()
    await expect(page.get_by_text("what is in is taken back")).to_be_visible()
    await sync_to_async(booked.go, thread_sensitive=False)(sent[0])
    await expect(page.locator("progress")).to_have_count(0, timeout=20_000)


@pytest.mark.parametrize("width", [1280, 360])
async def test_what_was_hard(page: Page, incident: Incident, width: int) -> None:
    await sync_to_async(sandbox)()
    await sync_to_async(earlier)()
    await page.set_viewport_size({"width": width, "height": 800})
    for path in ("/gameday/", "/gameday/faults/", "/gameday/faults/?fault=packet_loss"):
        await page.goto(path)
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, (path, wide)
    await page.goto("/gameday/faults/")
    first = page.locator("tbody tr").first
    await expect(first).to_contain_text("packet loss")
    await first.get_by_role("link").click()
    await expect(page.get_by_text("2 of 6").first).to_be_visible()
    await expect(page.locator(".plot svg").first).to_be_visible(timeout=20_000)
