"""How fast logs are read, from raw line to template, and how well lines of one kind are recognised as such.

Sets with a known answer are read from a folder (`--sets`: NAME.log beside NAME.log_structured.csv with a column
EventId, as the public sets of loghub come). Without one, lines of known kinds are made up, in several dialects.
"""

from __future__ import annotations

import csv
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from opsportal.bench.figures import Row
from systems.logs.joining import records
from systems.logs.templates import Miner

MADE_UP = 4000  # lines of each made-up set
SEED = 20
KINDS = (
    "connection from {ip} closed after {n} ms",
    "order {n} of {name} shipped to {city}",
    "cannot reach {host}: timed out after {n} s",
    "GET /item/{n} took {n} ms",
    "user {name} signed in from {ip}",
    "user {name} signed out",
    "job {hex} started on worker-{n}",
    "job {hex} failed on worker-{n}: exit code {n}",
    "cache hit ratio {f} over {n} requests",
    "cache emptied by {name}",
    "table {name}_{n} vacuumed in {f} s",
    "retrying {host} in {n} s (attempt {n})",
    "checkpoint complete: wrote {n} buffers ({f}%)",
    "session {hex} expired",
    "disk {path} is {n}% full",
    "slow query ({n} ms) on {host}",
)
DIALECTS = {
    "stamped": "2026-03-02 10:00:{s:02},123 {LEVEL} [worker-{t}] app.core.Module: {said}",
    "json": '{{"ts":"2026-03-02T10:00:{s:02}.123Z","level":"{level}","logger":"core","msg":"{said}","pid":{t}}}',
    "logfmt": 'time=2026-03-02T10:00:{s:02}Z level={level} caller=core.go:17 msg="{said}"',
    "syslog": "Mar  2 10:00:{s:02} host-{t} app[{t}]: {said}",
    "postgres": "2026-03-02 10:00:{s:02}.123 UTC [{t}] web@books LOG:  {said}",
}


class Sample(NamedTuple):
    """Lines, and the kind that each of them is of."""

    name: str
    lines: list[bytes]
    kinds: list[str]


def measure(folder: Path | None = None) -> list[Row]:
    """Records a second (one core) and grouping accuracy, of each set and of all. ValueError: no set is there."""
    samples = list(_sets(folder) if folder is not None else _made_up())
    if not samples:
        raise ValueError("there is no NAME.log with a NAME.log_structured.csv beside it")
    read, spent, told, data = 0, 0.0, [], {}
    for sample in samples:
        began = time.process_time()
        groups = grouped(sample.lines)
        took = time.process_time() - began
        read, spent = read + len(groups), spent + took
        right = accuracy(groups, sample.kinds)
        data[sample.name] = {"records": len(groups), "seconds": round(took, 3), "accuracy": round(right, 4)}
        told.append(f"{sample.name} {right:.3f}")
    mean = sum(float(d["accuracy"]) for d in data.values()) / len(data)
    where = f"sets of {folder}" if folder is not None else f"lines made up for it, {MADE_UP} in each dialect"
    return [
        Row("log records", f"{read / spent:,.0f} a second", "-", f"{read} from raw line to template; {where}"),
        Row("kinds of line", f"{mean:.3f} grouped as they should be", "-", ", ".join(told),
            {"mean": round(mean, 4), "records_per_second": round(read / spent), "sets": data}),
    ]  # fmt: skip


def grouped(lines: Sequence[bytes]) -> list[int]:
    """The number of its template, of each record."""
    miner = Miner()
    found = [miner.cluster(record.said)[0] for record in records(lines)]
    return [id(cluster.now()) for cluster in found]


def accuracy(groups: Sequence[int], kinds: Sequence[str]) -> float:
    """The share of lines that are in a group of exactly the lines of their kind; 0 where lines were lost or joined."""
    if len(groups) != len(kinds):
        return 0.0
    by_group: dict[int, list[int]] = defaultdict(list)
    by_kind: dict[str, list[int]] = defaultdict(list)
    for number, (group, kind) in enumerate(zip(groups, kinds, strict=True)):
        by_group[group].append(number)
        by_kind[kind].append(number)
    right = {tuple(found) for found in by_kind.values()}
    return sum(len(found) for found in by_group.values() if tuple(found) in right) / len(kinds)


def _sets(folder: Path) -> Iterator[Sample]:
    for answers in sorted(folder.glob("*.log_structured.csv")):
        log = answers.with_name(answers.name.removesuffix("_structured.csv"))
        if log.is_file():
            with answers.open(newline="", encoding="utf-8", errors="replace") as file:
                kinds = [row["EventId"] for row in csv.DictReader(file)]
            yield Sample(log.name.removesuffix(".log"), log.read_bytes().splitlines(), kinds)


def _made_up() -> Iterator[Sample]:
    rng = random.Random(SEED)
    for name, form in DIALECTS.items():
        lines, kinds = [], []
        for _ in range(MADE_UP):
            kind = rng.choice(KINDS)
            level = rng.choice(("info", "warn", "error"))
            said = kind.format_map(_Values(rng))
            line = form.format(
                s=rng.randrange(60), t=rng.randrange(9), level=level, LEVEL=level.upper(), said=said
            )
            lines.append(line.encode())
            kinds.append(kind)
        yield Sample(name, lines, kinds)


class _Values(dict[str, str]):
    """A new value for every place of a kind."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng

    def __missing__(self, key: str) -> str:
        rng = self._rng
        number = rng.randrange(1, 100_000)
        return {
            "n": str(number),
            "f": f"{number / 1000:.2f}",
            "ip": ".".join(str(rng.randrange(1, 255)) for _ in range(4)),
            "hex": f"{rng.getrandbits(48):012x}",
            "name": rng.choice(("alice", "bob", "carol", "dave", "erin", "frank", "grace")),
            "city": rng.choice(("Oslo", "Lima", "Kyoto", "Quito", "Turin", "Cairo")),
            "host": f"svc-{rng.randrange(9)}.internal:{rng.choice((80, 443, 5432))}",
            "path": f"/data/vol{rng.randrange(9)}",
        }[key]
