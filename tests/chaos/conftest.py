"""One real sandbox of each kind for all tests of the faults, started when the first of them asks for it
and gone after the last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.registry import FAULTS
from opsportal.local.binaries import postgres_bin, redis_server
from opsportal.local.sandboxes import ContainerSandbox
from sandbox.build.prepare import load, prepare
from tests import sampling
from tests.chaos.sandbox import Sandbox
from tests.compose.engine import why_no_compose
from tests.sandbox.conftest import Running, free_base, wait_for

# In containers the tests of the injector itself run on one fault of each kind: a crash, a cut line, a changed role.
IN_CONTAINERS = {"queue_worker_crash", "net_outage", "db_auth_failure"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left = [item for item in items if item.get_closest_marker("sampled") and not _in_sample(item)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


def _in_sample(item: pytest.Item) -> bool:
    given = _params(item)
    fault, driver = given["fault"], given["sandbox"]
    if driver not in fault.drivers:
        return False
    if driver == "docker":
        return fault.id in {*IN_CONTAINERS, *sampling.part(list(FAULTS), 8)}
    return fault.id in sampling.part(list(FAULTS), 4)


def _params(item: pytest.Item) -> dict[str, Any]:
    assert isinstance(item, pytest.Function)
    return item.callspec.params


@pytest.fixture(scope="package", params=["process", "docker"])
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    root = tmp_path_factory.mktemp("site")
    if request.param == "docker":
        yield from _containers(root)
    else:
        yield from _processes(root)


def _processes(root: Path) -> Iterator[Sandbox]:
    prepare(root, free_base(), postgres_bin(), redis_server())
    found = load(root)
    assert found is not None
    running = Running(found)
    running.start()
    try:
        wait_for(lambda: running.healthy() or None, 90)
        yield Sandbox(root)
    finally:
        running.stop()


def _containers(root: Path) -> Iterator[Sandbox]:
    if why := why_no_compose():
        pytest.skip(why)
    (root / "logs").mkdir()
    shop = ContainerSandbox(root, root / "logs")
    try:
        shop.begin()
        shop.start(lambda *_, **__: None, print)
        found = Sandbox(shop.folder)
        found.wait_healthy()
        yield found
    finally:
        shop.stop(volumes=True)
