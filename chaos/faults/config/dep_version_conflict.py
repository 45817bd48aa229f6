"""A release with two packages that do not go together; it looks for that at its start."""

from __future__ import annotations

from chaos.faults import _packages
from chaos.faults.base import Expected


class DepVersionConflict(_packages.PackagesFault):
    id = "dep_version_conflict"
    title = "Dependency version conflict"
    category = "config"
    targets = _packages.PackagesFault.units
    description = (
        "A new release of the api brings a package that another one of its packages can't work with."
    )
    blast_radius = "the whole shop: every page and order"
    reverts = "points back to the release before and starts it"
    version = "1.5.0"
    wheels = ("acme_pricing-2.0.0",)
    expected = Expected(("api", *targets), ("bad_release", "crash_loop"))
    culprits = tuple((unit, what) for unit in targets for what in ("release", "current"))
