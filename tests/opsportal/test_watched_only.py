"""What the pages say of a system of which nothing is driven."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from actions import service as actions
from actions.models import ActionRequest
from systems import services
from systems.models import System

pytestmark = pytest.mark.django_db

MANIFEST = """
system: far
title: Far Away
runtime: {driver: %s}
services:
  web: {kind: http, depends_on: [db], http: {url: "http://127.0.0.1:1/"}}
  db: {kind: other, tcp: "127.0.0.1:1"}
"""


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss", "", "x"))
    return client


def register(folder: Path, driver: str) -> System:
    file = folder / "manifest.yaml"
    file.write_text(MANIFEST % driver)
    return services.register(file)


def test_the_settings_say_that_nothing_is_driven(boss: Client, tmp_path: Path) -> None:
    register(tmp_path, "none")
    page = " ".join(boss.get("/settings/").content.decode().split())
    assert "none: nothing of it is driven" in page
    assert page.count("not ours to control") == 2
    services._cache.clear()
    register(tmp_path, "fake, name: far, units: [web, db]")
    assert "nothing of it is driven" not in boss.get("/settings/").content.decode()


@pytest.mark.parametrize("address", ["/", "/?system=far", "/approvals/", "/changes/", "/incidents/"])
def test_every_page_is_there(boss: Client, tmp_path: Path, address: str) -> None:
    register(tmp_path, "none")
    answer = boss.get(address)
    assert answer.status_code == 200


def test_asking_for_what_needs_a_unit_is_answered_with_the_reason(tmp_path: Path) -> None:
    register(tmp_path, "none")
    with pytest.raises(
        actions.ActionRefused, match=r"needs a unit: web is not ours.*only watched \(runtime: none"
    ):
        actions.propose("far", "restart-service", "web", {}, requested_by="boss")
    assert not ActionRequest.objects.exists()
