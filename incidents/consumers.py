"""/ws/live/?topics=dashboard,incident:12 : authenticates, joins topics, forwards. Content is fetched by the pages.

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
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from incidents.hub import Message, Subscriber, hub
from incidents.models import Incident, TimelineEvent

TOPIC = re.compile(r"dashboard|approvals|chaos|incident:[1-9][0-9]{0,8}")
MAX_TOPICS = 20
MAX_REPLAY = 200
MAX_SAID = 2_000  # characters of one message from a page
LOGGED_OUT = 4401


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One open page. The user is looked up again every `recheck_s`: logging out ends the socket."""

    recheck_s = 30.0

    async def connect(self) -> None:
        self.subscriber = Subscriber()
        self.tasks: list[asyncio.Task[None]] = []
        if not await self._may_look():
            await self.close(code=LOGGED_OUT)
            return
        query = parse_qs(self.scope.get("query_string", b"")[:MAX_SAID].decode(errors="replace"))
        after = _seq(query.get("after", [""])[0])
        joined = [t for t in ",".join(query.get("topics", [])).split(",") if self._join(t)]
        await hub().ready()  # an open socket promises that nothing is missed from now on
        await self.accept()
        for topic in joined:
            await self._catch_up(topic, after)
        self.tasks = [self._start(self._forward()), self._start(self._watch_user())]

    async def disconnect(self, code: int) -> None:
        hub().leave(self.subscriber)
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

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    async def _forward(self) -> None:
        with contextlib.suppress(RuntimeError):  # the socket closed between two messages
            while True:
                await self.send(text_data=json.dumps(await self.subscriber.queue.get()))

    async def _watch_user(self) -> None:
        while True:
            await asyncio.sleep(self.recheck_s)
            if not await self._may_look():
                hub().leave(self.subscriber)
                self.tasks[0].cancel()
                await self.close(code=LOGGED_OUT)
                return

    async def _may_look(self) -> bool:
        """As for the pages: an active person with a session that is still good, by what the database says now."""
        session = self.scope.get("session")
        if session is None or not session.session_key:
            return False
        store = import_module(settings.SESSION_ENGINE).SessionStore(session.session_key)
        user = await get_user({"session": store})
        return bool(user.is_authenticated and user.is_active)


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
