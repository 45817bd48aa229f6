"""`python -m systems.supervisor PROCESSES.yaml [--die-with-parent]`"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from .config import ConfigError, load


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m systems.supervisor", description="Runs and watches services."
    )
    parser.add_argument("file", type=Path, help="processes.yaml")
    parser.add_argument("--die-with-parent", action="store_true", help="stop everything when our parent ends")
    parser.add_argument(
        "--leash", type=int, metavar="FD", help="stop everything when nobody holds the other end of this pipe"
    )
    options = parser.parse_args()
    parent = os.getppid() if options.die_with_parent else None
    try:
        config = load(options.file)
        from .core import Supervisor

        asyncio.run(Supervisor(config).run(parent, options.leash))
    except ConfigError as exc:
        print(exc, file=sys.stderr)
        return 2
    except OSError as exc:
        print(f"{options.file}: cannot run here: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
