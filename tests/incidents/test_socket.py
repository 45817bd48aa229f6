"""The socket: who may listen, what they miss, and that nothing is lost for good."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client
from redis.asyncio.client import PubSub

from incidents import live, timeline
from incidents.consumers import LOGGED_OUT, LiveConsumer
from incidents.facts import Noted
from incidents.hub import QUEUE_LIMIT, Subscriber
from incidents.models import Incident
from opsportal.asgi import application
from tests.incidents.conftest import commits
from tests.incidents.socket_client import Socket
from tests.pages import may_look

GOOD_ORIGIN = b"http://127.0.0.1"


@pytest.fixture
def cookie(transactional_db: None) -> tuple[bytes, User]:
    user = may_look(User.objects.create_user("vera", password="x"))
    client = Client()
    client.force_login(user)
    return client.cookies.output(header="", sep=";").strip().split(";")[0].encode(), user


def dial(cookie: bytes | None, query: str = "", origin: bytes = GOOD_ORIGIN) -> Socket:
    headers = [(b"origin", origin), (b"host", b"127.0.0.1")]
    headers += [(b"cookie", cookie)] if cookie else []
    return Socket(application, f"/ws/live/?{query}", headers)


@pytest.fixture
async def closing() -> AsyncIterator[list[Socket]]:
    opened: list[Socket] = []
    yield opened
    for communicator in opened:
        await communicator.hang_up()


def cut_subscriptions() -> None:
    """Those of this database: other tests use the same server."""
    client = live.client()
    ours = [
        c["id"]
        for c in client.client_list(_type="pubsub")
        if c["db"] == str(client.get_connection_kwargs()["db"])
    ]
    assert ours
    for one in ours:
        client.client_kill_filter(_id=one)


@commits
async def test_anonymous_and_foreign_origins_are_refused(cookie: tuple[bytes, User]) -> None:
    leaks = 0
    for attempt in (
        dial(None, "topics=dashboard"),
        dial(b"opsportal_session=forged", "topics=dashboard"),
        dial(cookie[0], "topics=dashboard", origin=b"https://evil.example"),
        dial(cookie[0], "topics=dashboard", origin=b"null"),
    ):
        leaks += await attempt.connect()
    assert leaks == 0


@commits
async def test_messages_reach_those_who_joined_and_nobody_else(
    cookie: tuple[bytes, User], incident: Incident, closing: list[Socket]
) -> None:
    here, elsewhere = (
        dial(cookie[0], f"topics=incident:{incident.pk}"),
        dial(cookie[0], "topics=approvals,bogus"),
    )
    for communicator in (here, elsewhere):
        closing.append(communicator)
        assert await communicator.connect()
    assert (await here.hear_kind("joined"))["seq"] == 0
    await sync_to_async(timeline.record)(incident.pk, Noted(), "secret words")
    message = await here.hear_kind("note")
    assert message == {"topic": f"incident:{incident.pk}", "seq": 1, "kind": "note"}
    assert await elsewhere.receive_nothing(timeout=0.2)


@commits
async def test_a_ping_is_answered_and_nonsense_is_not(
    cookie: tuple[bytes, User], closing: list[Socket]
) -> None:
    here = dial(cookie[0], "topics=approvals")
    closing.append(here)
    assert await here.connect()
    for nonsense in ("7", "null", '"ping"', "{", '{"topic": "ping"}'):
        await here.say(nonsense)
    await here.say('{"ping": 1}')
    assert await here.hear() == {"kind": "pong"}


NONSENSE = [
    "[" * 1500,
    "[" * 100_000,
    '{"join": "incident:1", "after": ' + "9" * 400 + "}",
    '{"join": "incident:1", "after": ' + "9" * 5000 + "}",
    '{"join": "incident:1", "after": 1e400}',
    '{"join": "incident:1", "after": "\\u00b2"}',
    '{"join": "incident:1", "after": true}',
    '{"join": "incident:\\u0000"}',
    '{"join": "\\ud800"}',
    '{"join": {}, "leave": [[]], "after": {}}',
    '{"leave": "\\u0000"}',
    "\x00",
]


@commits
@pytest.mark.parametrize("after", ["9" * 5000, "%D9%A3"])
async def test_a_socket_outlives_whatever_is_said_to_it(
    cookie: tuple[bytes, User], incident: Incident, closing: list[Socket], after: str
) -> None:
    here = dial(cookie[0], f"topics=incident:{incident.pk},%00,incident:%D9%A3&after={after}")
    closing.append(here)
    assert await here.connect()
    for nonsense in NONSENSE:
        await here.say(nonsense.replace("incident:1", f"incident:{incident.pk}"))
    await here.say(b"\xff\x00")
    await here.say('{"ping": 1}')
    assert await here.hear_kind("pong")


@commits
async def test_what_was_missed_is_replayed_without_gaps(
    cookie: tuple[bytes, User], incident: Incident, closing: list[Socket]
) -> None:
    for number in range(7):
        await sync_to_async(timeline.record)(incident.pk, Noted(), str(number))
    communicator = dial(cookie[0], f"topics=incident:{incident.pk}&after=3")
    closing.append(communicator)
    assert await communicator.connect()
    assert [(await communicator.hear_kind("note"))["seq"] for _ in range(4)] == [4, 5, 6, 7]
    await communicator.say(json.dumps({"join": f"incident:{incident.pk}", "after": 5}))
    assert [(await communicator.hear_kind("note"))["seq"] for _ in range(2)] == [6, 7]
    for nonsense in ("{", "[]", '{"join": 5}', '{"join": "incident:0"}', '{"join": "incident:1; drop"}'):
        await communicator.say(nonsense)
    await communicator.say(json.dumps({"join": f"incident:{incident.pk}", "after": 6}))
    assert (await communicator.hear_kind("note"))["seq"] == 7


@commits
@pytest.mark.parametrize("how", ["logged out", "deactivated", "password changed"])
async def test_losing_the_right_ends_the_socket(
    cookie: tuple[bytes, User], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LiveConsumer, "recheck_s", 0.1)
    communicator = dial(cookie[0], "topics=dashboard")
    assert await communicator.connect()
    user = cookie[1]

    def lose() -> None:
        if how == "logged out":
            client = Client()
            client.cookies.load(cookie[0].decode())
            client.logout()
        elif how == "deactivated":
            User.objects.filter(pk=user.pk).update(is_active=False)
        else:
            user.set_password("other")
            user.save()

    await sync_to_async(lose)()
    assert await communicator.closed_with() == LOGGED_OUT


@commits
async def test_a_lost_redis_connection_means_look_again(
    cookie: tuple[bytes, User], incident: Incident, closing: list[Socket]
) -> None:
    communicator = dial(cookie[0], f"topics=incident:{incident.pk}")
    closing.append(communicator)
    assert await communicator.connect()
    await sync_to_async(cut_subscriptions)()
    assert (await communicator.hear_kind("resync"))["topic"] == f"incident:{incident.pk}"
    await sync_to_async(timeline.record)(incident.pk, Noted(), "after the cut")
    assert (await communicator.hear_kind("note"))["seq"] == 1


@commits
async def test_an_open_socket_misses_nothing_and_one_opened_without_redis_looks_again(
    cookie: tuple[bytes, User], closing: list[Socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the subscription of its process is slow, as of the first page after a start."""
    subscribe, away = PubSub.subscribe, asyncio.Event()

    async def slowly(self: PubSub, *channels: str) -> None:
        await asyncio.sleep(0.3) if not away.is_set() else await asyncio.wait_for(hub_may.wait(), 10)
        await subscribe(self, *channels)

    hub_may = asyncio.Event()
    monkeypatch.setattr(PubSub, "subscribe", slowly)
    first = dial(cookie[0], "topics=approvals")
    assert await first.connect()
    await sync_to_async(live.publish)("approvals", {"kind": "requested"})
    assert await first.hear_kind("requested")
    await first.hang_up()
    away.set()
    monkeypatch.setattr("incidents.hub.READY_WITHIN_S", 0.1)
    second = dial(cookie[0], "topics=approvals")
    closing.append(second)
    assert await second.connect()
    hub_may.set()
    assert await second.hear_kind("resync")


@commits
async def test_redis_away_stops_no_work(
    incident: Incident, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    live.client.cache_clear()
    try:
        event = await sync_to_async(timeline.record)(incident.pk, Noted(), "still written")
    finally:
        live.client.cache_clear()
    assert event.seq == 1


def test_a_slow_socket_is_told_to_look_again_instead_of_growing() -> None:
    subscriber = Subscriber()
    subscriber.topics = {"dashboard"}
    for number in range(QUEUE_LIMIT * 3):
        subscriber.put({"topic": "dashboard", "seq": number, "kind": "tick"})
    assert subscriber.queue.qsize() <= QUEUE_LIMIT
    kinds = [subscriber.queue.get_nowait()["kind"] for _ in range(subscriber.queue.qsize())]
    assert "resync" in kinds


@commits
async def test_one_subscription_for_all_sockets_of_a_process(
    cookie: tuple[bytes, User], closing: list[Socket]
) -> None:
    for _ in range(12):
        communicator = dial(cookie[0], "topics=dashboard")
        closing.append(communicator)
        assert await communicator.connect()
    count = await sync_to_async(live.client().execute_command)("PUBSUB", "NUMSUB", live.channel(live.EVENTS))
    assert count[1] == 1
