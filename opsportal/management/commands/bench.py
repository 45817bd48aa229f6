"""`./ops bench`: measure the running copy and print one table."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from incidents.evidence import SignalState
from opsportal.bench import (
    answering,
    bundle,
    crowd,
    loglines,
    page,
    recovery,
    sizes,
    thinking,
    ticks,
    watching,
)
from opsportal.bench.beside import comparing, portal
from opsportal.bench.figures import Row
from opsportal.local import webserver
from opsportal.local.errors import LocalError
from opsportal.picked import add_choice, chosen
from systems import services

PARTS = ("kill", "hang", "watcher", "page", "reasoner", "sizes", "search")
ALONE = {"diagnose": bundle.measure, "sizes": sizes.measure}  # need no portal


class Command(BaseCommand):
    help = "Measure recovery, the watcher's cost, the way to the page, the reasoner and the search. Takes some minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "alone",
            nargs="?",
            choices=[*ALONE, "logs", "page", "watch", "recovery"],
            help="only this, with no portal running",
        )
        parser.add_argument("--only", default="", help=f"comma-separated: {', '.join(PARTS)}")
        parser.add_argument(
            "--repeats", type=int, help="killed and hung processes (default 10, of `recovery` 5)"
        )
        parser.add_argument(
            "--seconds",
            type=float,
            help="of watching the watcher, or the crowd of `page` (default 60, of `watch` 10)",
        )
        parser.add_argument(
            "--services",
            type=int,
            help="of `watch`: so many; without it the most that it carries are looked for",
        )
        parser.add_argument(
            "--events", type=int, default=30, help="events on their way to the page (default 30)"
        )
        parser.add_argument(
            "--sets",
            type=Path,
            help="of `logs`: a folder of NAME.log and NAME.log_structured.csv, as public sets of logs come",
        )
        parser.add_argument(
            "--viewers",
            type=int,
            default=200,
            help="of `page`: open dashboards, and a quarter on one incident",
        )
        parser.add_argument("--incidents", type=int, default=5000, help="of `page`: of the history")
        parser.add_argument("--web", type=int, default=webserver.count(), help="of `page`: web processes")
        parser.add_argument("--json", type=Path, dest="json_file", help="write all samples to this file")
        add_choice(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = Console(width=int(os.environ.get("COLUMNS") or 150))
        if options["alone"] == "logs":
            try:
                self._end(loglines.measure(options["sets"]), options["json_file"])
            except (OSError, ValueError, KeyError) as error:
                raise CommandError(f"{options['sets']}: {error}") from None
            return
        if options["alone"] == "watch":
            self._end(self._watch(options), options["json_file"])
            return
        if options["alone"] == "recovery":
            self._end(
                comparing.measure(options["repeats"] or 5, self._say, portal.hung), options["json_file"]
            )
            return
        if options["alone"] == "page":
            self._end(self._crowd(options), options["json_file"])
            return
        if options["alone"]:
            self._end([ALONE[options["alone"]]()], options["json_file"])
            return
        parts = [p for p in options["only"].split(",") if p] or list(PARTS)
        if unknown := [p for p in parts if p not in PARTS]:
            raise CommandError(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
        self.row = chosen(options)
        self.picture: list[SignalState] = []
        rows: list[Row] = []
        for part in parts:
            self.console.print(f"[bold]{part}[/bold] ...")
            try:
                rows.append(self._parts(options)[part]())
            except (recovery.NotSteady, ticks.NoPortal) as error:
                rows.append(Row(part, "not measured", note=str(error)))
        self._end(rows, options["json_file"])
        if any(r.figure == "not measured" for r in rows):
            raise CommandError("not everything could be measured; the table says why")

    def _crowd(self, options: dict[str, Any]) -> list[Row]:
        viewers = options["viewers"]
        of = crowd.Crowd(
            viewers, max(1, viewers // 4), options["incidents"], options["web"], options["seconds"] or 60.0
        )
        try:
            return crowd.measure(of, lambda text: self.console.print(text, markup=False))
        except (crowd.NotMeasured, LocalError) as error:
            raise CommandError(str(error)) from None

    def _parts(self, options: dict[str, Any]) -> dict[str, Callable[[], Row]]:
        loaded = services.load(self.row.slug)
        url = os.environ.get("OPSPORTAL_URL", "")
        return {
            "kill": lambda: self._recovery(signal.SIGKILL, options["repeats"] or 10),
            "hang": lambda: self._recovery(signal.SIGSTOP, options["repeats"] or 10),
            "watcher": lambda: ticks.measure(
                Path(settings.OPSPORTAL_DATA), loaded, options["seconds"] or 60.0
            ),
            "page": lambda: page.measure(self.row, url, options["events"]),
            "reasoner": lambda: thinking.reason(loaded, self.picture, 50),
            "sizes": sizes.measure,
            "search": thinking.find,
        }

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False)

    def _watch(self, options: dict[str, Any]) -> list[Row]:
        services, seconds = options["services"], options["seconds"] or 10.0
        if services is not None and not 1 <= services <= watching.MOST:
            raise CommandError(f"--services: from 1 to {watching.MOST}")
        if seconds < 1:
            raise CommandError("--seconds: at least 1")
        try:
            return watching.measure(services, seconds, self._say)
        except (watching.NotWatched, answering.NotAnswering, LocalError) as error:
            raise CommandError(str(error)) from None

    def _end(self, rows: list[Row], json_file: Path | None) -> None:
        self._print(rows)
        if json_file:
            json_file.write_text(json.dumps({"rows": [r.as_json() for r in rows]}, indent=2) + "\n")

    def _recovery(self, number: signal.Signals, repeats: int) -> Row:
        found = recovery.measure(
            self.row,
            services.load(self.row.slug),
            number,
            repeats,
            self._say,
        )
        self.picture = found.picture or self.picture
        return found.row()

    def _print(self, rows: list[Row]) -> None:
        where = f"{self.row.title}, " if hasattr(self, "row") else ""
        table = Table(title=f"{where}{os.cpu_count()} cores", show_lines=True)
        for column in ("what", "measured", "beside", "how"):
            table.add_column(column)
        for row in rows:
            table.add_row(row.name, row.figure, row.peers, row.note)
        self.console.print(table)
