"""What people read of a log line or a body."""

from __future__ import annotations

import pytest

from incidents.plain import gist, percent, sure


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


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0, "0 %"), (0.004, "< 1 %"), (0.34, "34 %"), (0.991, "99.1 %"), (0.99999, "99.9 %"), (1.0, "100 %")],
)
def test_a_share_is_never_rounded_up_to_all_nor_down_to_none(share: float, said: str) -> None:
    assert percent(share) == said


def test_a_belief_is_never_certain() -> None:
    assert (sure(1.0), sure(0.9999), sure(0.6)) == ("99.9 %", "99.9 %", "60 %")
