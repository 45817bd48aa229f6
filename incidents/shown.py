"""Parts of pages that all who hold the same rights see alike: made once per change, packed once, sent to everybody.

A page says on its socket which parts it shows (`board:demo`, `incident:12`). The process then makes each part anew when
one of its topics tells of a change, whatever the number of pages, and sends the same bytes to all of them. Forms carry
STAND_IN where a page's own token belongs: no token of anybody is in what is shared.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.db import close_old_connections
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string

from incidents.hub import Hub, Message, Subscriber, hub

log = logging.getLogger(__name__)

LEVEL = 5  # a board of 60 kB packs to 8 kB in 1 ms
STAND_IN = secrets.token_hex(16)  # of this process; nobody who writes a text can know it


@dataclass(frozen=True, slots=True)
class Rights:
    """Which of a part's rights somebody holds: all that a shared part may depend on of who looks at it."""

    held: frozenset[str]

    @classmethod
    def of(cls, user: Any, names: Sequence[str]) -> Rights:
        return cls(frozenset(name for name in names if user.has_perm(name)))

    def __contains__(self, name: str) -> bool:
        return name in self.held

    def as_perms(self) -> dict[str, dict[str, bool]]:
        """As templates ask for them: `perms.app.codename`."""
        found: dict[str, dict[str, bool]] = {}
        for name in self.held:
            app, _, code = name.partition(".")
            found.setdefault(app, {})[code] = True
        return found


def rendered(template: str, context: dict[str, Any], rights: Rights) -> str:
    """A part without anything of who asked for it."""
    return render_to_string(template, {**context, "perms": rights.as_perms(), "csrf_token": STAND_IN})


def for_page(html: str, request: HttpRequest) -> str:
    """The same with the token of the page that asked."""
    return html.replace(STAND_IN, get_token(request)) if STAND_IN in html else html


class NothingThere(Exception):
    """No part has that name, or what it is about is gone."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of part. `topics`: of the hub, from the key after the colon. `make`: in a thread; what a page is to put
    where, as JSON, from the key, the rights and what was made last (None: nothing); or NothingThere. At most once
    in `every_s`, and once in `at_least_s` even when nothing is heard: what is shown may be a matter of time.
    `concerns`: whether a message of its topics is about this key."""

    name: str
    rights: tuple[str, ...]
    topics: Callable[[str], Sequence[str]]
    make: Callable[[str, Rights, dict[str, Any] | None], dict[str, Any]]
    every_s: float
    at_least_s: float
    concerns: Callable[[str, Message], bool] = lambda key, message: True


_kinds: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Called once per process, by whoever puts the apps together."""
    _kinds.update({kind.name: kind for kind in kinds})


def kind_of(name: str) -> Kind | None:
    """Of `board:demo` the kind `board`."""
    return _kinds.get(name.partition(":")[0])


@dataclass(eq=False)
class Show(Subscriber):
    """One part with one set of rights, while a page of this process shows it. The hub takes it for a subscriber."""

    name: str
    kind: Kind
    rights: Rights
    watchers: set[Subscriber] = field(default_factory=set)
    packed: bytes | None = None  # None: not made yet, or it cannot be
    made: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()
        self._changed.set()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def put(self, message: Message) -> None:
        if self.kind.concerns(self.name.partition(":")[2], message):
            self._changed.set()

    def resync(self) -> None:
        self._changed.set()

    def end(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(self.kind.at_least_s):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
            begun = loop.time()
            await self._make_anew()
            took = loop.time() - begun
            await asyncio.sleep(
                max(self.kind.every_s - took, took)
            )  # at most half of one core, however busy it is

    async def _make_anew(self) -> None:
        try:
            packed = await sync_to_async(self._make, thread_sensitive=False)()
        except Exception as error:
            if not isinstance(error, NothingThere):
                log.exception("%s cannot be made; its pages fetch it themselves", self.name)
            self.packed = self.made = None
            for watcher in list(self.watchers):
                watcher.put({"kind": "unshown", "show": self.name})
            return
        if packed != self.packed:
            self.packed = packed
            for watcher in list(self.watchers):
                watcher.show(self.name, packed)

    def _make(self) -> bytes:
        close_old_connections()
        try:
            self.made = self.kind.make(self.name.partition(":")[2], self.rights, self.made)
        finally:
            close_old_connections()
        return gzip.compress(json.dumps({"show": self.name, **self.made}).encode(), LEVEL, mtime=0)


class Studio:
    """The parts that are shown by the sockets of one event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._shows: dict[tuple[str, Rights], Show] = {}

    def join(self, subscriber: Subscriber, name: str, rights: Rights) -> None:
        """Send it from now on, and at once what is there already. NothingThere when no kind has that name."""
        kind = kind_of(name)
        if kind is None:
            raise NothingThere(name)
        show = self._shows.get((name, rights))
        if show is None:
            show = self._shows[name, rights] = Show(name, kind, rights)
            for topic in kind.topics(name.partition(":")[2]):
                self._hub.join(show, topic)
        show.watchers.add(subscriber)
        if show.packed is not None:
            subscriber.show(name, show.packed)

    def leave(self, subscriber: Subscriber) -> None:
        """Nothing more is sent; a part that nobody shows any more is not made any more."""
        for key, show in list(self._shows.items()):
            show.watchers.discard(subscriber)
            if not show.watchers:
                del self._shows[key]
                show.end()
                self._hub.leave(show)


_studios: WeakKeyDictionary[asyncio.AbstractEventLoop, Studio] = WeakKeyDictionary()


def studio() -> Studio:
    """The studio of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _studios.get(loop)
    if found is None:
        found = _studios[loop] = Studio(hub())
    return found
