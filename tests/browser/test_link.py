"""What the live dot says is so: without a network, with a link that has gone silent, and while fetches fail."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from playwright.async_api import expect

from actions.models import Status
from incidents import live, timeline
from incidents.facts import Noted
from tests.pages import make_request

if TYPE_CHECKING:
    from playwright.async_api import Page, WebSocketRoute

    from incidents.models import Incident

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.django_db(transaction=True),
]
CLOCK = r"\d\d:\d\d:\d\d"


async def test_without_a_network_it_says_so_and_afterwards_nothing_is_missing(
    page: Page, incident: Incident
) -> None:
    dot, events = page.locator("[data-live-state]"), page.locator("#timeline > li")
    await page.goto(f"/incidents/{incident.number}/")
    await expect(dot).to_have_text("Live")
    await page.wait_for_load_state("networkidle")  # what is on its way when the network goes may still arrive
    await page.context.set_offline(True)
    await expect(dot).to_have_text(re.compile(f"^Offline: what you see is from {CLOCK}$"))
    await expect(page.locator(".linkdown")).to_be_visible()
    for number in range(3):
        await sync_to_async(timeline.record)(incident.pk, Noted(), f"written meanwhile {number}")
    await expect(events).to_have_count(3)
    await page.context.set_offline(False)
    await expect(dot).to_have_text("Live", timeout=20_000)
    await expect(page.locator(".linkdown")).to_be_hidden()
    await expect(events).to_have_count(6)
    assert await events.evaluate_all("rows => rows.map(r => Number(r.dataset.seq))") == [6, 5, 4, 3, 2, 1]


async def test_a_link_that_has_gone_silent_is_noticed_by_its_heartbeat(
    page: Page, incident: Incident
) -> None:
    """Nothing is closed and nothing is refused: the other side has simply stopped to answer."""
    muted: list[bool] = []

    def between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda text: None if muted else server.send(text))
        server.on_message(lambda text: None if muted else socket.send(text))

    await page.route_web_socket("**/ws/live/**", between)
    await page.clock.install()
    await page.goto(f"/incidents/{incident.number}/")
    dot = page.locator("[data-live-state]")
    await expect(dot).to_have_text("Live")
    await page.clock.fast_forward(11_000)  # a ping goes out, and its answer comes
    await page.clock.fast_forward(5_000)
    await expect(dot).to_have_text("Live")
    muted.append(True)
    await page.clock.fast_forward(11_000)
    await page.clock.fast_forward(5_000)
    await expect(dot).to_have_text(re.compile(f"^Reconnecting since {CLOCK}$"))
    muted.clear()
    await page.clock.fast_forward(20_000)
    await expect(dot).to_have_text("Live")


async def test_fetches_that_fail_are_not_live(page: Page, incident: Incident) -> None:
    """In a browser that cannot unpack what the socket would send, and so fetches it."""
    await page.add_init_script("delete window.DecompressionStream")
    await page.goto(f"/incidents/{incident.number}/")
    dot = page.locator("[data-live-state]")
    await expect(dot).to_have_text("Live")

    async def broken(route: Any) -> None:
        await route.fulfill(status=502, body="bad gateway")

    await page.route("**/events*", broken)
    await sync_to_async(timeline.record)(incident.pk, Noted(), "not to be had just now")
    await expect(dot).to_have_text(re.compile(f"^Reconnecting since {CLOCK}$"))
    await page.unroute("**/events*")
    await expect(page.locator("#timeline > li").first).to_contain_text("just now", timeout=15_000)
    await expect(dot).to_have_text("Live")


async def test_what_goes_from_the_queue_leaves_the_form_that_is_being_filled_in(
    page: Page, incident: Incident
) -> None:
    first = await sync_to_async(make_request)(incident.system, incident)
    second = await sync_to_async(make_request)(incident.system, incident, target="api-1")
    await page.goto("/approvals/")
    await expect(page.locator("[data-live-state]")).to_have_text("Live")
    await page.locator(f"#no-{second.pk} > summary").click()
    await expect(page.locator(f"#rn-{second.pk}")).to_be_focused()
    await page.keyboard.type("not before")
    await sync_to_async(type(first).objects.filter(pk=first.pk).update)(status=Status.CANCELLED)
    await sync_to_async(live.publish)("approvals", {"kind": "cancelled"})
    await expect(page.locator(f"#ask-{first.pk}")).to_have_count(0)
    await page.keyboard.type(" noon")
    await expect(page.locator(f"#rn-{second.pk}")).to_have_value("not before noon")


async def test_what_is_told_while_a_fetch_is_under_way_is_fetched_after_it(
    page: Page, incident: Incident
) -> None:
    """The answer under way was made before it: it is shown, and asked for once more."""
    asked = await sync_to_async(make_request)(incident.system, incident)
    held, told = asyncio.Event(), asyncio.Event()

    async def slow(route: Any) -> None:
        if "hx-request" in route.request.headers and not told.is_set():
            answer = await route.fetch()
            held.set()
            await told.wait()
            await route.fulfill(response=answer)
        else:
            await route.continue_()

    await page.route(re.compile(r"/approvals/\??$"), slow)
    await page.goto("/approvals/")
    await asyncio.wait_for(held.wait(), 10)
    heard = asyncio.create_task(
        page.evaluate(
            "new Promise(done => document.body.addEventListener('live:approvals', () => done(), { once: true }))"
        )
    )
    await asyncio.sleep(0)  # sent before
    await page.evaluate("1")  # the page answers in order: the listener is there
    await sync_to_async(type(asked).objects.filter(pk=asked.pk).update)(status=Status.CANCELLED)
    await sync_to_async(live.publish)("approvals", {"kind": "cancelled"})
    await asyncio.wait_for(heard, 10)
    told.set()
    await expect(page.locator(f"#ask-{asked.pk}")).to_have_count(0)
