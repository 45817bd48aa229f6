"""Whatever is typed, on every page and call of the API: 4xx with a sentence at the worst, never a 5xx.

Places come from the URLconf and the OpenAPI document; a page's names are those its view is seen to ask for, and good
values for them those that its own forms offer. Of all pairs of name and value a seeded choice is tried.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from django.utils.datastructures import MultiValueDict

from actions.models import ActionRequest
from incidents.models import Incident
from knowledge.models import Runbook
from opsportal import tokens
from opsportal.attack import nasty
from opsportal.rest.api import api
from tests.actions.conftest import _data_dir, base, row, runtime, system

__all__ = ["_data_dir", "base", "row", "runtime", "system"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("system")]

PAIRS, CALLS = 8, 10  # tried of each place
TEXTS = [v for v in nasty.VALUES if v != "\ud800"]  # a browser cannot send that in a form
_FIELD = re.compile(r'<(?:input|button)\b[^>]*?\bname="(\w+)"[^>]*?\bvalue="([^"]*)"')
_SELECT = re.compile(r'<select\b[^>]*?\bname="(\w+)".*?</select>', re.DOTALL)


class Asked:
    """The names that views asked requests for, and what the pages offer for them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: set[str] = set()
        self.offers: dict[str, list[str]] = {}
        for reader in ("__getitem__", "_getlist"):
            monkeypatch.setattr(MultiValueDict, reader, self._noting(getattr(MultiValueDict, reader)))

    def _noting(self, real: Any) -> Any:
        def read(data: Any, key: Any, *more: Any, **named: Any) -> Any:
            if isinstance(key, str) and re.fullmatch(r"[A-Za-z_]\w*", key):
                self.names.add(key)
            return real(data, key, *more, **named)

        return read

    def learn(self, page: str) -> None:
        for name, value in _FIELD.findall(page):
            self.offers.setdefault(name, []).append(value)
        for select in _SELECT.finditer(page):
            self.offers.setdefault(select[1], []).extend(re.findall(r'<option value="([^"]*)"', select[0]))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", "", "x")


@pytest.fixture
def values(row: Any) -> dict[str, str]:
    """What stands for the placeholders of an address: things that there are."""
    incident = Incident.objects.create(
        system=row, title="it is slow", component="web-1", fingerprint="f", started_at=timezone.now()
    )
    book = Runbook.objects.first()
    known = ActionRequest.objects.first()
    return {
        "int": str(incident.number), "number": str(incident.number), "slug": book.slug if book else "some",
        "uuid": str(known.pk if known else uuid4()), "str": "1", "path": "1",
    }  # fmt: skip


def send(client: Client, method: str, path: str, **more: Any) -> tuple[int, str]:
    """(status, what was said) of one request whose effects are taken back."""
    before = SimpleCookie({name: morsel.value for name, morsel in client.cookies.items()})
    with transaction.atomic():
        answer = getattr(client, method)(path, **more)
        said = b"".join(answer) if answer.streaming else answer.content
        transaction.set_rollback(True)
    client.cookies = before
    return answer.status_code, said.decode(errors="replace")


def trouble(place: str, status: int, said: str) -> list[str]:
    """What is wrong with an answer: an error of ours, or a refusal that does not say why."""
    words = re.sub(r"<[^>]*>|\s+", " ", said)
    if status >= 500 or (status >= 400 and len(words.split()) < 3):
        return [f"{status} {place[:150]}: {words[:80]!r}"]
    return []


def discover(asked: Asked, client: Client, path: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """(method, name) of everything that the page asks for, as far as good values lead."""
    for method in ("get", "post"):
        known: set[str] = set()
        for _ in range(3):
            asked.names = set()
            given = {name: chance.choice(asked.offers.get(name) or [""]) for name in sorted(known)}
            asked.learn(send(client, method, path, data=given)[1])
            if asked.names <= known:
                break
            known |= asked.names
        yield from ((method, name) for name in sorted(known - {"csrfmiddlewaretoken"}))


def tries(
    asked: Asked, client: Client, route: str, values: dict[str, str], chance: random.Random
) -> Iterator[Any]:
    """(method, path, data) of what is tried on a route."""
    path = "/" + nasty.filled(route, values)
    found = list(discover(asked, client, path, chance))
    pairs = [(method, name, value) for method, name in found for value in TEXTS]
    for method, name, value in chance.sample(
        pairs, min(1 if route.startswith("admin") else PAIRS, len(pairs))
    ):
        others = {n: chance.choice(asked.offers.get(n) or [""]) for m, n in found if m == method}
        yield method, path, {**others, name: value}
    for method in ("get", "post"):
        yield method, path, dict.fromkeys([n for m, n in found if m == method], chance.choice(TEXTS))
    if "<" in route:
        for value in chance.sample(nasty.VALUES, 4):
            yield "get", "/" + nasty.filled(route, dict.fromkeys(values, nasty.safe(value))), {}
        yield (
            "post",
            "/" + nasty.filled(route, {**values, "int": "9" * 30, "uuid": str(uuid4()), "slug": "no-such"}),
            {},
        )


def test_no_page_breaks_on_what_is_typed(asked: Asked, boss: User, values: dict[str, str]) -> None:
    client, broken, sent = Client(raise_request_exception=False), [], 0
    client.force_login(boss)
    places = sorted(set(nasty.routes(get_resolver().url_patterns)) - {"healthz"})  # 503 is an answer there
    for route in places:
        for method, path, data in tries(asked, client, route, values, random.Random(route)):
            sent += 1
            broken += trouble(f"{method} {path} {data}", *send(client, method, path, data=data))
    assert broken == []
    assert sent > 3 * len(places)


def test_no_call_of_the_api_breaks_on_what_is_sent(boss: User, values: dict[str, str]) -> None:
    token, _ = tokens.create(boss, "fuzz", tokens.GRANTABLE)
    client = Client(raise_request_exception=False, headers={"authorization": f"Bearer {token}"})
    document = json.loads(json.dumps(api.get_openapi_schema(), default=str))
    broken, found = [], nasty.operations(document)
    assert len(found) > 10

    def call(method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> None:
        more = {} if body is None or method == "get" else {"data": body, "content_type": kind}
        broken.extend(trouble(f"{method} {path} {(body or b'')[:60]!r}", *send(client, method, path, **more)))

    for operation in found:
        chance = random.Random(operation.method + operation.path)
        good = re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], values["uuid"]), operation.path)
        for value in chance.sample(nasty.VALUES, 4) if "{" in operation.path else []:
            call(operation.method, re.sub(r"\{\w+\}", nasty.safe(value), operation.path), b"{}")
        asks = [(name, value) for name in operation.query for value in nasty.VALUES]
        for name, value in chance.sample(asks, min(CALLS, len(asks))):
            call(operation.method, f"{good}?{name}={nasty.safe(value)}")
        if operation.method == "get":
            continue
        fields = [(name, value) for name in operation.fields for value in nasty.JSON_VALUES]
        for name, value in chance.sample(fields, min(CALLS, len(fields))):
            call(operation.method, good, json.dumps({name: value}).encode())
        for body in chance.sample(nasty.BODIES, 4):
            call(operation.method, good, body)
        call(operation.method, good, b'{"reason": "x"}', chance.choice(nasty.CONTENT_TYPES))
    assert broken == []
