"""Who runs the sandbox's parts, as the injector gets at them: one file for processes, one for containers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaos.hands.base import Hands
from chaos.hands.processes import ProcessHands


def _containers(folder: Path, facts: dict[str, Any]) -> Hands:
    from chaos.hands.containers import ContainerHands  # the SDK takes a moment to load: only where it is used

    return ContainerHands(folder, facts)


KINDS: dict[str, Callable[[Path, dict[str, Any]], Hands]] = {"process": ProcessHands, "docker": _containers}


def hands_of(folder: Path, facts: dict[str, Any]) -> Hands:
    """The hands for the site in `folder`; `facts` is its site.json."""
    return KINDS[facts["driver"]](folder, facts)


__all__ = ["Hands", "hands_of"]
