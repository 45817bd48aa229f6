"""Secrets that nobody registered, told by their shape."""

from __future__ import annotations

import pytest

from systems.redact import MASK, Redactor

SECRET = "A1b2C3d4E5f6G7h8I9j0"


@pytest.mark.parametrize(
    "text",
    [
        f"token is ghp_{SECRET}", f"github_pat_{SECRET}", f"glpat-{SECRET}", f"xoxb-{SECRET}", f"AKIA{SECRET}",
        f"key sk_live_{SECRET}", f"eyJhbGciOiJIUzI1NiJ9.eyJ4{SECRET}.sig",
        f"https://hooks.slack.example/services/T0/B0/{SECRET}", f"curl -u admin:{SECRET} http://x",
        f"curl --user admin:{SECRET} http://x",
    ],
)  # fmt: skip
def test_is_masked(text: str) -> None:
    shown = Redactor().text(text)
    assert SECRET not in shown and MASK in shown


@pytest.mark.parametrize(
    "text", ["run -u root", "sort -u a", "python -u manage.py", "risk-free", "task_list"]
)
def test_plain_words_stay(text: str) -> None:
    assert Redactor().text(text) == text
