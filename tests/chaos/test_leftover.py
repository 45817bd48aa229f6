"""What a repair leaves behind, and what is gone, however the portal calls it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from actions.models import ActionRequest, Status
from chaos.gameday import leftover, sentinels
from chaos.gameday.sentinels import Planted
from systems.models import System
from tests.pages import make_system

pytestmark = pytest.mark.django_db
SINCE = timezone.now() - timedelta(minutes=1)


@pytest.fixture
def system(tmp_path: Path) -> System:
    return make_system(tmp_path)


class Hands:
    def __init__(self, **states: str) -> None:
        self.states = states

    def units(self) -> dict[str, dict[str, Any]]:
        return {name: {"state": state} for name, state in self.states.items()}


def site(**states: str) -> Any:
    return SimpleNamespace(hands=Hands(**states))


def did(system: System, slug: str, target: str = "api", **more: Any) -> ActionRequest:
    values = {"status": Status.SUCCEEDED, "requested_by": "agent", "finished_at": timezone.now()}
    return ActionRequest.objects.create(system=system, slug=slug, target=target, **(values | more))


def left(system: System, monkeypatch: pytest.MonkeyPatch, **states: str) -> list[str]:
    monkeypatch.setattr(leftover, "ENDS_WITHIN_S", 0.0)
    monkeypatch.setattr(leftover, "LOOK_S", 0.0)
    return leftover.left(site(**states), system, frozenset({"api-1"}), SINCE)


def test_a_part_that_was_started_beside_is_left(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    assert left(system, monkeypatch, **{"api-1": "RUNNING", "api-3": "STOPPED"}) == []
    (said,) = left(system, monkeypatch, **{"api-1": "RUNNING", "api-3": "RUNNING"})
    assert said.startswith("api-3 was started beside")


def test_a_way_round_stands_until_it_is_ended(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    did(system, "pause-job", "batch", finished_at=SINCE - timedelta(minutes=1))
    did(system, "restart-service")
    did(
        system, "failover-link", "net"
    )  # whether its own path carries again nobody measures: a person ends it
    assert left(system, monkeypatch) == []
    did(system, "pause-job", "batch", params={"job": "sync"})
    assert left(system, monkeypatch) == ["pause-job@batch still stands"]
    did(
        system,
        "resume-job",
        "batch",
        params={"job": "sync"},
        finished_at=timezone.now() + timedelta(seconds=1),
    )
    assert left(system, monkeypatch) == []


def test_rows_that_nobody_writes_are_there_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less what was gone before anybody acted."""
    monkeypatch.setattr(sentinels, "LOOKS_S", 0.0)
    rows = {"products": {"a", "b", "c"}, "users": {"d"}}
    monkeypatch.setattr(sentinels, "_rows", lambda db, table: frozenset(rows.get(table, ())))
    monkeypatch.setattr(sentinels, "_put_out", lambda cache: 0)
    planted = Planted(Quiet())  # type: ignore[arg-type]
    planted.still = {table: frozenset(found) for table, found in rows.items()}
    assert planted.lost([], 1.0) == {}
    rows["products"] = {"a", "x"}
    assert planted.lost([], 1.0) == {"rows of products": 2}
    before = SimpleNamespace(at=0.5, wrong='{"rows of products": 2}')
    assert planted.lost([before], 1.0) == {}  # type: ignore[list-item]


class Quiet:
    """A sandbox with nothing planted in it."""

    def superuser(self) -> Any:
        return self

    redis = superuser

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None: ...

    def execute(self, *_: object) -> Any:
        return self

    def __iter__(self) -> Any:
        return iter(())

    def fetchone(self) -> tuple[int]:
        return (0,)

    def lrange(self, *_: object) -> list[str]:
        return []
