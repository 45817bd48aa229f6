"""How long a large bundle of a foreign system takes: 100 MB of metrics, logs and traces, made for it."""

from __future__ import annotations

import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from agent.foreign.service import diagnose
from opsportal.bench.figures import Row

MEGABYTES = 100
PARTS = 40
BEGAN, SPAN_S, TROUBLE_S = 1_766_000_000, 20_000, 9_000
CULPRIT = "part-07"


def measure(megabytes: int = MEGABYTES) -> Row:
    """CPU time is what counts: on one quiet core the wall's is the same."""
    with tempfile.TemporaryDirectory() as folder:
        size = write(Path(folder), megabytes * 1_000_000)
        wall, cpu = time.perf_counter(), time.process_time()
        result = diagnose(Path(folder))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    lead = result.suspects[0].component if result.suspects else "nothing"
    right = "rightly" if lead == CULPRIT else "wrongly"
    note = f"{size / 1e6:.0f} MB in three files, {PARTS} parts; {right} {lead} leads; {memory} MB of memory at most"
    data = {"cpu_s": cpu, "wall_s": wall, "memory_mb": memory, "bytes": size, "right": lead == CULPRIT}
    return Row("diagnosis from files", f"{cpu:.0f} s of CPU, {wall:.0f} s in all", "at most 60 s", note, data)


def write(folder: Path, size: int) -> int:
    """A bundle of about `size` bytes in which one part uses six times its processor; returns its real size."""
    rng = random.Random(7)
    names = [f"part-{i:02}" for i in range(PARTS)]
    total = 0
    for name, lines, share in (
        ("metrics.csv", _metrics(names, rng), 0.45),
        ("lines.ndjson", _logs(names, rng), 0.28),
        ("spans.csv", _spans(names, rng), 0.27),
    ):
        with (folder / name).open("w") as file:
            for line in lines:
                file.write(line + "\n")
                if file.tell() >= size * share:
                    break
            total += file.tell()
    return total


def _metrics(names: list[str], rng: random.Random) -> Iterator[str]:
    kinds = ("cpu", "mem", "latency", "error", "load", "socket", "diskio", "network")
    usual = {(n, k): rng.uniform(0.01, 100) for n in names for k in kinds}
    yield "time," + ",".join(f"{n}_{k}" for n, k in usual)
    at = BEGAN
    while True:
        bad = at >= BEGAN + TROUBLE_S
        row = (
            f"{value * rng.uniform(0.9, 1.1) * (6 if bad and n == CULPRIT and k in ('cpu', 'latency') else 1):.5g}"
            for (n, k), value in usual.items()
        )
        yield f"{at}," + ",".join(row)
        at += 1


def _logs(names: list[str], rng: random.Random) -> Iterator[str]:
    at = float(BEGAN)
    while True:
        bad = rng.random() < 0.05
        words = f"request {rng.getrandbits(48):x} " + ("to backend timed out" if bad else "handled in 12 ms")
        yield json.dumps({"timestamp": at, "service": rng.choice(names), "level": "error" if bad else "info",
                          "message": words, "trace_id": f"{rng.getrandbits(128):032x}"})  # fmt: skip
        at += SPAN_S / 150_000


def _spans(names: list[str], rng: random.Random) -> Iterator[str]:
    yield "traceID,spanID,parentSpanID,serviceName,operationName,startTimeMillis,duration,statusCode"
    at = float(BEGAN)
    while True:
        trace, parent = f"{rng.getrandbits(128):032x}", ""
        for name in rng.sample(names, 5):
            span = f"{rng.getrandbits(64):016x}"
            yield f"{trace},{span},{parent},{name},GET,{int(at * 1000)},{rng.randrange(100_000)},0"
            parent = span
        at += SPAN_S / 46_000
