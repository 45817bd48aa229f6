"""Parts that everybody sees alike: how often they are made, who gets which, and that nobody's token is in them."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User
from django.test import Client

from incidents import live, page, shown, timeline
from incidents.consumers import LiveConsumer
from incidents.facts import Noted
from incidents.models import Incident
from opsportal.asgi import application
from tests.incidents.socket_client import Socket
from tests.pages import make_incident, make_request, make_system, person, show

VIEWERS = 20


def dial(user: User, shows: str) -> Socket:
    client = Client()
    client.force_login(user)
    cookie = client.cookies.output(header="", sep=";").strip().split(";")[0].encode()
    headers = [(b"origin", b"http://127.0.0.1"), (b"host", b"127.0.0.1"), (b"cookie", cookie)]
    return Socket(application, f"/ws/live/?topics=approvals&shows={shows}", headers)


async def part(socket: Socket, words: str = "") -> dict[str, Any]:
    """The next part that is sent, or the next with these words."""
    for _ in range(8):
        output = await socket.receive_output(10)
        assert output["type"] == "websocket.send", output
        if output.get("bytes") is not None and words in (text := gzip.decompress(output["bytes"]).decode()):
            found: dict[str, Any] = json.loads(text)
            return found
    raise AssertionError(f"{words!r} was never sent")


@pytest.fixture
async def opened() -> AsyncIterator[list[Socket]]:
    sockets: list[Socket] = []
    yield sockets
    for socket in sockets:
        await socket.hang_up()


@pytest.fixture
def sick(transactional_db: None, tmp_path: Path) -> Incident:
    return make_incident(make_system(tmp_path))


@pytest.fixture
def renders(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The templates that were rendered for everybody."""
    done: list[str] = []
    render = shown.render_to_string

    def counted(template: str, *rest: Any) -> str:
        done.append(template)
        return render(template, *rest)

    monkeypatch.setattr(shown, "render_to_string", counted)
    return done


async def dialled(opened: list[Socket], user: User, shows: str, count: int) -> list[Socket]:
    for _ in range(count):
        opened.append(await sync_to_async(dial)(user, shows))
        assert await opened[-1].connect()
    return opened[-count:]


@pytest.mark.django_db(transaction=True)
async def test_a_board_is_made_once_for_all_who_show_it(
    sick: Incident, opened: list[Socket], renders: list[str]
) -> None:
    tom = await sync_to_async(person)("tom")
    sockets = await dialled(opened, tom, "board:kiosk", VIEWERS)
    for socket in sockets:
        assert "api-1" in (await part(socket))["parts"]["board"]
    assert len(renders) <= 2, "one for all, and at most one more that began before the last came"
    renders.clear()
    await sync_to_async(show)(postgres="degraded")
    await sync_to_async(live.publish)("dashboard", {"kind": "tick"})
    for socket in sockets:
        await part(socket, "postgres is degraded")
    assert 1 <= len(renders) <= 3, renders


@pytest.mark.django_db(transaction=True)
async def test_each_gets_what_their_rights_show_and_no_token(
    sick: Incident, opened: list[Socket], renders: list[str]
) -> None:
    await sync_to_async(make_request)(sick.system, sick)
    tom = await sync_to_async(person)("tom")
    ann = await sync_to_async(person)("ann", "approve_action", "respond_incident")
    (hers,) = await dialled(opened, ann, f"incident:{sick.pk}", 1)
    (his,) = await dialled(opened, tom, f"incident:{sick.pk}", 1)
    given = (await part(hers))["parts"]
    assert 'data-key="a"' in given["ask"] and "Take over" in given["head"]
    assert set(re.findall(r'csrfmiddlewaretoken" value="(\w+)"', given["ask"])) == {shown.STAND_IN}
    given = (await part(his))["parts"]
    assert 'data-key="a"' not in given["ask"] and "Take over" not in given["head"]


@pytest.mark.django_db(transaction=True)
async def test_the_same_part_fetched_carries_the_token_of_who_asks(sick: Incident) -> None:
    def fetched() -> str:
        make_request(sick.system, sick)
        client = Client(enforce_csrf_checks=True)
        client.force_login(User.objects.create_superuser("mira"))
        text = client.get(f"/incidents/{sick.pk}/events?after=0").content.decode()
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', text)
        assert token and shown.STAND_IN not in text
        answer = client.post(f"/incidents/{sick.pk}/note", {"text": "x", "csrfmiddlewaretoken": token[1]})
        assert answer.status_code == 302
        return text

    assert "hx-swap-oob" in await sync_to_async(fetched)()


@pytest.mark.django_db(transaction=True)
async def test_rows_follow_each_other_without_a_gap(sick: Incident, opened: list[Socket]) -> None:
    tom = await sync_to_async(person)("tom")
    (socket,) = await dialled(opened, tom, f"incident:{sick.pk}", 1)
    first = (await part(socket))["rows"]
    assert (first["after"], first["upto"], first["html"]) == (sick.last_seq, sick.last_seq, "")
    have, seen = sick.last_seq, []
    for number in range(7):
        await sync_to_async(timeline.record)(sick.pk, Noted(), f"note {number}")
    for _ in range(7):
        if have == sick.last_seq + 7:
            break
        rows = (await part(socket))["rows"]
        assert rows["after"] == have
        seen += [int(n) for n in re.findall(r'data-seq="(\d+)"', rows["html"])][::-1]
        have = rows["upto"]
    assert seen == list(range(sick.last_seq + 1, sick.last_seq + 8))


@pytest.mark.django_db(transaction=True)
async def test_too_many_rows_are_left_to_the_page_to_fetch(
    sick: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "AT_ONCE", 3)
    rights = shown.Rights(frozenset())
    before = await sync_to_async(page.KIND.make)(str(sick.pk), rights, None)
    for number in range(5):
        await sync_to_async(timeline.record)(sick.pk, Noted(), f"note {number}")
    rows = (await sync_to_async(page.KIND.make)(str(sick.pk), rights, before))["rows"]
    assert (rows["after"], rows["upto"], rows["html"]) == (sick.last_seq + 5, sick.last_seq + 5, "")


@pytest.mark.django_db(transaction=True)
async def test_who_loses_a_right_loses_what_it_showed(
    sick: Incident, opened: list[Socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LiveConsumer, "recheck_s", 0.2)
    ann = await sync_to_async(person)("ann", "respond_incident")
    (socket,) = await dialled(opened, ann, f"incident:{sick.pk}", 1)
    assert "Take over" in (await part(socket))["parts"]["head"]
    await sync_to_async(ann.user_permissions.remove)(
        await sync_to_async(Permission.objects.get)(codename="respond_incident")
    )
    assert "Take over" not in (await part(socket))["parts"]["head"]


@pytest.mark.django_db(transaction=True)
async def test_what_is_not_there_is_said_and_nobody_left_means_no_more_work(
    sick: Incident, opened: list[Socket], renders: list[str]
) -> None:
    tom = await sync_to_async(person)("tom")
    (socket,) = await dialled(opened, tom, "board:nowhere,bogus,incident:999,nav", 1)
    said: set[str] = set()
    for _ in range(5):
        output = await socket.receive_output(10)
        if output.get("text") and (message := json.loads(output["text"])).get("kind") == "unshown":
            said.add(message["show"])
    assert said == {"board:nowhere", "bogus", "incident:999"}
    await opened.pop().hang_up()
    await asyncio.sleep(0.1)
    renders.clear()
    await sync_to_async(live.publish)("approvals", {"kind": "asked"})
    await asyncio.sleep(0.5)
    assert renders == []
