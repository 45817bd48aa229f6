"""`python -m sandbox prepare|reset --dir DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .build.postgres import PostgresFailed
from .build.prepare import prepare, reset


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A small production to look after."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("prepare", help="write everything the shop needs (may be run again)")
    make.add_argument("--dir", type=Path, required=True)
    make.add_argument("--port-base", type=int, default=18080)
    make.add_argument(
        "--pg-bin", type=Path, required=True, help="folder with initdb, postgres, pg_dump and psql"
    )
    make.add_argument("--redis-server", type=Path, required=True)
    back = commands.add_parser("reset", help="golden files, releases and database as on the first day")
    back.add_argument("--dir", type=Path, required=True)
    options = parser.parse_args()
    try:
        if options.command == "prepare":
            layout = prepare(options.dir, options.port_base, options.pg_bin, options.redis_server)
            print(f"prepared {layout.root}, front door {layout.url('gateway', '/')}")
        else:
            restarted = reset(options.dir)
            print(f"reset {options.dir}" + (f", restarted {', '.join(restarted)}" if restarted else ""))
    except (OSError, PostgresFailed, RuntimeError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
