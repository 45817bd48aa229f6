"""Prices and taxes, by packages that come with the release, and whether they go together."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

VENDOR = Path(__file__).parents[2] / "vendor"
sys.path.insert(0, str(VENDOR))

import acme_pricing  # noqa: E402
import acme_tax  # noqa: E402


class VersionConflict(Exception):
    """Two packages of the release do not go together."""


def check() -> None:
    """Raises VersionConflict for the first requirement of a package of the release that another one does not meet."""
    there = {d.metadata["Name"]: d for d in metadata.distributions(path=[str(VENDOR)])}
    for name, found in there.items():
        for text in found.requires or ():
            wanted = Requirement(text)
            other = there.get(wanted.name)
            if other is None or not wanted.specifier.contains(other.version):
                have = f"{wanted.name} {other.version}" if other else "none"
                raise VersionConflict(
                    f"{name} {found.version} has requirement {wanted.name}{wanted.specifier}, but you have {have}."
                )


def total(price: float, fee: float) -> dict[str, float]:
    """What a product comes to, and the tax in it, in euros."""
    amount = acme_pricing.quote(price, fee)
    return {"total": amount, "tax": acme_tax.included(amount)}
