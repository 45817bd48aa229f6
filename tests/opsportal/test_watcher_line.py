"""What every page says of the watcher itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from opsportal import heartbeat
from opsportal.templatetags import watching
from systems.models import System


@pytest.fixture
def sign() -> Iterator[Any]:
    watching._silent_until = 0.0
    heartbeat.client().delete("opsportal:alive:by:watcher")
    yield lambda **facts: heartbeat.beat("watcher", systems={}, **facts)
    heartbeat.client().delete("opsportal:alive:by:watcher")


def page(client: Client, path: str = "/audit/") -> str:
    client.force_login(User.objects.get_or_create(username="vera", is_superuser=True)[0])
    return client.get(path).content.decode()


@pytest.mark.parametrize("systems", [0, 1])
@pytest.mark.parametrize("path", ["/audit/", "/"])
def test_a_starved_watcher_says_so_with_the_time(
    client: Client, db: None, sign: Any, path: str, systems: int
) -> None:
    if systems:
        System.objects.create(slug="shop", title="Shop", manifest_path="/nowhere/manifest.yaml")
    sign(starved=None, looked_at={"shop": time.time()})
    assert "data-watcher" not in page(client, path)
    since = time.time() - 90
    sign(starved={"since": since, "why": "it waits for a processor 80% of the time"}, looked_at={})
    text = page(client, path)
    assert text.count("data-watcher") == 1
    assert f"The watcher itself is starved since {watching._clock(since)}" in text
    assert "it waits for a processor 80% of the time" in text


def test_a_system_that_is_not_looked_at_is_named(client: Client, db: None, sign: Any) -> None:
    sign(starved=None, looked_at={"shop": time.time() - 60, "bakery": time.time()})
    text = page(client)
    assert "shop is not looked at since" in text and "bakery is not" not in text


def test_connections_of_its_own_that_hung_are_told_for_a_while(client: Client, db: None, sign: Any) -> None:
    sign(starved=None, looked_at={}, pools={"rebuilt": 2, "last": time.time() - 400})
    assert "data-watcher" not in page(client)
    sign(starved=None, looked_at={}, pools={"rebuilt": 3, "last": time.time() - 4})
    assert "own connections hung at" in page(client)


def test_what_is_read_and_not_stored_is_told(client: Client, db: None, sign: Any) -> None:
    """Ten minutes of readings were missing from plots and postmortems, and only the log said so."""
    sign(starved=None, looked_at={}, unstored={"waiting": 3, "left_out": 0})
    assert "data-watcher" not in page(client)
    sign(starved=None, looked_at={}, unstored={"waiting": 120, "left_out": 0})
    assert "120 looks wait for the database" in page(client)
    sign(starved=None, looked_at={}, unstored={"waiting": 0, "left_out": 2})
    assert "2 were left out" in page(client)
