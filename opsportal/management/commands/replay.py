"""`./ops replay DIR...`: bundles through detection and diagnosis again, with no portal and no database running."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from agent.replay import Said, many, tally
from agent.replay.score import Line
from incidents.bundles import BundleError, folder

YES = {True: "yes", False: "no", None: "-"}


class Command(BaseCommand):
    help = "Replay recorded cases and compare the diagnosis with the answer, where there is one."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dirs", type=Path, nargs="+", help="bundles, or folders of bundles")
        parser.add_argument("--json", type=Path, help="also write the results here")
        parser.add_argument("--pin", type=Path, help="write what each case gives here, in short")
        parser.add_argument(
            "--against", type=Path, help="say what became right or wrong since that was written"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        then = _pinned(options["against"]) if options["against"] else None
        paths = folder.find(options["dirs"])
        if not paths:
            raise CommandError("there is no bundle: a folder with a bundle.json")
        try:
            lines = list(many.lines(paths))
        except BundleError as error:
            raise CommandError(str(error)) from None
        console = Console(width=200)
        console.print(as_table(lines))
        if kinds := tally.tallies(lines):
            console.print(by_kind(kinds))
        for words in tally.moved(lines, then or {}):
            console.print(words)
        if options["json"]:
            _write(options["json"], [line.as_json() for line in lines])
        if options["pin"]:
            _write(options["pin"], tally.pin(lines))


def _pinned(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} is nothing that --pin has written: {error}") from None


def _write(path: Path, item: Any) -> None:
    path.write_text(json.dumps(item, indent=1) + "\n")


def as_table(lines: Sequence[Line]) -> Table:
    table = Table(title="Replay", caption=summary(lines))
    for name in (
        "bundle", "opened", "first diagnosis", "", "at", "right", "last", "", "ended", "at", "right", "as live",
        "lasted s", "took s",
    ):  # fmt: skip
        table.add_column(name)
    for line in lines:
        r = line.replayed
        table.add_row(
            line.name, _seconds(r.opened_at), *_said(r.first), _seconds(r.first.at if r.first else None),
            YES[line.right], *_said(r.last), r.ended or "-", _seconds(r.ended_at), YES[line.last_right],
            YES[line.as_live], f"{r.lasted_s:.0f}", f"{r.took_s:.2f}",
        )  # fmt: skip
    return table


def by_kind(kinds: Sequence[tally.Tally]) -> Table:
    table = Table(title="By kind")
    for name in (
        "kind", "cases", "first right", "last right", "nothing said", "first wrong, stated at 60 % or more",
        "right of those stated at 90 % or more", "mean confidence when right", "when wrong",
    ):  # fmt: skip
        table.add_column(name, max_width=20)
    for t in kinds:
        table.add_row(
            t.kind or "all", str(t.cases), str(t.first_right), str(t.last_right), str(t.silent), str(t.wrong),
            f"{t.sure_right} of {t.sure}", _share(t.confidence_right), _share(t.confidence_wrong),
            end_section=bool(t.kind) and t is kinds[-2 if len(kinds) > 1 else -1],
        )  # fmt: skip
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def summary(lines: Sequence[Line]) -> str:
    known = [line for line in lines if line.right is not None]
    live = [line for line in lines if line.as_live is not None]
    took = sum(line.replayed.took_s for line in lines)
    lasted = sum(line.replayed.lasted_s for line in lines)
    words = [f"{len(lines)} bundles, {lasted:.0f} s of them in {took:.1f} s"]
    if known:
        words.append(f"first diagnosis right in {sum(bool(x.right) for x in known)} of {len(known)}")
        words.append(f"last in {sum(bool(x.last_right) for x in known)}")
    if live:
        words.append(f"first as live in {sum(bool(x.as_live) for x in live)} of {len(live)}")
    return ", ".join(words)


def _said(said: Said | None) -> tuple[str, str]:
    if said is None:
        return "-", ""
    return said.key, "said" if said.stated else f"{said.probability:.0%}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
