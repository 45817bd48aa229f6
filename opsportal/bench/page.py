"""From a committed timeline event to the page of the incident: in a real browser, else over the socket and a fetch."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import httpx
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.db import close_old_connections, connections
from django.utils import timezone

from incidents import timeline
from incidents.facts import Noted
from incidents.models import Incident, State
from opsportal.bench.figures import Row, Series
from systems.models import System

PAGE_WITHIN_S = 15.0
NAME = "bench"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
# Notes the clock when a list item with a marked title is first in the page.
OBSERVE = """() => {
  window.benchSeen = {};
  const look = () => { for (const node of document.querySelectorAll('#timeline [data-seq]')) {
    const found = node.textContent.match(/bench-mark-(\\d+)/);
    if (found) window.benchSeen[found[1]] ||= performance.timeOrigin + performance.now();
  } };
  new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
}"""


@dataclass
class Visit:
    """An incident of the bench's own, and a session that may look at it."""

    url: str
    number: int
    cookie: dict[str, str]


def measure(row: System, url: str, repeats: int) -> Row:
    """Milliseconds from the commit of an event until it is in the DOM."""
    with _visit(row, url) as visit:
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
        driver = find_spec("playwright") is not None  # of the development lock: `./ops test` installs it
        if chromium and driver:
            series, how = _in_browser(visit, chromium, repeats), "in Chromium's DOM, by a MutationObserver"
        else:
            series, how = (
                _by_socket(visit, repeats),
                f"no {'Chromium' if driver else 'playwright (./ops test installs it)'} here: "
                "message on the socket and fragment fetched",
            )
    return Row(
        "committed timeline event to the page",
        series.words(0.5, 0.99),
        "-",
        f"{how}; pages fetch at most every 150 ms per topic",
        {"latency": series.as_json(), "how": how},
    )


@contextmanager
def _visit(row: System, url: str) -> Iterator[Visit]:
    """A closed incident and a user for the length of the measurement; both are gone afterwards."""
    now = timezone.now()
    user = get_user_model().objects.create_user(
        username=f"{NAME}-{os.getpid()}-{int(now.timestamp())}", password=None
    )
    incident = Incident.objects.create(
        system=row, fingerprint=f"{NAME}-{now.timestamp()}", title="Bench: events on their way to the page",
        state=State.RESOLVED, severity="low", started_at=now, resolved_at=now,
    )  # fmt: skip
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    name = f"opsportal_{httpx.URL(url).port}"
    try:
        yield Visit(url, incident.number, {name: str(session.session_key)})
    finally:
        session.delete()
        incident.delete()
        user.delete()


def _record(number: int, mark: int) -> float:
    """Commit one event; the epoch milliseconds right after the commit."""
    close_old_connections()
    try:
        timeline.record(number, Noted(), f"bench-mark-{mark}", actor=NAME)
        return time.time() * 1000
    finally:
        connections.close_all()


def _in_browser(visit: Visit, chromium: str, repeats: int) -> Series:
    from playwright.sync_api import sync_playwright

    series = Series("ms")
    with ThreadPoolExecutor(1) as database, sync_playwright() as driver:  # Playwright's loop owns this thread
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            context = browser.new_context()
            context.add_cookies([{"name": k, "value": v, "url": visit.url} for k, v in visit.cookie.items()])
            page = context.new_page()
            page.goto(f"{visit.url}incidents/{visit.number}/", wait_until="load")
            page.wait_for_selector("[data-live-state][data-state=live]", state="attached")
            page.evaluate(OBSERVE)

            def seen(mark: int) -> float | None:
                page.wait_for_function(
                    "mark => mark in window.benchSeen", arg=str(mark), timeout=PAGE_WITHIN_S * 1000
                )
                return float(page.evaluate("mark => window.benchSeen[mark]", str(mark)))

            _repeat(series, repeats, lambda mark: database.submit(_record, visit.number, mark).result(), seen)
        finally:
            browser.close()
    return series


def _repeat(
    series: Series, repeats: int, commit: Callable[[int], float], seen: Callable[[int], float | None]
) -> None:
    """The first one warms up and does not count; a pause keeps each apart from the page's own fetch interval."""
    for mark in range(repeats + 1):
        committed = commit(mark)
        arrived = seen(mark)
        if mark and arrived is not None:
            series.samples.append(arrived - committed)
        time.sleep(0.2 + 0.013 * (mark % 7))


def _by_socket(visit: Visit, repeats: int) -> Series:
    from websockets.sync.client import connect
    from websockets.typing import Origin

    series = Series("ms")
    cookie = "; ".join(f"{k}={v}" for k, v in visit.cookie.items())
    address = f"{visit.url.replace('http', 'ws', 1)}ws/live/?topics=incident:{visit.number}"
    origin = Origin(visit.url.rstrip("/"))
    headers = {"Cookie": cookie}
    with (
        httpx.Client(base_url=visit.url, cookies=visit.cookie, trust_env=False) as http,
        connect(address, additional_headers=headers, origin=origin) as socket,
    ):

        def seen(mark: int) -> float | None:
            while True:
                message: dict[str, Any] = json.loads(socket.recv(timeout=PAGE_WITHIN_S))
                if message.get("kind") != "note":
                    continue
                after = max(0, int(message["seq"]) - 1)
                answer = http.get(f"incidents/{visit.number}/events", params={"after": after})
                if f"bench-mark-{mark}" in answer.text:
                    return time.time() * 1000

        _repeat(series, repeats, lambda mark: _record(visit.number, mark), seen)
    return series
