"""Hands on containers that are going down in the very moment they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.hands.containers import ContainerHands
from systems.runtimes import RuntimeFailed
from tests.systems.runtimes import docker_bench
from tests.systems.runtimes.docker_bench import ALWAYS, SLEEPER, Compose

TIMES = 40


@pytest.fixture
def project() -> Iterator[Compose]:
    if why := docker_bench.why_not():
        pytest.skip(why)
    with docker_bench.compose("hands") as made:
        yield made


def test_one_that_crashes_in_a_loop_is_reloaded_and_thawed_or_let_be(project: Compose, tmp_path: Path):
    """Whatever moment of its loop it is met in: a fault that put a file back must not fail because of it."""
    project.container("shop-loop", "sleep 0.05; exit 3", image=project.image("1.0"), restart_policy=ALWAYS)
    project.container("shop-other", SLEEPER, image=project.image("1.0"))
    hands = ContainerHands(
        tmp_path, {"project": project.project, "prefix": "shop-", "world_prefix": "world-"}
    )
    met = set()
    for _ in range(TIMES):
        hands.reload("loop")
        hands.thaw("loop")
        met.add(hands.units()["loop"]["state"])
    assert "BACKOFF" in met
    assert "FATAL" not in met  # nobody has switched off its restarts
    with pytest.raises(RuntimeFailed, match="no unit"):
        hands.reload("nobody")
