"""Chromium on a real server: uvicorn in a thread of this process, on the test database and a free port."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from django.contrib.auth.models import User

from tests.pages import make_incident, make_system

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

    from incidents.models import Incident

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
PASSWORD = "correct horse"


def _chromium() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    from playwright.async_api import async_playwright

    path = _chromium()
    if path is None:
        pytest.fail("the browser tests need chromium: apt-get install chromium, or set CHROMIUM to its path")
    async with async_playwright() as driver:
        started = await driver.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        await started.close()


@pytest.fixture
def server(transactional_db: None, settings: Any) -> Iterator[str]:
    """The address of the portal."""
    import uvicorn

    from opsportal.asgi import application

    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=0,
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    running = uvicorn.Server(config)
    up = threading.Event()
    started = running.startup

    async def startup(*args: Any, **kwargs: Any) -> None:
        await started(*args, **kwargs)
        up.set()

    running.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    assert up.wait(30)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    running.should_exit = True
    thread.join(15)


@pytest.fixture
def boss(transactional_db: None) -> User:
    return User.objects.create_superuser("mira", password=PASSWORD)


@pytest.fixture
def incident(transactional_db: None, tmp_path: Path) -> Incident:
    return make_incident(make_system(tmp_path))


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, server: str, boss: User) -> AsyncIterator[Page]:
    """A page somebody is logged in on. Fails the test on script errors and on anything asked of another host."""
    context = await browser.new_context(base_url=server, viewport={"width": 1280, "height": 800})
    opened = await context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on(
        "request", lambda r: None if r.url.startswith((server, "data:")) else errors.append(f"asked {r.url}")
    )
    await opened.goto("/login/")
    await opened.fill("#id_username", "mira")
    await opened.fill("#id_password", PASSWORD)
    await opened.click("text=Log in")
    await opened.wait_for_url(server + "/")
    yield opened
    await context.close()
    assert not errors
