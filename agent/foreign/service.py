"""One door to both kinds of bundles."""

from __future__ import annotations

from pathlib import Path

from agent.foreign import ours, thinking
from agent.foreign.result import Result
from incidents.foreign.files import Budget


def diagnose(path: Path, budget: Budget | None = None) -> Result:
    """A bundle that a portal wrote is replayed, any other is read for what is in it. ValueError (`NoBundle`,
    `BundleError`) says what is wrong with the path."""
    if path.is_dir() and ours.is_ours(path):
        return ours.diagnose(path)
    return thinking.diagnose(path, budget)
