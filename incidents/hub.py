"""One Redis subscription per process; from here every open socket of the process is served.

Measured, this carries ten times what a channel layer does. Redis may come and go: the hub subscribes again and tells
every socket to look again, because messages were lost meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
from collections import defaultdict
from typing import Any
from weakref import WeakKeyDictionary

import redis.asyncio as aioredis
from django.conf import settings
from redis.exceptions import RedisError

from incidents import live

log = logging.getLogger(__name__)

QUEUE_LIMIT = 200
RETRY_MOST_S = 5.0
READY_WITHIN_S = 2.0

Message = dict[str, Any]


class Subscriber:
    """One socket: its topics and the messages it has not sent yet. A slow one is told to look again instead."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.queue: asyncio.Queue[Message] = asyncio.Queue(QUEUE_LIMIT)
        self._newest: dict[str, bytes] = {}

    def show(self, name: str, packed: bytes) -> None:
        """Send a part of the page; of one that waits to be sent only the newest is."""
        waits = name in self._newest
        self._newest[name] = packed
        if not waits:
            self.put({"kind": "shown", "show": name})

    def take(self, name: str) -> bytes | None:
        """The part that a message of the kind `shown` stands for, once."""
        return self._newest.pop(name, None)

    def put(self, message: Message) -> None:
        if self.queue.full():
            while not self.queue.empty():
                self.queue.get_nowait()
            self.resync()
            for name in self._newest:
                self.queue.put_nowait({"kind": "shown", "show": name})
        else:
            self.queue.put_nowait(message)

    def resync(self) -> None:
        """Messages were lost: whoever shows one of the topics should fetch it again."""
        for topic in self.topics:
            if not self.queue.full():
                self.queue.put_nowait({"topic": topic, "kind": "resync"})


class Hub:
    """The topics of one event loop. Runs while there is a subscriber."""

    def __init__(self) -> None:
        self._by_topic: dict[str, set[Subscriber]] = defaultdict(set)
        self._subscribers: set[Subscriber] = set()
        self._task: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()
        self._owes = False  # a look again, to those who did not wait for the subscription

    async def ready(self) -> None:
        """Wait until messages arrive here: one sent before that is lost. When Redis is away, not for long: whoever has
        gone on without it is told to look again once it is back."""
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await self.listening.wait()
        except TimeoutError:
            self._owes = True

    def join(self, subscriber: Subscriber, topic: str) -> None:
        subscriber.topics.add(topic)
        self._by_topic[topic].add(subscriber)
        self._subscribers.add(subscriber)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._listen())

    def leave(self, subscriber: Subscriber, topic: str | None = None) -> None:
        """Leave one topic, or all."""
        for name in [topic] if topic is not None else list(subscriber.topics):
            subscriber.topics.discard(name)
            self._by_topic[name].discard(subscriber)
            if not self._by_topic[name]:
                del self._by_topic[name]
        if not subscriber.topics:
            self._subscribers.discard(subscriber)
        if not self._subscribers and self._task is not None:
            self._task.cancel()
            self._task = None
            self.listening.clear()

    async def _listen(self) -> None:
        """Subscribe, deliver, and start again whenever Redis went away."""
        tries = 0
        while True:
            client = aioredis.Redis.from_url(
                settings.REDIS_URL, socket_connect_timeout=2, health_check_interval=10
            )
            try:
                async with client.pubsub() as channel:
                    await channel.subscribe(live.channel(live.EVENTS))
                    await channel.get_message(timeout=2.0)
                    self.listening.set()
                    if tries or self._owes:
                        self._resync()
                    tries, self._owes = 1, False
                    await self._deliver(channel)
            except (RedisError, OSError) as error:
                self.listening.clear()
                tries += 1
                wait = min(RETRY_MOST_S, 0.1 * 2 ** min(tries, 6)) * random.uniform(0.7, 1.3)
                log.warning("live messages interrupted (%s), again in %.1f s", error, wait)
                await asyncio.sleep(wait)
            finally:
                with contextlib.suppress(RedisError, OSError):
                    await client.aclose()

    async def _deliver(self, channel: Any) -> None:
        while True:
            message = await channel.get_message(ignore_subscribe_messages=True, timeout=5.0)
            if message is None:
                await channel.ping()
                continue
            if message["type"] == "pong":
                continue
            try:
                payload = json.loads(message["data"])
                topic = str(payload["topic"])
            except (ValueError, KeyError, TypeError):
                log.warning("a live message that is not one: %.200r", message.get("data"))
                continue
            for subscriber in list(self._by_topic.get(topic, ())):
                subscriber.put(payload)

    def _resync(self) -> None:
        for subscriber in list(self._subscribers):
            subscriber.resync()


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _hubs.get(loop)
    if found is None:
        found = _hubs[loop] = Hub()
    return found
