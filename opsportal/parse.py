"""`./ops parse`: how the product reads a log, with no portal and no database: one JSON object a record."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections import deque
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from incidents.signals.judging.wordset import WordSet, wordset
from systems.logs.files import Unreadable, lines_of
from systems.logs.joining import records
from systems.logs.records import Record
from systems.logs.templates import Cluster, Miner

HELD_BACK = 20_000  # records before the first is told: a template is only known once several lines were seen


def main(argv: list[str]) -> int:
    options = _options(argv)
    try:
        for item in told(options.file, options.zone):
            sys.stdout.write(item)
        sys.stdout.flush()
    except Unreadable as error:
        return _fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read it has enough
        return 1
    except OSError as error:
        return _fail(f"{error.filename or options.file}: {error.strerror or error}")
    return 0


def told(file: str, zone: tzinfo | None = None) -> Iterator[str]:
    """A line of JSON for each record of the file (`-`: what comes in)."""
    miner, words = Miner(), wordset()
    waiting: deque[tuple[Record, Cluster]] = deque()
    broken: Unreadable | OSError | None = None
    try:
        for record in records(lines_of(file)):
            waiting.append((record, miner.cluster(record.said)[0]))
            if len(waiting) > HELD_BACK:
                yield _line(*waiting.popleft(), words, zone)
    except (Unreadable, OSError) as error:  # of a file that breaks off what could be read is told
        broken = error
    while waiting:
        yield _line(*waiting.popleft(), words, zone)
    if broken is not None:
        raise broken


def _line(record: Record, cluster: Cluster, words: WordSet, zone: tzinfo | None) -> str:
    at = record.time(zone)
    told: dict[str, Any] = {
        "time": at.isoformat() if at is not None else None,
        "level": record.level.name if record.level is not None else None,
        "rank": record.rank,
        "text": record.text,
        "template": cluster.now().label,
        "signals": list(words.of_record(record)),
    }
    if record.fault.exception:
        told |= {"exception": record.fault.exception, "cause": record.fault.cause or record.fault.said}
    return json.dumps(told, ensure_ascii=False) + "\n"


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ops parse",
        description="Show how a log is read: one JSON object a record, with `time` (null where the log tells no zone), "
        "`level`, `rank` (0 information or lower, 1 warning, 2 error or higher), `text`, `template`, `signals`, and "
        "of an exception its name and deepest cause.",
    )
    parser.add_argument("file", help="a log file, also packed by gzip or in UTF-16; - for standard input")
    parser.add_argument("--zone", type=_zone, help="of time stamps that tell none, e.g. Europe/Berlin")
    return parser.parse_args(argv)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"there is no time zone {name!r}") from None


def _fail(why: str) -> int:
    sys.stderr.write(f"ops: {why}\n")
    return 1


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
