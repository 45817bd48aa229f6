"""The ward; see ward.py."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opsportal import wiring
from systems.probes import journeys
from systems.runtimes import fake
from tests import runbooks
from tests.outside.ward import Clock, Ward
from tests.pages import rights_are_there


@pytest.fixture
def ward(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[Ward]:
    """A system that has run quietly for a while, with the agent on."""
    settings.OPSPORTAL_DATA = tmp_path / "data"
    rights_are_there()
    runbooks.load()
    made = Ward(tmp_path, f"ward-{uuid.uuid4().hex[:6]}", Clock(monkeypatch))
    monkeypatch.setattr(journeys, "run_journey", made.run_journey)
    made.settle()
    yield made
    wiring.connect()
    fake.forget()
