"""/ws/live/?topics=dashboard,incident:12&shows=board:demo : authenticates, joins topics, forwards.

A topic tells that something changed, and the page fetches it. What it `shows` is sent itself, as gzipped JSON in a
binary frame, in the form for what its user may see: see incidents/shown.py. {"kind": "unshown"} says that it cannot be.

The page may also send {"join": topic, "after": seq} and {"leave": topic}; joining an incident replays what it missed.
{"ping": 1} is answered with {"kind": "pong"}: a page tells by it that the link is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Coroutine
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from incidents import shown
from incidents.hub import Message, Subscriber, hub
from incidents.models import Incident, TimelineEvent
from systems.doors import VIEW

TOPIC = re.compile(r"dashboard|approvals|chaos|incident:[1-9][0-9]{0,8}")
SHOWN = re.compile(r"[a-z]{1,20}(:[a-zA-Z0-9_-]{1,60})?")
MAX_TOPICS = 20
MAX_SHOWN = 6
MAX_REPLAY = 200
MAX_SAID = 2_000  # characters of one message from a page
LOGGED_OUT = 4401


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One open page. The user is looked up again every `recheck_s`: logging out ends the socket."""

    recheck_s = 30.0

    async def connect(self) -> None:
        self.subscriber = Subscriber()
        self.tasks: list[asyncio.Task[None]] = []
        self.shows: dict[str, shown.Rights | None] = {}  # None: nothing of that name
        if not (user := await self._who()):
            await self.close(code=LOGGED_OUT)
            return
        query = parse_qs(self.scope.get("query_string", b"")[:MAX_SAID].decode(errors="replace"))
        after = _seq(query.get("after", [""])[0])
        joined = [t for t in ",".join(query.get("topics", [])).split(",") if self._join(t)]
        await hub().ready()  # an open socket promises that nothing is missed from now on
        await self.accept()
        for topic in joined:
            await self._catch_up(topic, after)
        await self._show([n for n in ",".join(query.get("shows", [])).split(",") if SHOWN.fullmatch(n)], user)
        self.tasks = [self._start(self._forward()), self._start(self._watch_user())]

    async def disconnect(self, code: int) -> None:
        hub().leave(self.subscriber)
        shown.studio().leave(self.subscriber)
        for task in self.tasks:
            task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """What is no message of ours is ignored: the page goes on."""
        if not text_data or len(text_data) > MAX_SAID:
            return
        try:
            asked = json.loads(text_data)
            topic, leave, after = asked.get("join"), asked.get("leave"), asked.get("after")
            ping = "ping" in asked
        except (ValueError, AttributeError, TypeError, RecursionError):
            return
        if ping:
            self.subscriber.put({"kind": "pong"})
        if isinstance(leave, str):
            hub().leave(self.subscriber, leave)
        if isinstance(topic, str) and self._join(topic):
            await self._catch_up(topic, _seq(after))

    def _join(self, topic: str) -> bool:
        if not TOPIC.fullmatch(topic) or len(self.subscriber.topics) >= MAX_TOPICS:
            return False
        hub().join(self.subscriber, topic)
        return True

    async def _catch_up(self, topic: str, after: int | None) -> None:
        """After joining: nothing can fall between."""
        if topic.startswith("incident:"):
            for message in await _missed(int(topic.removeprefix("incident:")), after):
                self.subscriber.put(message)

    async def _show(self, names: list[str], user: Any) -> None:
        """Send these parts from now on, each as this user may see it now."""
        wanted = {name: await _rights(name, user) for name in names[:MAX_SHOWN]}
        if wanted == self.shows:
            return
        self.shows = wanted
        shown.studio().leave(self.subscriber)
        for name, rights in wanted.items():
            if rights is None:
                self.subscriber.put({"kind": "unshown", "show": name})
            else:
                shown.studio().join(self.subscriber, name, rights)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    async def _forward(self) -> None:
        with contextlib.suppress(RuntimeError):  # the socket closed between two messages
            while True:
                message = await self.subscriber.queue.get()
                if message.get("kind") != "shown":
                    await self.send(text_data=json.dumps(message))
                elif (packed := self.subscriber.take(message["show"])) is not None:
                    await self.send(bytes_data=packed)

    async def _watch_user(self) -> None:
        while True:
            await asyncio.sleep(self.recheck_s)
            if not (user := await self._who()):
                hub().leave(self.subscriber)
                shown.studio().leave(self.subscriber)
                self.tasks[0].cancel()
                await self.close(code=LOGGED_OUT)
                return
            await self._show(list(self.shows), user)

    async def _who(self) -> Any | None:
        """As for the pages: an active person who may look, with a session that is still good, by what the database says
        now."""
        session = self.scope.get("session")
        if session is None or not session.session_key:
            return None
        store = import_module(settings.SESSION_ENGINE).SessionStore(session.session_key)
        user = await get_user({"session": store})
        return user if user.is_authenticated and await _may_look(user) else None


@database_sync_to_async  # type: ignore[untyped-decorator]
def _may_look(user: Any) -> bool:
    return bool(user.has_perm(VIEW))


@database_sync_to_async  # type: ignore[untyped-decorator]
def _rights(name: str, user: Any) -> shown.Rights | None:
    """What counts of the user for that part; None when there is no such part."""
    kind = shown.kind_of(name)
    return shown.Rights.of(user, kind.rights) if kind else None


def _seq(given: Any) -> int | None:
    """A place in an incident's timeline as a page sends it; None for what is none."""
    text = str(given)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


async def _missed(number: int, after: int | None) -> list[Message]:
    """What an incident's page has not heard of; where the number is not known, only how far the incident is."""
    topic = f"incident:{number}"
    last = await Incident.objects.filter(pk=number).values_list("last_seq", flat=True).afirst()
    if last is None:
        return []
    if after is None or last - after > MAX_REPLAY:
        return [{"topic": topic, "seq": last, "kind": "joined"}]
    events = TimelineEvent.objects.filter(incident_id=number, seq__gt=after).order_by("seq")
    return [
        {"topic": topic, "seq": seq, "kind": kind} async for seq, kind in events.values_list("seq", "kind")
    ]
