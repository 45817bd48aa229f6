"""`./ops diagnose BUNDLE`: the cause of an incident of any system, from files, with no portal and no database
running.
"""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.foreign import answers
from agent.foreign.result import Result
from agent.foreign.service import diagnose
from incidents.foreign import times
from incidents.plain import sure
from systems.readings import clean


def _path(text: str) -> Path:
    """A path that was given: an empty one would mean the folder one stands in."""
    if not text.strip():
        raise ArgumentTypeError("an empty path; name a folder, an archive or a file")
    return Path(text)


class Command(BaseCommand):
    help = (
        "Diagnose an incident from a folder, an archive or a file; with --answers a folder of them, scored."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "bundle", type=_path, nargs="?", help="a folder, an archive (zip, tar.gz) or a single file"
        )
        parser.add_argument("--json", type=Path, dest="json_file", help="write the result here, too")
        parser.add_argument(
            "--answers", type=_path, help="a folder of bundles with answers: diagnose and score each"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.console = Console(width=160, highlight=False)
        if (options["bundle"] is None) == (options["answers"] is None):
            raise CommandError("name one bundle, or a folder of them after --answers")
        if options["answers"] is not None:
            self._score(options["answers"], options["json_file"])
            return
        result = self._diagnose(options["bundle"])
        self._print(result)
        if options["json_file"]:
            _write(options["json_file"], result.as_json())

    def _diagnose(self, path: Path) -> Result:
        try:
            return diagnose(path)
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from None

    def _print(self, result: Result) -> None:
        words = {"cause": "CAUSE", "healthy": "NOTHING IS WRONG", "unknown": "NONE OF THESE"}
        self._line(f"{words[result.verdict]}: {result.why}")
        for number, s in enumerate(result.suspects, 1):
            since = (
                f", since {times.as_datetime(s.since):%Y-%m-%d %H:%M:%S UTC}"
                if s.since and s.since > times.OLDEST
                else ""
            )
            self._line(f"\n{number}. {sure(s.probability)}  {s.title}  [{s.cause}, {s.category}]{since}")
            if s.change is not None:
                at = times.as_datetime(s.change.at)
                self._line(f"     change {s.change.id}: {s.change.words} ({at:%Y-%m-%d %H:%M:%S UTC})")
            for text in s.pro[:6]:
                self._line(f"     + {text}")
            for text in s.con[:4]:
                self._line(f"     - {text}")
        if result.history:
            self._line("\nover by now:")
            for text in result.history[:6]:
                self._line(f"     {text}")
        read = ", ".join(f"{form} ({count})" for form, count in result.forms.items())
        self._line(f"\nread: {read or 'nothing'}; {result.seconds:.1f} s")
        for note in result.notes:
            self._line(f"note: {note}")

    def _line(self, text: str) -> None:
        head = "\n" * (len(text) - len(text.lstrip("\n")))
        indent = " " * (len(text.lstrip("\n")) - len(text.lstrip()))
        self.console.print(Text(head + indent + clean(text, 600)))

    def _score(self, folder: Path, json_file: Path | None) -> None:
        if not folder.is_dir():
            raise CommandError(f"{folder} is no folder")
        lines = []
        for path in answers.bundles(folder):
            result = self._diagnose(path)  # the answer is read only afterwards
            lines.append(answers.score(path.name, result, answers.wanted(path)))
        if not lines:
            raise CommandError(f"there is no bundle in {folder}")
        self.console.print(_table(lines))
        if json_file:
            _write(json_file, [line.as_json() for line in lines])


def _table(lines: list[answers.Line]) -> Table:
    counts: Counter[str] = Counter()
    of: Counter[str] = Counter()
    table = Table(title="Diagnosis against answers")
    for name in ("bundle", "verdict", "first hypothesis", "", "wanted", "right", "s"):
        table.add_column(name)
    for line in lines:
        lead = line.result.suspects[0] if line.result.suspects else None
        want = line.wanted
        wish = (
            "-"
            if want is None
            else "healthy"
            if want.healthy
            else " ".join([want.category, *want.components[:2]])
        )
        for name, good in line.checks.items():
            of[name] += 1
            counts[name] += good
        said = f"{lead.component}: {lead.cause} ({lead.category})" if lead is not None else "-"
        mark = (
            "-"
            if line.right is None
            else "yes"
            if line.right
            else "no: " + ", ".join(k for k, v in line.checks.items() if not v)
        )
        table.add_row(
            line.name,
            line.result.verdict,
            said,
            sure(lead.probability) if lead else "",
            wish,
            mark,
            f"{line.result.seconds:.1f}",
        )
    known = [line for line in lines if line.right is not None]
    words = [f"{sum(bool(line.right) for line in known)} of {len(known)} right"]
    words += [f"{name} {counts[name]} of {of[name]}" for name in of]
    table.caption = ", ".join(words)
    return table


def _write(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
