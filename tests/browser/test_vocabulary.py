"""A person adds a signal, an action and a runbook in the browser, and the next incident uses them.

The action is declared in the manifest's file, as actions are; the browser activates it. The watcher, the agent and the
web server are real, and so is the part: an HTTP server with an inventory, a reading and something to do.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from playwright.async_api import expect

from actions.models import ActionRequest
from incidents.models import Incident
from incidents.signals import CATALOG
from knowledge.vocabulary import service
from systems import services
from systems.runtimes.fake import forget
from tests.care import Portal, looked_after

if TYPE_CHECKING:
    from playwright.async_api import Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.django_db(transaction=True),
]
SLUG = "bakehouse"
MANIFEST = """
system: {slug}
title: Bakehouse
runtime: {{driver: fake, name: {slug}, units: [oven]}}
services:
  oven:
    kind: worker
    readings:
      - {{name: dough, http: "{url}/dough", path: waiting, every_s: 1}}
"""
ACTION = """    actions:
      - name: clear-tray
        title: Clear a tray
        params: {{tray: {{from: {{http: "{url}/trays"}}}}}}
        risk: low
        do: {{http: {{post: "{url}/trays/{{tray}}/clear"}}}}
        check: {{http: "{url}/trays/{{tray}}", path: state, is: clear, within_s: 2}}
"""
SIGNAL = """kind: signal
id: dough_waits
title: "{value} loaves wait in {service}"
metric: own.dough
above: 100
hold: 3
class: own
severity: high
system: bakehouse
"""
RUNBOOK = """---
id: tray_full
title: A tray of the oven is full
category: application
applies_to: [worker]
prior: 0.05
symptoms:
  dough_waits: certain
summary: "{component} cannot take more dough: its upper tray is full"
actions:
  - {action: clear-tray, target: "{component}", params: {tray: upper}}
---
# What it looks like
Dough waits and nothing is baked.
"""


class Oven:
    """`waiting`: loaves before it, as long as the upper tray is not cleared."""

    def __init__(self) -> None:
        self.waiting = 3
        self.cleared: list[str] = []
        oven = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                tray = self.path.rpartition("/")[2]
                self.answer(
                    {"waiting": oven.waiting} if tray == "dough"
                    else ["upper", "lower"] if tray == "trays"
                    else {"state": "full" if oven.waiting > 100 and tray == "upper" else "clear"}
                )  # fmt: skip

            def do_POST(self) -> None:
                oven.cleared.append(self.path.split("/")[2])
                oven.waiting = 0 if "upper" in oven.cleared else oven.waiting
                self.answer({})

            def answer(self, item: Any) -> None:
                body = json.dumps(item).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest_asyncio.fixture(loop_scope="session")
async def oven(page: Page, tmp_path: Path, settings: Any) -> AsyncIterator[tuple[Oven, Path]]:
    """An oven in the care of a portal, calm."""
    settings.OPSPORTAL_DATA = tmp_path / "data"
    made, file = Oven(), tmp_path / "manifest.yaml"
    file.write_text(MANIFEST.format(slug=SLUG, url=made.url))
    forget()
    services._cache.clear()
    service._seen.clear()
    care = looked_after(SLUG, file)
    portal: Portal = await sync_to_async(care.__enter__)()
    await sync_to_async(portal.wait_settled)(SLUG)
    yield made, file
    await sync_to_async(care.__exit__)(None, None, None)
    made.close()
    forget()
    services._cache.clear()
    service._seen.clear()
    CATALOG.put(())


async def add_signal(page: Page) -> None:
    await page.goto("/settings/vocabulary/")
    await expect(page.locator("#main")).to_contain_text("Nothing of your own yet")
    await page.locator("#main").get_by_role("link", name="New signal").click()
    await page.locator("#read summary").click()
    await expect(page.locator("#readings")).to_contain_text("own.dough")
    await page.fill("#text", SIGNAL.replace("above: 100", "above: many"))
    await expect(page.locator("#checked")).to_contain_text("line 5")
    await page.fill("#text", SIGNAL)
    await expect(page.locator("#checked")).to_contain_text("own.dough of any part of bakehouse is above 100")
    await page.get_by_role("button", name="Try it").click()
    await expect(page.locator("#tried")).to_contain_text("It would not have fired", timeout=30_000)
    await page.fill("#text", SIGNAL.replace("above: 100", "above: 1"))
    await page.get_by_role("button", name="Try it").click()
    await expect(page.locator("#tried")).to_contain_text("It would have fired 1 time.", timeout=30_000)
    await page.fill("#text", SIGNAL)
    await page.fill("#vnote", "we bake too late")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status").first).to_contain_text("Saved as version 1")


async def add_action(page: Page, file: Path, oven: Oven) -> None:
    file.write_text(file.read_text() + ACTION.format(url=oven.url))
    await page.goto("/settings/")
    await page.get_by_role("button", name="Activate").click()
    await expect(page.locator("#main")).not_to_contain_text("differs from the active manifest")
    await page.goto(f"/systems/{SLUG}/parts/oven/")
    await page.get_by_role("link", name="Clear a tray").click()
    await page.select_option("#p-tray", "lower")
    await page.get_by_role("button", name="Dry run").click()
    await expect(page.locator("#dry")).to_contain_text(f"POST {oven.url}/trays/lower/clear")
    assert oven.cleared == []


async def add_runbook(page: Page) -> None:
    await page.goto("/runbooks/new/")
    await page.fill("#text", RUNBOOK)
    await expect(page.locator("#preview")).to_contain_text("The front matter is valid")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status").first).to_contain_text("Saved as version 1")


async def test_what_a_person_adds_is_used_by_the_next_incident(page: Page, oven: tuple[Oven, Path]) -> None:
    shop, file = oven
    await add_signal(page)
    await add_action(page, file, shop)
    await add_runbook(page)
    shop.waiting = 500
    end = time.monotonic() + 90
    incident: Incident | None = None
    while time.monotonic() < end and (incident is None or incident.state not in ("resolved", "handed_over")):
        incident = await Incident.objects.order_by("-number").afirst()
        await page.wait_for_timeout(300)
    assert incident is not None, "nothing was noticed"
    told = [f"{e.kind}: {e.title}" async for e in incident.events.order_by("seq")]
    assert (incident.state, incident.component, incident.cause) == ("resolved", "oven", "tray_full"), told
    done = [(a.slug, a.params, a.requested_by, a.status) async for a in ActionRequest.objects.all()]
    assert done == [("clear-tray", {"tray": "upper"}, "agent", "succeeded")]
    assert shop.cleared == ["upper"]
    await page.goto(f"/incidents/{incident.number}/")
    await expect(page.locator("#timeline")).to_contain_text("500 loaves wait in oven")
    await expect(page.locator("#main")).to_contain_text(re.compile("upper tray is full"))
    await page.goto("/settings/vocabulary/")
    await expect(page.locator("tbody tr").first.locator("td.num")).to_have_text("1")
