"""Points a command at the running copy: DATABASE_URL and REDIS_URL from its run file.

In a container the environment names them already, and a command started there as root becomes the portal's user.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsportal.containers.stepdown import step_down

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Attached:
    """What a command is connected to. `explicit`: DATABASE_URL was given; `running`: an `up` is alive."""

    running: bool
    explicit: bool
    data_dir: Path

    @property
    def hint(self) -> str:
        mend = "start it with ./ops up, or name its folder with --data DIR"
        return f"nothing is running in {self.data_dir}: {mend}"


def run_file(data_dir: Path) -> Path:
    return data_dir / "run" / "up.json"


def read(data_dir: Path) -> dict[str, Any] | None:
    """The run file of the `up` that lives in data_dir, None when there is none alive."""
    try:
        state: dict[str, Any] = json.loads(run_file(data_dir).read_text())
        os.kill(int(state["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return None
    return state


def take_data_option(argv: list[str]) -> tuple[list[str], str | None]:
    """Remove `--data DIR` from argv; every command accepts it."""
    rest: list[str] = []
    chosen: str | None = None
    words = iter(argv)
    for word in words:
        if word == "--data":
            chosen = next(words, None)
        elif word.startswith("--data="):
            chosen = word.removeprefix("--data=")
        else:
            rest.append(word)
    return rest, chosen


def attach(argv: list[str]) -> tuple[list[str], Attached]:
    """Set the environment for Django's settings; returns argv without --data."""
    step_down()
    argv, chosen = take_data_option(argv)
    data_dir = Path(chosen or os.environ.get("OPSPORTAL_DATA") or ROOT / ".data").resolve()
    os.environ["OPSPORTAL_DATA"] = str(data_dir)
    explicit = "DATABASE_URL" in os.environ or "DATABASE_URL_FILE" in os.environ
    state = read(data_dir)
    if state:
        os.environ.setdefault("DATABASE_URL", state["database_url"])
        os.environ.setdefault("REDIS_URL", state["redis_url"])
        os.environ.setdefault("OPSPORTAL_URL", state["url"])
    return argv, Attached(running=state is not None, explicit=explicit, data_dir=data_dir)
