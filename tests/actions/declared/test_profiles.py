"""Actions that a profile brings, as actions of the portal: rated, previewed, done; of a real nginx where one is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from actions import registry
from actions.base import ActionContext, ActionFailed, AnyAction
from actions.models import Risk
from systems.profiles.reading import named
from systems.services import LoadedSystem
from tests.systems.helpers import make_system
from tests.systems.profiles.conftest import Nginx, nginx_in

pytestmark = pytest.mark.django_db
RISKS = {
    "nginx": {"test-config": Risk.LOW, "reload": Risk.MEDIUM},
    "postgres": {"reload-settings": Risk.HIGH, "drop-slot": Risk.HIGH},
    "redis": {"save-now": Risk.MEDIUM, "purge-memory": Risk.MEDIUM},
}


@pytest.mark.parametrize("name", named())
def test_they_are_rated_and_no_name_is_one_of_the_portals(tmp_path: Path, name: str) -> None:
    system = make_system(tmp_path, {"it": {"profile": name, "address": "h", "unit": "it"}})
    of_profile = {spec.name: registry.of(system)[spec.name] for spec in system.service("it").actions}
    assert not list(registry.taken(system.manifest))
    assert all(action.title for action in of_profile.values())
    if name in RISKS:
        assert {slug: action.risk for slug, action in of_profile.items()} == RISKS[name]


@pytest.fixture
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    found = nginx_in(tmp_path_factory)
    yield found
    found.stop()


def bound(system: LoadedSystem, name: str) -> tuple[AnyAction, ActionContext]:
    action = registry.of(system)[name]
    ctx = ActionContext(system, "edge")
    return action, replace(ctx, undo=action.prepare(ctx, action.Params()))


async def test_reload_tests_first_and_leaves_what_runs_alone_when_that_fails(
    nginx: Nginx, tmp_path: Path
) -> None:
    system = nginx.system(tmp_path)
    reload, ctx = bound(system, "reload")
    preview = reload.preview(ctx, reload.Params())
    assert preview.command.index(" -t ") < preview.command.index(" -s reload ")
    before = nginx.workers()
    nginx.more.write_text("serverr on;\n")
    with pytest.raises(
        ActionFailed, match=r'did not take place: nginx ended with 1: .*unknown directive "serverr"'
    ):
        reload.execute(ctx, reload.Params())
    assert nginx.workers() == before and nginx.get("/") == 200
    nginx.more.write_text("server_tokens off;\n")
    assert reload.execute(ctx, reload.Params()).ok
    for _ in range(200):
        if nginx.workers() and not nginx.workers() & before:
            break
        await asyncio.sleep(0.05)
    assert not nginx.workers() & before


def test_the_test_of_the_configuration_says_what_is_wrong(nginx: Nginx, tmp_path: Path) -> None:
    test, ctx = bound(nginx.system(tmp_path), "test-config")
    assert test.execute(ctx, test.Params()).ok
    nginx.more.write_text("serverr on;\n")
    with pytest.raises(ActionFailed, match="serverr"):
        test.execute(ctx, test.Params())
