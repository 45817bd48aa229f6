"""Whose words a line of a log is in."""

from __future__ import annotations

import pytest

from incidents.signals import CATALOG
from incidents.signals.keys import Keys
from incidents.signals.logscan import Scanner
from incidents.signals.quiet import Quiet
from systems.graph import SystemGraph
from systems.logs.reading import rank_of

SAID = 'FATAL: password authentication failed for user "app"'
ACCESS = [
    f"GET /api/product/{SAID} 404",
    f"INFO GET /catalog?category={SAID} 200",
    f'10.0.0.7 - - [28/Nov/2026:20:00:00 +0000] "GET /x?q={SAID} HTTP/1.1" 404 12',
    f'INFO:     127.0.0.1:5312 - "POST /search?q={SAID} HTTP/1.1" 200 OK',
]


def found(line: str) -> tuple[str, ...]:
    graph = SystemGraph({"api": "http"}, {})
    hits: tuple[str, ...] = Scanner(CATALOG, Keys(1), Quiet(graph)).hits(line)
    return hits


@pytest.mark.parametrize("line", ACCESS)
def test_what_a_caller_typed_is_no_word_of_the_part(line: str) -> None:
    assert rank_of(line) == 0
    assert found(line) == ()


@pytest.mark.parametrize("line", [SAID, f"ERROR GET /api/product failed: {SAID}", f"ERROR {SAID}"])
def test_what_the_part_says_itself_is(line: str) -> None:
    assert rank_of(line) == 2
    assert "log_auth_failed" in found(line)
