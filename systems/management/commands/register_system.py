"""`manage.py register_system PATH`: put a system under care."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from systems import services
from systems.describe import describe, doubts
from systems.manifest import ManifestError, checks
from systems.models import System
from systems.tryout import misnamed, try_out


class Command(BaseCommand):
    help = "Register (or update) the system described by a manifest. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("manifest", type=Path)
        parser.add_argument(
            "--check", action="store_true", help="only say what would be; nothing is registered"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            return self._check(options["manifest"])
        try:
            system = services.register(options["manifest"])
        except ManifestError as error:
            raise CommandError(str(error)) from error
        loaded = services.load(system.slug)
        count = len(loaded.services)
        self.stdout.write(
            self.style.SUCCESS(f"{system.title} ({system.slug}) is under care: {count} services")
        )
        if options["verbosity"] > 0:
            self._tell(loaded)
            self.stdout.write(f"  {_may(system)}")
        return None

    def _check(self, path: Path) -> None:
        try:
            loaded = services.from_manifest(path)
        except ManifestError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{loaded.title} ({loaded.slug}): {len(loaded.services)} services; nothing is registered"
        )
        self._tell(loaded)
        for where, words in checks.activating(loaded.manifest):
            self.stdout.write(self.style.WARNING(f"  {'.'.join(map(str, where))}: {words}"))

    def _tell(self, loaded: services.LoadedSystem) -> None:
        for line in describe(loaded):
            self.stdout.write(f"  {line}")
        tried = try_out(loaded)
        for line in tried.recognised:
            self.stdout.write(f"  {line}")
        for line in [*misnamed(loaded), *tried.troubles, *doubts(loaded)]:
            self.stdout.write(self.style.WARNING(f"  mind: {line}"))


def _may(system: System) -> str:
    """What the agent may do there, and how a person changes it."""
    if system.agent_on:
        return f"the agent repairs there; ./ops manage agent off {system.slug} lets it only watch"
    return (
        "it is only watched: trouble is found and explained, and nothing is done about it until a person turns the"
        f" agent on: ./ops manage agent on {system.slug}, or the page Settings, or"
        f" POST /api/systems/{system.slug}/agent"
    )
