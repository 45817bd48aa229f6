"""What people read of a log line or a body."""

from __future__ import annotations

import pytest

from incidents.plain import gist


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (
            "2026-11-23 21:01:12.158 UTC [30074] app@shop/[unknown] "
            'FATAL:  password authentication failed for user "app"',
            'password authentication failed for user "app"',
        ),
        (
            "ERROR PoolTimeout: couldn't get a connection after 2.00 sec",
            "PoolTimeout: couldn't get a connection after 2.00 sec",
        ),
        (
            'step 1 GET /api/catalog: status 503: {"error":"database unavailable","detail":"PoolTimeout: cut o',
            "step 1 GET /api/catalog: status 503: database unavailable, PoolTimeout: cut o",
        ),
        (
            'step 1 GET /: status 502: <!doctype html> <html lang="en"><title>Something went wrong</title><meta',
            'step 1 GET /: status 502: a page titled "Something went wrong"',
        ),
        ("1:M 23 Nov 2026 21:01:12.158 # Out of memory", "Out of memory"),
        ("refused", "refused"),
        ("ERROR", "ERROR"),
        ("", ""),
    ],
)
def test_says_what_counts(raw: str, said: str) -> None:
    assert gist(raw) == said


def test_is_cut_at_a_word() -> None:
    cut = gist("word " * 60)
    assert len(cut) <= 110
    assert cut.endswith("word…")
