"""`manage.py register_system PATH`: put a system under care."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from systems import services
from systems.describe import describe, doubts
from systems.manifest import ManifestError
from systems.tryout import misnamed, try_out


class Command(BaseCommand):
    help = "Register (or update) the system described by a manifest. Safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("manifest", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
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
            for line in describe(loaded):
                self.stdout.write(f"  {line}")
            for line in [*misnamed(loaded), *try_out(loaded), *doubts(loaded)]:
                self.stdout.write(self.style.WARNING(f"  mind: {line}"))
