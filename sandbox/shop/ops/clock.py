"""`python -m shop.ops.clock tracking | makestep | step SECONDS`: the clock of the machine that a part runs on.

tracking: how far it is from the right time, as JSON. makestep: set it right. step: set it that far off, to take a
makestep back. Which clock: CLOCK_FILE of the environment.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ..kit import clock


def main(argv: list[str]) -> int:
    path = Path(os.environ["CLOCK_FILE"])
    if argv == ["tracking"]:
        print(json.dumps({"offset_s": clock.read(path)}))
    elif argv == ["makestep"]:
        put(path, 0.0)
    elif len(argv) == 2 and argv[0] == "step":
        put(path, float(argv[1]))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


def put(path: Path, seconds: float) -> None:
    """In one step: whoever reads it never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(f"{seconds:+g}\n")
    fresh.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
