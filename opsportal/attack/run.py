"""Run the chosen attacks one after the other; one line of verdict each."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from opsportal.attack.base import Context, Part, Say, Verdict


def run(parts: Sequence[Part], form: str, say: Say) -> list[Verdict]:
    """All verdicts. A part that cannot be run is broken, and says why."""
    found = []
    with tempfile.TemporaryDirectory(prefix="opsportal-attack-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # the embedded Postgres runs as somebody else and walks through it
        for number, part in enumerate(parts, 1):
            say(f"[{number}/{len(parts)}] {part.name}: {part.title}")
            verdict, began = Verdict(part.name), time.monotonic()
            try:
                part.run(Context(Path(folder), form, say), verdict)
            except Exception as error:
                verdict.broken.append(f"could not be tried to the end: {type(error).__name__}: {error}")
            verdict.seconds = time.monotonic() - began
            found.append(verdict)
            say(verdict.line())
    return found


def write_json(verdicts: Sequence[Verdict], form: str, path: Path) -> None:
    rows = [verdict.as_json() for verdict in verdicts]
    path.write_text(
        json.dumps({"form": form, "holds": all(v.holds for v in verdicts), "parts": rows}, indent=1) + "\n"
    )
