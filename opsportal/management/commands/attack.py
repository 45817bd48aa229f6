"""`./ops attack [NAME,...] [--long] [--json FILE]`: attacks portals of its own; exit 0 only if every verdict holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from opsportal.attack import run
from opsportal.attack.registry import PARTS


class Command(BaseCommand):
    help = "Attack portals of its own in scratch folders: " + "; ".join(
        f"{p.name}: {p.title}" for p in PARTS.values()
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "parts", nargs="?", default="", help=f"comma-separated, of: {', '.join(PARTS)} (all)"
        )
        form = parser.add_mutually_exclusive_group()
        form.add_argument(
            "--long", dest="form", action="store_const", const="long", help="more of everything"
        )
        form.add_argument(
            "--brief", dest="form", action="store_const", const="brief", help="the least, as in CI"
        )
        parser.add_argument("--json", type=Path, help="also write the verdicts here")
        parser.set_defaults(form="short")

    def handle(self, *args: Any, **options: Any) -> None:
        names = [name.strip() for name in options["parts"].split(",") if name.strip()] or list(PARTS)
        if unknown := [name for name in names if name not in PARTS]:
            raise CommandError(f"there is no attack {', '.join(unknown)}; there are: {', '.join(PARTS)}")
        if options["json"] and not options["json"].resolve().parent.is_dir():
            raise CommandError(f"{options['json'].parent}: there is no such folder for the verdicts")
        verdicts = run.run([PARTS[name] for name in names], options["form"], self._say)
        if options["json"]:
            run.write_json(verdicts, options["form"], options["json"])
        broken = [verdict.part for verdict in verdicts if not verdict.holds]
        if broken:
            raise CommandError(f"{len(broken)} of {len(verdicts)} verdicts do not hold: {', '.join(broken)}")
        self._say(f"all {len(verdicts)} verdicts hold")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
