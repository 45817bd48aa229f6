"""`./ops gameday`: inject faults one by one, let the agent work, print and store one table."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from chaos import service
from chaos.gameday import booked, drive, file, modes, play, table
from chaos.gameday.baselines import BASELINES
from chaos.gameday.commit import commit_of
from chaos.gameday.draws import PLAIN, Draw
from chaos.gameday.plan import NotPossible, Wanted, plan
from chaos.gameday.quiet import watch
from chaos.models import GameDay
from opsportal.casebook import Keeper
from opsportal.picked import add_choice, with_sandbox
from opsportal.renamed import put_right, renamed
from systems.models import System


class Command(BaseCommand):
    help = (
        "Inject each fault, let the agent work, and score it. "
        "What the agent asks is approved fault by fault, and counted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add = parser.add_argument
        add("--faults", default="", help="comma-separated ids; none: only the quiet minutes")
        add("--all", action="store_true", help="every fault (the default)")
        add("--injectors", type=Path, metavar="DIR", help="faults from this folder (docs/injectors.md)")
        add("--mode", choices=modes.MODES, default=PLAIN, help="what it goes on in (README)")
        add("--unknown", type=int, default=0, metavar="N", help="N draws per seed of what no runbook knows")
        add("--untraceable", type=int, default=0, metavar="N", help="the same, with no change to be found")
        add("--pairs", type=int, default=0, metavar="N", help="N draws per seed of two faults at once")
        add("--blind", choices=modes.SOURCES, default="", help="with this source switched off")
        add("--seeds", type=int, default=1, help="runs of each fault (default 1)")
        add("--first-seed", type=int, default=1, metavar="S", help="seeds from this one on (default 1)")
        add(
            "--baseline", choices=["agent", *BASELINES], default="agent", help="who acts instead of the agent"
        )
        add("--quiet-minutes", type=float, default=0.0, help="also watch this long with no fault")
        add(
            "--decoys", type=int, default=0, metavar="N", help="so many harmless changes in the quiet minutes"
        )
        add("--timeout", type=float, default=150.0, help="seconds a run may take (default 150)")
        add("--json", type=Path, metavar="FILE", help="also write the table here")
        add("--resume", type=Path, metavar="FILE", help="add runs of the same commit to this table")
        add("--export", type=Path, metavar="DIR", help="also keep a bundle of each run here (./ops replay)")
        add("--small", action="store_true", help="bundles without what no signal reads")
        add_choice(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self._check(options)
        put_right()
        system = with_sandbox(options)
        if (other := booked.under_way(system)) is not None:
            raise CommandError(
                f"game day {other.pk}, begun by {other.by}, is under way on {system.slug}: stop it on its page"
            )
        gathered = self._gathered(options["resume"])
        baseline = "" if options["baseline"] == "agent" else options["baseline"]
        draws = self._draws(options, system)
        left = [d for d in draws if not gathered.has(d.name, d.seed, d.mode, baseline)]
        if len(left) < len(draws):
            self._say(f"{len(draws) - len(left)} of {len(draws)} runs are in {options['resume']} already")
        if not baseline and not system.agent_on:
            self._say(
                f"the agent only watches {system.slug}; for this game day it may act there, because you asked for one"
            )
        keep = Keeper(options["export"], system, options["small"]) if options["export"] else None

        def each(row: file.Row) -> None:
            gathered.rows.append(row)
            self._write(gathered, options)

        gathered.head.setdefault("commit", commit_of(settings.BASE_DIR) or None)
        with closing(self._systems(system, left, options)) as systems:
            for one, mine in systems:
                day = self._play(drive.Driver(one, baseline, self._say, keep=keep), mine, options, each)
        for why in keep.failed if keep else ():
            self.stderr.write(f"no bundle of {why}")
        gathered.head = table.head_of(day) | gathered.head | ({"quiet": day.quiet} if day.quiet else {})
        self._show(gathered, day)
        self._write(gathered, options)

    def _systems(
        self, plain: System, draws: list[Draw], options: dict[str, Any]
    ) -> Generator[tuple[System, list[Draw]], None, None]:
        """What is played, and on what: the sandbox itself, or one under other names for each seed."""
        if options["mode"] != modes.RENAMED:
            yield plain, draws
            return
        if service.driver_of(plain) != "process":
            raise CommandError(
                "--mode renamed is for a sandbox of processes: containers have the names of their project"
            )
        for seed in sorted({draw.seed for draw in draws}) or [options["first_seed"]]:
            with renamed(plain, seed, self._say) as other:
                yield other, [draw for draw in draws if draw.seed == seed]

    def _play(
        self, driver: drive.Driver, draws: list[Draw], options: dict[str, Any], each: play.Each
    ) -> GameDay:
        """All runs and the quiet minutes, in the mode that is asked for."""
        source, system, timeout_s = options["blind"], driver.system, options["timeout"]
        mode = f"blind to {source}" if source else options["mode"]
        _ = driver.loaded  # what the game day measures by is what there was before
        with ExitStack() as stack:
            stack.enter_context(modes.within(options["mode"], driver.site, options["first_seed"]))
            if source:
                sight = stack.enter_context(modes.blind(system, source))
                driver.before = lambda: sight.renew(timeout_s)
            day = play.play(driver, draws, "command line", timeout_s, mode=mode, each=each)
            if options["quiet_minutes"]:
                told = driver.keep.quiet if isinstance(driver.keep, Keeper) else None
                quiet = watch(
                    system, options["quiet_minutes"], self._say, changes=options["decoys"], keep=told
                )
                GameDay.objects.filter(pk=day.pk).update(quiet=quiet)
                day.refresh_from_db()
        return day

    def _show(self, gathered: file.Gathered, day: GameDay) -> None:
        console = Console(width=220)
        console.print(table.as_table(gathered.rows, f"Game day {day.pk}"))
        console.print(table.as_summary(gathered.rows, day))

    def _check(self, options: dict[str, Any]) -> None:
        if options["seeds"] < 1 or options["first_seed"] < 1:
            raise CommandError("--seeds and --first-seed are whole numbers from 1")
        if options["decoys"] and not options["quiet_minutes"]:
            raise CommandError("--decoys is for --quiet-minutes; around faults they are --mode decoys")
        if min(options["unknown"], options["untraceable"], options["pairs"]) < 0:
            raise CommandError("--unknown, --untraceable and --pairs are whole numbers from 0")
        if options["mode"] == modes.RENAMED and options["export"]:
            raise CommandError(
                "--export does not go with --mode renamed: answers are kept in the names of the plain one"
            )
        if options["blind"] and options["mode"] != PLAIN:
            raise CommandError("--blind goes with --mode plain: one thing at a time")

    def _gathered(self, path: Path | None) -> file.Gathered:
        if path is None:
            return file.Gathered()
        try:
            return file.resumed(path, commit_of(settings.BASE_DIR))
        except file.CannotResume as error:
            raise CommandError(str(error)) from None

    def _write(self, gathered: file.Gathered, options: dict[str, Any]) -> None:
        for path in (options["resume"], options["json"]):
            if path is not None:
                gathered.write(path)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _draws(self, options: dict[str, Any], system: System) -> list[Draw]:
        wanted = Wanted(
            [name.strip() for name in options["faults"].split(",") if name.strip()],
            range(options["first_seed"], options["first_seed"] + options["seeds"]),
            options["mode"],
            options["all"],
            options["unknown"],
            options["untraceable"],
            options["pairs"],
            options["injectors"],
            options["blind"],
        )
        try:
            return plan(wanted, system)
        except NotPossible as error:
            raise CommandError(str(error)) from None
