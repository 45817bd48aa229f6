"""`./ops manage gameday_report FILE... --out docs/gamedays/NAME.md`: the files of game days as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chaos.gameday import file, report


class Command(BaseCommand):
    help = "Write the files of game days (./ops gameday --json, --resume) as one Markdown page."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--out", type=Path, help="write it here; else it is printed")

    def handle(self, *args: Any, **options: Any) -> None:
        rows: list[file.Row] = []
        commits = []
        for path in options["files"]:
            try:
                found = file.read(path)
            except file.CannotResume as error:
                raise CommandError(str(error)) from None
            rows += found.rows
            commits += [found.head["commit"]] if found.head.get("commit") else []
        text = report.page(rows, commits)
        if options["out"] is None:
            self.stdout.write(text)
        else:
            options["out"].write_text(text)
