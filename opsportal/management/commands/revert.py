"""`./ops revert [ID | --all]`: take faults back, with the portal dead or alive."""

from __future__ import annotations

import contextlib
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from chaos import injector, service
from chaos.faults.base import NotUndone
from chaos.journal import Entry, Journal
from chaos.registry import title_of


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
        whole = [self._take_back(journal, entry) for entry in entries]
        if not entries:
            self.stdout.write("nothing to take back: no such fault is running")
        for entry_id in journal.damaged():
            self.stdout.write(f"cannot be read: {journal.folder / entry_id}.json")
        with contextlib.suppress(DatabaseError):
            service.sync()
        if not all(whole):
            raise CommandError(
                "some of it is left: the portal does it first of all when it starts again (./ops up)"
            )

    def _take_back(self, journal: Journal, entry: Entry) -> bool:
        """Whether nothing is left of it."""
        title = title_of(entry.fault)
        try:
            injector.revert(journal, entry.id, "command line")
        except NotUndone as error:
            self.stdout.write(f"taken back as far as can be: {title}; left for the next start:")
            for part in error.left:
                self.stdout.write(f"  - {part}")
            return False
        self.stdout.write(f"taken back: {title}")
        return True
