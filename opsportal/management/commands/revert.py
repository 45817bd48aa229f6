"""`./ops revert [ID | --all]`: take faults back, with the portal dead or alive."""

from __future__ import annotations

import contextlib
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from chaos import injector, service
from chaos.registry import FAULTS


class Command(BaseCommand):
    help = "Take back a running fault, or all of them. Needs no database, only the injector's journal."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("fault", nargs="?", help="the fault's id; without it, all")
        parser.add_argument("--all", action="store_true", help="everything that runs")

    def handle(self, *args: Any, **options: Any) -> None:
        journal, wanted = service.journal(), ""
        if options["fault"]:
            try:
                wanted, _ = service.resolve(options["fault"])
            except service.Refused as error:
                raise CommandError(str(error)) from None
        entries = [e for e in journal.live() if not wanted or e.fault == wanted]
        for entry in entries:
            injector.revert(journal, entry.id, "command line")
            self.stdout.write(f"taken back: {FAULTS[entry.fault].title}")
        if not entries:
            self.stdout.write("nothing to take back: no such fault is running")
        with contextlib.suppress(DatabaseError):
            service.sync()
