"""Loud words about nothing, requests of strangers and short loads beside a game day: nothing of it does harm."""

from __future__ import annotations

import logging
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from chaos.site import Site

log = logging.getLogger(__name__)

LINES = (
    "WARNING urllib3.connectionpool Connection pool is full, discarding connection: cdn.example.net",
    "WARNING asyncio Executing <Task pending name='Task-{n}'> took 0.{n} seconds",
    "ERROR http.server code 400, message Bad request version ('\\\\x00\\\\x{n}')",
    "INFO client 10.0.{n}.7 closed the connection before the answer",
    "WARNING py.warnings DeprecationWarning: datetime.utcnow() is deprecated",
    "ERROR sitemap could not parse user agent 'curl/{n}.0': no match",
    "WARNING slow client: 10.0.{n}.9 took {n} ms to read the answer",
    "ERROR TLS handshake error from 10.1.{n}.3: EOF",
    "WARNING retrying statistics upload in {n} s (attempt 1 of 5)",
)
PATHS = ("/wp-login.php", "/.env", "/favicon-{n}.ico", "/api/catalog?page={n}", "/robots.txt")
PAUSE_S = (0.2, 1.5)
BURST_S = 0.8


@contextmanager
def noisy(site: Site, seed: int) -> Iterator[None]:
    """Inside, it is loud; the same for a seed."""
    over = threading.Event()
    thread = threading.Thread(target=_make, args=(site, random.Random(f"noise:{seed}"), over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


def _make(site: Site, draw: random.Random, over: threading.Event) -> None:
    while not over.wait(draw.uniform(*PAUSE_S)):
        make = draw.choice((_lines, _lines, _ask, _load))
        try:
            make(site, draw)
        except Exception as error:  # the system is being broken
            log.debug("no noise: %s", error)


def _lines(site: Site, draw: random.Random) -> None:
    unit = draw.choice(sorted(site.hands.units()))
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    few = [
        f"{stamp} {draw.choice(LINES).format(n=draw.randrange(10, 99))}" for _ in range(draw.randrange(1, 6))
    ]
    site.hands.write_log(unit, few)


def _ask(site: Site, draw: random.Random) -> None:
    url = site.url("gateway", draw.choice(PATHS).format(n=draw.randrange(10, 99)))
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError as error:
        error.close()


def _load(site: Site, draw: random.Random) -> None:
    until = time.monotonic() + draw.uniform(0.1, BURST_S)
    while time.monotonic() < until:
        sum(range(20_000))
