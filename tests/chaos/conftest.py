"""One real sandbox for all tests of the faults, started when the first of them asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from opsportal.local.embedded import postgres_bin, redis_server
from sandbox.build.prepare import load, prepare
from tests.chaos.sandbox import Sandbox
from tests.sandbox.conftest import Running, free_base, wait_for


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    root = tmp_path_factory.mktemp("site")
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
