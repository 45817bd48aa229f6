from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .harness import Running


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def make(services: dict[str, Any], **top: Any) -> Running:
        made.append(Running(tmp_path, services, **top))
        return made[-1]

    yield make
    for running in made:
        running.close()
