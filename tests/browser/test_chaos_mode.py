"""Chaos mode in the browser: set, on, off, and what it would do told before."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async
from playwright.async_api import expect

from chaos.mode import service
from incidents.models import Incident

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.django_db(transaction=True),
]


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (360, "dark")])
async def test_it_is_set_and_turned_on_and_off(
    page: Page, incident: Incident, width: int, theme: str
) -> None:
    folder = Path(incident.system.manifest_path).parent
    (folder / "site.json").write_text(json.dumps({"driver": "process"}))
    await page.set_viewport_size({"width": width, "height": 800})
    await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    await page.goto("/chaos/mode/")
    await expect(page.locator("#mode-live")).to_contain_text("Off.")
    await page.fill("#m-every", "12")
    await page.check("input[value=network]")
    await page.click("text=Save")
    await expect(page.locator("#m-every")).to_have_value("12")
    await expect(page.locator("input[value=network]")).to_be_checked()
    await page.click("text=Turn chaos mode on")
    await expect(page.locator("#mode-live")).to_contain_text("the next fault comes")
    row = await sync_to_async(service.of)(incident.system)
    assert (row.on, row.every_s, row.categories) == (True, 720, ["network"])
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, "nothing hangs out on the right"
    if folder := os.environ.get("OPS_PICTURES"):
        await page.screenshot(path=f"{folder}/chaos-mode-{width}.png", full_page=True)
    await page.click("text=Turn chaos mode off")
    await expect(page.locator("#mode-live")).to_contain_text("Off.")
