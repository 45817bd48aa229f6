"""No secret gets through: 200 canaries in every form a secret is met in."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from urllib.parse import quote

import pytest

from actions.redact import MASK, Redactor, for_system
from systems.services import LoadedSystem
from tests.actions.conftest import SECRET

CANARIES = [secrets.token_urlsafe(9 + n % 20) + "/+%"[n % 3] for n in range(200)]
FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda s: s,
    "inside": lambda s: f"x={s}, y",
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 of a dsn": lambda s: base64.b64encode(f"postgresql://u:{s}@h/d".encode()).decode(),
    "urlsafe base64": lambda s: base64.urlsafe_b64encode(b"ab" + s.encode()).decode(),
    "url-encoded": lambda s: quote(s, safe=""),
    "hex": lambda s: s.encode().hex(),
    "split by a line break": lambda s: s[:5] + "\n    " + s[5:],
    "split as literals": lambda s: f'"{s[:6]}" + "{s[6:]}"',
    "json": lambda s: json.dumps({"k": s}),
}


@pytest.mark.parametrize("form", FORMS)
def test_canaries(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    redactor = Redactor(CANARIES)
    hits = []
    for canary in CANARIES:
        text = FORMS[form](canary)
        shown = redactor.text(f"before {text} after")
        squeezed = "".join(c for c in shown if c not in " \n\"+'")
        if canary in shown or text in shown or canary[:8] in squeezed:
            hits.append(canary)
    with capsys.disabled():
        print(f"\nredaction, {form}: {len(hits)} of {len(CANARIES)} got through")
    assert hits == []


@pytest.mark.parametrize("text", [
    "postgresql://app:hunter2hunter@db/x",
    "Authorization: Bearer abcdefghijklmnop",
    "API_TOKEN=abcdef123456",
    '{"password": "abcdef123456"}',
    "SCRAM-SHA-256$4096:salt$stored:server",
    "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
])  # fmt: skip
def test_shapes_of_unknown_secrets(text: str) -> None:
    shown = Redactor().text(text)
    assert MASK in shown
    assert not any(
        word in shown for word in ("hunter2hunter", "abcdefghijklmnop", "abcdef123456", "salt", "abc\n")
    )


def test_ordinary_text_stays() -> None:
    text = "api-1: middleware.delay_s: 6 -> 0; pid 123 -> 456; connection to http://127.0.0.1:1/x refused"
    assert Redactor(["secret-value-1"]).text(text) == text


@pytest.mark.django_db
def test_the_systems_own_secrets(system: LoadedSystem) -> None:
    redactor = for_system(system)
    for value in (SECRET, SECRET + "x"):
        assert value not in json.dumps(redactor.json({"a": [f"x {value} y"], value: {"b": value}}))
