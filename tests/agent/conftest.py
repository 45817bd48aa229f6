"""The agent on a small scripted system; see world.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from actions import registry
from actions.models import ActionRequest
from agent import journal, patience, roles
from agent import service as agent
from agent.case import BUILT_IN
from agent.phases import proving
from incidents import evidence, live
from knowledge import retrieval
from systems import services
from systems.runtimes import fake
from tests.agent.world import ACTIONS, MANIFEST, FileAction, World


@pytest.fixture
def world(transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    fake.forget()
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    (tmp_path / "effects").touch()
    FileAction.written, FileAction.sick = tmp_path / "effects", set()
    for action in ACTIONS:
        monkeypatch.setitem(registry.ACTIONS, action.slug, action())
    row = services.register(tmp_path / "manifest.yaml")
    row.agent_on = True
    row.save(update_fields=["agent_on"])
    made = World(row, tmp_path / "effects")
    monkeypatch.setitem(roles.PLAYERS["diagnoser"], BUILT_IN, lambda: made)
    monkeypatch.setattr(roles, "validator", lambda: made)
    monkeypatch.setattr(retrieval, "search", lambda *_, **__: [])
    monkeypatch.setattr(proving, "SUSTAIN", 0)
    for name in ("PATIENCE", "NO_CHANGE", "STUCK"):
        monkeypatch.setattr(patience, name, 0)
    monkeypatch.setattr(journal, "_wake", [made.wakes.append])
    live.client().delete(evidence.KEY.format("mini"))
    yield made
    live.client().delete(evidence.KEY.format("mini"))


@pytest.fixture
def person(transactional_db: None) -> User:
    """Somebody who may approve."""
    user = User.objects.create_user("paula")
    user.user_permissions.add(Permission.objects.get(codename="approve_action"))
    return user


@pytest.fixture
def wired(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's decision wakes the run, as in the running portal."""
    from actions import events

    def wake(request: ActionRequest) -> None:
        agent.on_decided(request.incident_id)

    hooks: list[Any] = [wake]
    monkeypatch.setattr(events, "on_decided", hooks)
