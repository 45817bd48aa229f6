"""A release with a package whose new version is called otherwise; it starts, and fails where it is used."""

from __future__ import annotations

from chaos.faults import _packages
from chaos.faults.base import Expected


class PackageBreakingChange(_packages.PackagesFault):
    id = "package_breaking_change"
    title = "Package with a breaking change"
    category = "config"
    targets = _packages.PackagesFault.units
    description = (
        "A new release of the api brings a package that is called otherwise: it starts, and quotes fail."
    )
    blast_radius = "quotes at checkout; all else works"
    reverts = "points back to the release before and starts it"
    version = "1.6.0"
    wheels = ("acme_pricing-2.0.0", "acme_tax-2.0.0")
    expected = Expected(("api", *targets), ("bad_release",))
    culprits = tuple((unit, what) for unit in targets for what in ("release", "current"))
