"""The ward; see ward.py."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.core.management import call_command

from opsportal import wiring
from systems.probes import journeys
from systems.runtimes import fake
from tests.outside.ward import SETTLE_LOOKS, Clock, Ward


@pytest.fixture
def ward(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[Ward]:
    """A system that has run quietly for a while, with the agent on."""
    settings.OPSPORTAL_DATA = tmp_path / "data"
    for app in apps.get_app_configs():  # another test may have emptied their table
        create_permissions(app, verbosity=0)
    call_command("load_runbooks", stdout=StringIO())
    made = Ward(tmp_path, f"ward-{uuid.uuid4().hex[:6]}", Clock(monkeypatch))
    monkeypatch.setattr(journeys, "run_journey", made.run_journey)
    made.look(SETTLE_LOOKS)
    yield made
    wiring.connect()
    fake.forget()
