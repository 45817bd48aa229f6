"""`manage.py export_case NUMBER DIR`: an incident with all its evidence, as a folder that can be replayed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from incidents.bundles import BundleError
from opsportal import casebook


class Command(BaseCommand):
    help = "Write an incident and its evidence, without secrets, to a new folder; see docs/bundle.md."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", type=int, help="the incident's number")
        parser.add_argument("dir", type=Path, help="the folder to make")
        parser.add_argument("--small", action="store_true", help="without what no signal of today reads")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["dir"]
        try:
            bundle = casebook.export_incident(
                options["number"], folder, "command line", small=options["small"]
            )
        except FileExistsError:
            raise CommandError(f"{folder} is there already: name a new folder") from None
        except (LookupError, BundleError, OSError) as error:
            raise CommandError(str(error)) from None
        size = sum(f.stat().st_size for f in folder.iterdir())
        self.stdout.write(
            f"{folder}: {len(bundle.ticks)} looks, {bundle.seconds:.0f} s, {size / 1000:.0f} kB"
        )
