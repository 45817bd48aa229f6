"""The one gate of input: bodies that no view can make use of are refused in words, wherever they are sent."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from opsportal import tokens

BODIES = {
    "NUL byte": b"\x00",
    "cut off": b"{",
    "deep": b"[" * 3000 + b"]" * 3000,
    "NUL in a text": b'{"reason": "\\u0000"}',
    "half a character": b'{"reason": "\\ud800"}',
    "infinite": b'{"duration_s": 1e400}',
    "no number": b'{"duration_s": NaN}',
    "400 digits": b'{"params": {"a": ' + b"9" * 400 + b"}}",
    "5,000 digits": b'{"params": {"a": ' + b"9" * 5000 + b"}}",
    "3 MB": b'{"reason": "' + b"x" * 3_000_000 + b'"}',
}
PATHS = ("/action/restart-service", "/api/incidents/1/resolve", "/break/api_down")


@pytest.fixture
def program(db: None) -> Client:
    user = User.objects.create_superuser("root", "", "x")
    text, _ = tokens.create(user, "test", tokens.GRANTABLE)
    return Client(raise_request_exception=False, headers={"authorization": f"Bearer {text}"})


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_that_is_no_use_is_refused_in_words(program: Client, body: bytes) -> None:
    for path in PATHS:
        answer = program.post(path, data=body, content_type="application/json")
        assert 400 <= answer.status_code < 500, (path, answer.status_code)
        assert answer.json()["detail"]


@pytest.mark.parametrize("value", ["\x00", "a\x00b", "²", "9" * 30, "9999-12-31", "1e400", "(a+)+$"])
def test_a_value_in_an_address_is_never_an_error_of_ours(program: Client, value: str) -> None:
    program.force_login(User.objects.get(username="root"))
    for path in (
        "/",
        "/incidents/",
        "/audit/",
        "/approvals/",
        "/runbooks/",
        "/chaos/",
        "/gameday/",
        "/action",
    ):
        answer = program.get(path, dict.fromkeys(("q", "page", "incident", "since", "until", "state"), value))
        assert answer.status_code < 500, path
    assert program.post("/chaos/halt/", {"next": value}).status_code < 500
