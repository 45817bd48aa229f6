"""`./ops break ID`: put one fault in, from the terminal."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chaos import service
from chaos.models import Injection
from chaos.registry import FAULTS
from opsportal.picked import only_system


class Command(BaseCommand):
    help = "Inject one fault into the running sandbox. It ends by itself at its deadline."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("fault", help=f"one of: {', '.join(FAULTS)}")
        parser.add_argument("--system", default="", help="slug; needed only when there are several")
        parser.add_argument("--duration", type=float, help="seconds until it is taken back (at most 600)")
        parser.add_argument("--force", action="store_true", help="even if the system is already sick")

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["system"] or only_system()
        try:
            row = service.press(
                slug,
                options["fault"],
                by="command line",
                duration_s=options["duration"],
                force=options["force"],
            )
        except service.Refused as error:
            raise CommandError(str(error)) from None
        row = service.run(str(row.pk))
        if row.status == Injection.Status.FAILED:
            raise CommandError(f"{row.fault} could not be put in: {row.error}")
        self.stdout.write(f"{row.fault} is in; it ends by itself at {row.deadline:%H:%M:%S} UTC")
        self.stdout.write(f"take it back with: ./ops revert {row.fault}")
