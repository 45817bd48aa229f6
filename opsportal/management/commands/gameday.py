"""`./ops gameday`: inject faults one by one, let the agent work, print and store one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from chaos import service
from chaos.alterations import LoadFailed
from chaos.gameday import drive, table
from chaos.gameday.quiet import watch
from chaos.models import GameDay
from chaos.registry import FAULTS, add
from opsportal.casebook import Keeper
from opsportal.picked import add_choice, with_sandbox

MODES = ("plain", "decoys")


class Command(BaseCommand):
    help = (
        "Inject each fault, let the agent work, and score it. "
        "What the agent asks is approved fault by fault, and counted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--faults", default="", help="comma-separated ids; none: only the quiet minutes")
        parser.add_argument(
            "--injectors",
            type=Path,
            help="faults from this folder (chaos/alterations.py says how they are written)",
        )
        parser.add_argument("--mode", choices=MODES, default=MODES[0], help="decoys: amid harmless changes")
        parser.add_argument("--all", action="store_true", help="every fault (the default)")
        parser.add_argument("--seeds", type=int, default=1, help="runs of each fault (default 1)")
        parser.add_argument("--baseline", choices=["agent", "none", "restart"], default="agent")
        parser.add_argument(
            "--quiet-minutes", type=float, default=0.0, help="also watch this long with no fault"
        )
        parser.add_argument(
            "--decoys",
            type=int,
            default=0,
            metavar="N",
            help="with so many harmless changes in the quiet minutes",
        )
        parser.add_argument(
            "--timeout", type=float, default=150.0, help="seconds a run may take (default 150)"
        )
        parser.add_argument("--json", type=Path, help="also write the table here")
        parser.add_argument("--export", type=Path, help="also keep a bundle of each run here (./ops replay)")
        parser.add_argument("--small", action="store_true", help="bundles without what no signal reads")
        add_choice(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["seeds"] < 1:
            raise CommandError("--seeds is a whole number from 1")
        if options["decoys"] and not options["quiet_minutes"]:
            raise CommandError("--decoys is for --quiet-minutes; around faults they are --mode decoys")
        system = with_sandbox(options)
        faults = self._faults(options["faults"], options["injectors"])
        baseline = "" if options["baseline"] == "agent" else options["baseline"]
        if not baseline and not system.agent_on:
            self._say(
                f"the agent only watches {system.slug}; for this game day it may act there, because you asked for one"
            )
        keep = Keeper(options["export"], system, options["small"]) if options["export"] else None
        driver = drive.Driver(system, baseline, self._say, keep=keep, decoys=options["mode"] == "decoys")
        day = drive.play(driver, faults, options["seeds"], "command line", options["timeout"])
        if options["quiet_minutes"]:
            told = keep.quiet if keep else None
            quiet = watch(system, options["quiet_minutes"], self._say, changes=options["decoys"], keep=told)
            GameDay.objects.filter(pk=day.pk).update(quiet=quiet)
            day.refresh_from_db()
        for why in keep.failed if keep else ():
            self.stderr.write(f"no bundle of {why}")
        Console(width=200).print(table.as_table(day))
        if options["json"]:
            table.write_json(day, options["json"])

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _faults(self, text: str, injectors: Path | None) -> list[str]:
        """Those that are named; else all of the folder, or of the product where there is none."""
        try:
            known = add(injectors) if injectors is not None else list(FAULTS)
        except LoadFailed as error:
            raise CommandError(str(error)) from None
        names = [n.strip() for n in text.split(",") if n.strip()] or known
        if names == ["none"]:
            return []
        try:
            return [service.resolve(n)[0] for n in names]
        except service.Refused as error:
            raise CommandError(str(error)) from None
