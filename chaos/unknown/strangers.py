"""People and programs that are none of ours: who comes in numbers, who never hangs up, who works at his hour. Each is
a process of its own on this machine, which ends by itself should nobody end it."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from typing import ClassVar

import psutil

from chaos.faults.base import Undo
from chaos.site import Site
from chaos.unknown.base import run
from chaos.unknown.outside import Untraceable

ENDS_AFTER_S = 700
VISITORS = """
import itertools, random, sys, threading, time, urllib.request
where, each, name, ends = sys.argv[1], float(sys.argv[2]), sys.argv[3], time.monotonic() + float(sys.argv[4])
paths = ["/api/catalog?limit=24", "/api/catalog?limit=12&category=books", "/api/product/KIT-102", "/"]
def visit(number):
    for turn in itertools.count():
        if time.monotonic() > ends:
            return
        agent = {"User-Agent": name, "X-Api-Key": "ip-%d-%d" % (number, turn % 50)}
        request = urllib.request.Request(where + random.choice(paths), headers=agent)
        try:
            urllib.request.urlopen(request, timeout=5).read()
        except OSError:
            pass
        time.sleep(each)
for number in range(24):
    threading.Thread(target=visit, args=(number,)).start()
"""
LEAK = """
import sys, time, psycopg
where, each, name, ends = sys.argv[1], float(sys.argv[2]), sys.argv[3], time.monotonic() + float(sys.argv[4])
held = []
while time.monotonic() < ends:
    held = [one for one in held if not one.closed]
    try:
        one = psycopg.connect(where, application_name=name, connect_timeout=2, autocommit=True)
        spare = one.execute(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
            " - count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        ).fetchone()[0]
        held.append(one) if spare > -2 else one.close()
    except psycopg.Error:
        pass
    time.sleep(each)
"""
HOURLY = """
import sys, time, psycopg
where, hold, name, ends = sys.argv[1], float(sys.argv[2]), sys.argv[3], time.monotonic() + float(sys.argv[4])
while time.monotonic() < ends:
    try:
        with psycopg.connect(where, application_name=name, connect_timeout=2) as db:
            db.execute("LOCK TABLE shop.stock IN SHARE MODE")
            db.execute("SELECT count(*), sum(on_hand) FROM shop.stock")
            time.sleep(hold)
    except psycopg.Error:
        pass
    time.sleep(1.0)
"""
HOT = """
import sys, time, redis
where, each, name, ends = sys.argv[1], float(sys.argv[2]), sys.argv[3], time.monotonic() + float(sys.argv[4])
while time.monotonic() < ends:
    try:
        with redis.Redis.from_url(where, client_name="feed") as one, one.pipeline(transaction=False) as pipe:
            for number in range(160):
                pipe.lpos(name, "GAR-%d" % (900 + number))
            pipe.execute()
    except redis.RedisError:
        pass
    time.sleep(each)
"""


class Stranger(Untraceable):
    """A choice is (part, what it says of itself, how often in seconds)."""

    drivers = ("process",)
    PROGRAM: ClassVar[str]

    def where(self, site: Site) -> str:
        """What it is pointed at."""
        raise NotImplementedError

    def apply(self, site: Site, undo: Undo) -> None:
        subprocess.Popen(
            [sys.executable, *self._argv(site, undo)], cwd="/", start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def undo(self, site: Site, undo: Undo) -> None:
        for process in self._running(site, undo):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        until = time.monotonic() + 3.0
        while self._running(site, undo) and time.monotonic() < until:
            time.sleep(0.1)

    def still_broken(self, site: Site, undo: Undo) -> str:
        return f"{undo['chosen'][1]} is at it" if self._running(site, undo) else ""

    def _argv(self, site: Site, undo: Undo) -> list[str]:
        _, name, each, *_ = undo["chosen"]
        return ["-c", site.names.sql(self.PROGRAM), self.where(site), str(each), name, str(ENDS_AFTER_S)]

    def _running(self, site: Site, undo: Undo) -> list[psutil.Process]:
        argv, found = self._argv(site, undo), []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and process.cmdline()[1:] == argv:
                    found.append(process)
        return found


class Visitors(Stranger):
    """Each asks for little. Together they use up what the front door lets in, and customers are turned away."""

    id = "visitors"
    title = "A crawler asks for more than the front door lets in"
    components = ("gateway",)
    causes = ("", "surge")  # it is one, of many keys
    PROGRAM = VISITORS
    choices = (
        ("gateway", "Mozilla/5.0 (compatible; pricebot/2.1)", 0.15),
        ("gateway", "Mozilla/5.0 (compatible; shopindex/0.9)", 0.2),
    )

    def where(self, site: Site) -> str:
        return site.url("gateway", "")

    def still_broken(self, site: Site, undo: Undo) -> str:
        """They keep coming, and are nobody's to end; whether customers are let in meanwhile is what counts."""
        return ""

    def shows(self, site: Site, undo: Undo) -> str:
        """Asking for more would itself use up what the front door lets in."""
        refused = sum(_status(site.url("gateway", "/api/catalog?limit=1")) == 429 for _ in range(2))
        return f"{refused} of 2 customers are turned away" if refused else ""


class NeverHangsUp(Stranger):
    """One session more every second, idle, of a role of its own; some day there is none left for the shop."""

    id = "never_hangs_up"
    title = "A tool of the controllers never gives a session back"
    components = ("postgres",)
    causes = ("", "connection_leak")  # that runbook names the program, rightly
    PROGRAM = LEAK
    choices = tuple(
        ("postgres", name, each) for name in ("Tableau 2024.3", "Metabase") for each in (0.3, 0.6)
    )

    def where(self, site: Site) -> str:
        return str(site.facts["super_dsn"])


class AtItsHour(Stranger):
    """Once a year, and nobody remembers from which machine."""

    id = "at_its_hour"
    title = "The stocktaking reads the stock, and lets nobody change it"
    components = ("postgres",)
    causes = ("", "lock_contention")  # that runbook names the program, rightly
    PROGRAM = HOURLY
    choices = tuple(("postgres", name, hold) for name in ("stocktaking", "inventur") for hold in (9, 14))

    def where(self, site: Site) -> str:
        return str(site.facts["super_dsn"])

    def undo(self, site: Site, undo: Undo) -> None:
        super().undo(site, undo)
        name = undo["chosen"][1]
        run(site, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}'")


class HotKey(Stranger):
    """One list that all look things up in grows longer with every visit; the cache does one thing at a time."""

    id = "hot_key"
    title = "One key of the cache keeps it busy"
    components = ("redis",)
    PROGRAM = HOT
    choices = tuple(
        ("redis", name, each, count)
        for name in ("feed:views", "recent:products") for each in (0.02, 0.05) for count in (250_000, 350_000)
    )  # fmt: skip
    CHUNK: ClassVar[int] = 20_000

    def where(self, site: Site) -> str:
        return str(site.facts["redis_url"])

    def apply(self, site: Site, undo: Undo) -> None:
        _, name, _, count = undo["chosen"]
        with site.redis() as redis:
            for first in range(0, count, self.CHUNK):
                redis.rpush(name, *range(first, first + self.CHUNK))
        super().apply(site, undo)

    def undo(self, site: Site, undo: Undo) -> None:
        super().undo(site, undo)
        with site.redis() as redis:
            redis.unlink(undo["chosen"][1])

    def shows(self, site: Site, undo: Undo) -> str:
        with site.redis() as redis:
            began = time.monotonic()
            redis.get("product:GAR-122")
            took = time.monotonic() - began
        return f"the cache takes {took:.2f} s to answer" if took > 0.25 else ""


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
