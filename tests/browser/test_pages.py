"""The main paths in a real browser: log in, watch an incident grow, approve, edit a runbook, small screens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import sync_to_async
from playwright.async_api import expect

from actions.models import ActionRequest, Status
from incidents import live, timeline
from incidents.facts import Noted
from knowledge import service
from tests.knowledge.test_views import BOOK
from tests.pages import make_change, make_request, show

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, Route

    from incidents.models import Incident

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.django_db(transaction=True),
]

PAGES = [
    "/",
    "/incidents/",
    "/changes/",
    "/approvals/",
    "/chaos/",
    "/gameday/",
    "/runbooks/",
    "/diagnose/",
    "/audit/",
    "/settings/",
    "/settings/vocabulary/",
    "/settings/vocabulary/new/",
    "/systems/kiosk/parts/api-1/",
    "/systems/kiosk/parts/api-1/do/restart-service/",
]


async def test_wrong_password_is_said_in_plain_words(browser: Browser, server: str) -> None:
    context = await browser.new_context(base_url=server)
    page = await context.new_page()
    await page.goto("/incidents/")
    await expect(page).to_have_url(re.compile("/login/"))
    await page.fill("#id_username", "nobody")
    await page.fill("#id_password", "wrong")
    await page.click("text=Log in")
    await expect(page.get_by_role("alert")).to_contain_text("do not match")
    await context.close()


async def test_dashboard_draws_the_map_and_refreshes_itself(page: Page, incident: Incident) -> None:
    await page.goto("/")
    await expect(page.locator(".map .node")).to_have_count(4)
    await expect(page.locator("#node-api-1")).to_contain_text("Down")
    await expect(page.locator("[data-live-state]")).to_have_text("Live")
    await page.evaluate("document.getElementById('node-api-1').mark = 1")
    await sync_to_async(show)(api_1="degraded")
    await sync_to_async(live.publish)("dashboard", {"kind": "tick"})
    await expect(page.locator("#node-api-1")).to_contain_text("Degraded")
    await sync_to_async(show)(api_1="ok")
    await sync_to_async(live.publish)("dashboard", {"kind": "tick"})
    await expect(page.locator("#node-api-1")).to_contain_text("Healthy")
    assert await page.evaluate("document.getElementById('node-api-1').mark"), (
        "patched in place: a click is not lost"
    )


async def test_timeline_grows_by_what_is_committed_elsewhere(page: Page, incident: Incident) -> None:
    await page.goto(f"/incidents/{incident.number}/")
    await expect(page.locator("[data-live-state]")).to_have_text("Live")
    events = page.locator("#timeline > li")
    await expect(events).to_have_count(3)
    await events.nth(1).locator("summary, .what").first.click()
    for number in range(20):
        await sync_to_async(timeline.record)(incident.pk, Noted(), f"note {number}")
    await expect(events).to_have_count(23)
    numbers = await events.evaluate_all("rows => rows.map(r => Number(r.dataset.seq))")
    assert numbers == list(range(23, 0, -1)), "every event once, newest first"


async def test_row_that_the_socket_brings_while_an_answer_with_it_is_on_its_way_is_there_once(
    page: Page, incident: Incident
) -> None:
    await page.goto(f"/incidents/{incident.number}/")
    await expect(page.locator("[data-live-state]")).to_have_text("Live")
    events = page.locator("#timeline > li")

    async def slow(route: Route) -> None:
        await sync_to_async(timeline.record)(incident.pk, Noted(), "told twice")
        answer = await route.fetch()
        await expect(events).to_have_count(4, timeout=20_000)  # the socket, in its own time
        await route.fulfill(response=answer)

    await page.route("**/events?after=*", slow, times=1)
    async with page.expect_response("**/events?after=*") as answered:
        await page.evaluate("htmx.trigger('#timeline', 'catchup')")
    assert "told twice" in await (await answered.value).text()
    await sync_to_async(timeline.record)(incident.pk, Noted(), "and one more")
    await expect(events.first).to_contain_text("and one more")
    numbers = await events.evaluate_all("rows => rows.map(r => Number(r.dataset.seq))")
    assert numbers == [5, 4, 3, 2, 1]


async def test_page_catches_up_while_the_live_link_is_down(page: Page, incident: Incident) -> None:
    await page.route_web_socket("**/ws/live/**", lambda socket: socket.close())
    await page.goto(f"/incidents/{incident.number}/")
    await expect(page.locator(".linkdown")).to_be_visible(timeout=15_000)
    await expect(page.locator("[data-live-state]")).to_have_text(
        re.compile(r"^Reconnecting since \d\d:\d\d:\d\d$")
    )
    await sync_to_async(timeline.record)(incident.pk, Noted(), "written meanwhile")
    await expect(page.locator("#timeline > li").first).to_contain_text("written meanwhile", timeout=15_000)


async def test_approve_in_two_clicks_and_never_lose_what_is_typed(page: Page, incident: Incident) -> None:
    request = await sync_to_async(make_request)(incident.system, incident)
    await page.goto(f"/incidents/{incident.number}/")
    await expect(page.locator("[data-live-state]")).to_have_text("Live")
    await page.locator(f"#no-{request.pk} > summary").click()
    await page.fill(f"#rn-{request.pk}", "half a rea")
    await sync_to_async(timeline.record)(incident.pk, Noted(), "something new")
    await expect(page.locator("#timeline > li").first).to_contain_text("something new")
    await expect(page.locator(f"#rn-{request.pk}")).to_have_value("half a rea")
    await page.locator(f"#yes-{request.pk} > summary").click()
    await page.get_by_role("button", name="Approve: rotate the database credentials on postgres").click()
    await expect(page.get_by_role("status").first).to_contain_text("Approved")
    await sync_to_async(request.refresh_from_db)()
    assert request.status != Status.WAITING
    assert await ActionRequest.objects.filter(pk=request.pk, decision__approved=True).aexists()
    await expect(page.locator(".rail .count")).to_have_count(0)


async def test_queue_fills_live_and_rejects_with_a_reason(page: Page, incident: Incident) -> None:
    await page.goto("/approvals/")
    await expect(page.locator("text=Nothing waits for you")).to_be_visible()
    await expect(page.locator("[data-live-state]")).to_have_text("Live")
    request = await sync_to_async(make_request)(incident.system, incident)
    await sync_to_async(live.publish)("approvals", {"kind": "new"})
    await expect(page.locator(f"#ask-{request.pk}")).to_be_visible()
    await expect(page.locator(".rail .count")).to_contain_text("1")
    await page.keyboard.press("a")
    await expect(page.locator(f"#ry-{request.pk}")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator(f"#ry-{request.pk}")).to_be_hidden()
    await page.keyboard.press("x")
    await expect(page.locator(f"#rn-{request.pk}")).to_be_focused()
    await page.keyboard.type("not at noon")
    await page.keyboard.press("Enter")
    await expect(page.locator("text=Rejected. It will not run.")).to_be_visible()
    await sync_to_async(request.refresh_from_db)()
    assert request.status == Status.REJECTED


async def test_a_person_closes_an_incident_and_opens_it_again(page: Page, incident: Incident) -> None:
    await page.goto(f"/incidents/{incident.number}/")
    await expect(page.locator("[data-live-state]")).to_have_text("Live")
    await page.locator("#do-resolve > summary").click()
    await expect(page.locator("#do-resolve :focus")).to_be_editable()
    await page.keyboard.type("the cable was")
    await sync_to_async(timeline.record)(incident.pk, Noted(), "something new")
    await expect(page.locator("#timeline > li").first).to_contain_text("something new")
    await page.keyboard.type(" loose")  # what is half typed is kept while the page changes
    await page.keyboard.press("Enter")
    await expect(page.locator(".steps")).to_contain_text("Resolved by mira")
    await expect(page.locator("h1")).to_contain_text("as mira says: the cable was loose")
    await page.locator("#do-reopen > summary").click()
    await expect(page.locator("#do-reopen :focus")).to_be_editable()
    await page.keyboard.type("it is back")
    await page.keyboard.press("Enter")
    await expect(page.locator(".steps")).to_contain_text("With mira")


async def test_runbook_editor_names_the_line_and_saves(page: Page) -> None:
    await sync_to_async(service.save)("paper_jam", BOOK, "mira", expected_version=0)
    await page.goto("/runbooks/paper_jam/edit/")
    await expect(page.locator("#preview")).to_contain_text("The front matter is valid")
    await page.fill("#text", BOOK.replace("prior: 0.02", "prior: often"))
    await expect(page.locator("#preview .problem").first).to_contain_text("line 6")
    await page.fill("#text", BOOK.replace("Sheets stick", "Pages stick"))
    await expect(page.locator("#preview")).to_contain_text("Pages stick")
    await page.click("text=Save")
    await expect(page.get_by_role("status").first).to_contain_text("Saved as version 2")


async def test_keys_theme_and_confirm(page: Page, incident: Incident) -> None:
    await page.keyboard.press("?")
    await expect(page.locator("#keys-help")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.click("[data-theme-toggle]")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.keyboard.press("g")
    await page.keyboard.press("i")
    await page.wait_for_url(re.compile("/incidents/$"))  # loaded, the keys too
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(f"/incidents/{incident.number}/"))
    await page.goto("/chaos/")
    await page.click("#press-api_down")
    await expect(page.locator("#arm-api_down")).to_contain_text("Break api-1, api-2 in Kiosk?")
    await page.click("#arm-api_down >> text=Leave it whole")
    await expect(page.locator("#arm-api_down")).to_be_hidden()


async def test_every_page_fits_a_phone_and_its_targets_a_finger(page: Page, incident: Incident) -> None:
    await sync_to_async(make_request)(incident.system, incident)
    await page.set_viewport_size({"width": 360, "height": 740})
    change = await sync_to_async(make_change)(incident.system)
    for path in [*PAGES, f"/incidents/{incident.number}/", f"/changes/{change.pk}/"]:
        answer = await page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        await page.evaluate("document.querySelectorAll('.decide details').forEach(d => { d.open = true; })")
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{path} scrolls sideways by {wide} px"
        small = await page.evaluate(
            """[...document.querySelectorAll("button, .btn, summary, select, input:not([type=hidden])")]
            .filter(n => n.offsetParent && !n.matches("[type=checkbox]")).map(n => [n, n.getBoundingClientRect()])
            .filter(([n, r]) => r.height > 0 && r.height < 23.5).map(([n, r]) => n.outerHTML.slice(0, 80))"""
        )
        assert not small, f"{path}: targets under 24 px: {small}"


async def test_a_change_comes_by_itself_and_the_filter_and_what_is_open_stay(
    page: Page, incident: Incident
) -> None:
    first = await sync_to_async(make_change)(incident.system)
    await sync_to_async(make_change)(incident.system, component="postgres")
    await page.goto("/changes/")
    await page.select_option("#c1", "api-1")
    await expect(page.locator("#rows tbody tr")).to_have_count(1)
    await expect(page).to_have_url(re.compile("component=api-1"))  # a filtered view has an address of its own
    await expect(page.locator("[data-live-state]")).to_have_text("Live")
    await page.locator(f"#di-{first.pk} summary").click()
    second = await sync_to_async(make_change)(incident.system, ago_s=1, words="`pool` of api-1 is new")
    await sync_to_async(make_change)(incident.system, component="postgres", ago_s=1)
    for _ in range(12):  # the watcher tells of a tick each second; the page asks at most every few
        await sync_to_async(live.publish)("dashboard", {"kind": "tick"})
        await page.wait_for_timeout(500)
        if await page.locator("#rows tbody tr").count() == 2:
            break
    await expect(page.locator("#rows tbody tr").first).to_have_id(f"ch-{second.pk}")
    await expect(page.locator(f"#di-{first.pk} .diff")).to_be_visible()
    await page.set_viewport_size({"width": 360, "height": 800})
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
