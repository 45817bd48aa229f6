"""Runtime drivers. Adding one: a file with a class that fulfils base.Runtime, and its line in DRIVERS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import fake
from .base import (
    ChildStat,
    ExecResult,
    NotRunning,
    Runtime,
    RuntimeError_,
    RuntimeEvent,
    RuntimeFailed,
    StaleFence,
    UnitState,
    UnitStats,
)
from .nothing import NoRuntime
from .process import ProcessRuntime


def _docker(options: Mapping[str, Any], base_dir: Path) -> Runtime:
    from .docker.driver import DockerRuntime  # the SDK takes a moment to load: only for those who use it

    return DockerRuntime(options, base_dir)


DRIVERS: dict[str, Callable[[Mapping[str, Any], Path], Runtime]] = {
    "process": ProcessRuntime,
    "docker": _docker,
    "none": NoRuntime,
    "fake": fake.connect,
}


def connect(driver: str, options: Mapping[str, Any], base_dir: Path) -> Runtime:
    """The runtime a manifest names. RuntimeFailed: no such driver, or an option is missing. Does no I/O."""
    maker = DRIVERS.get(driver)
    if maker is None:
        raise RuntimeFailed(f"runtime.driver: there is no {driver!r}: there are {', '.join(DRIVERS)}")
    return maker(options, base_dir)


__all__ = [
    "DRIVERS",
    "ChildStat",
    "ExecResult",
    "NotRunning",
    "Runtime",
    "RuntimeError_",
    "RuntimeEvent",
    "RuntimeFailed",
    "StaleFence",
    "UnitState",
    "UnitStats",
    "connect",
]
