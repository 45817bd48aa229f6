"""A release of the frontend that fails at its first import."""

from __future__ import annotations

from chaos.faults import _release
from chaos.faults.base import Expected


class CrashLoop(_release.ReleaseFault):
    id = "crash_loop"
    title = "Crash loop after a release"
    category = "container"
    targets = ("frontend",)
    description = "A new release of the shop's pages imports a module that nobody packed. It can't start."
    blast_radius = "the shop's pages; the API answers"
    reverts = "points back to the release before and starts it"
    service, version, units = "frontend", "3.2.0", ("frontend",)
    expected = Expected(("frontend",), ("bad_release", "crash_loop"))
    culprits = (("frontend", "release"), ("frontend", "current"))
    edits = (("shop/frontend/__main__.py", "from . import pages\n", "from . import handlers_v2, pages\n"),)
