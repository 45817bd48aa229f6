"""Which code ran: what was measured of one commit says nothing of another one."""

from __future__ import annotations

import subprocess
from pathlib import Path

ASK_S = 5.0
CHANGED = "+changed"


def commit_of(folder: Path) -> str:
    """The commit of a checkout, with CHANGED where its files differ from that; "" where none can be told."""
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        return ""
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{head}{CHANGED}" if changed is None or changed else head


def _git(folder: Path, *argv: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *argv], capture_output=True, text=True, timeout=ASK_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
