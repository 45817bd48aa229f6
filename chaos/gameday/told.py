"""What CI/CD would tell the portal of a system on any day: a release, a flag or a commit that does nobody any harm."""

from __future__ import annotations

import random
import uuid
from pathlib import Path

from chaos.alterations import Touched
from chaos.gameday.roles import of_touched
from chaos.site import names_in
from systems import services
from systems.models import System
from systems.state import reported

KINDS = ("deploy", "flag", "commit")


class Pipeline:
    """One system's. What it tells goes the way of `POST /api/changes`."""

    def __init__(self, system: System) -> None:
        self._system = system

    def __call__(self, draw: random.Random) -> Touched:
        loaded = services.load(self._system.slug)
        part = draw.choice(sorted(name for name, spec in loaded.manifest.services.items() if spec.unit))
        kind = draw.choice(KINDS)
        number = draw.randrange(100, 1000)
        what, before, after = {
            "deploy": (part, f"1.4.{number - 1}", f"1.4.{number}"),
            "flag": (f"show_banner_{number}", "off", "on"),
            "commit": (f"{draw.getrandbits(28):07x}", None, "Correct a spelling"),
        }[kind]
        told = reported.Report(uuid.uuid4().hex, kind, what, part, before, after)
        change, _ = reported.report(loaded, told)
        names = names_in(Path(self._system.manifest_path).parent)
        return of_touched(Touched(change.component, change.kind, change.what), names)
