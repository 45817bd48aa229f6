"""How many services one core of the watcher carries.

The real process (`manage.py watch`) with stores of its own watches a made-up system whose services are answered by
something cheap. The largest number is looked for that is still looked at in time.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from opsportal.bench import answering
from opsportal.bench.figures import Row
from opsportal.bench.lateness import Timely, judge
from opsportal.local.attach import ROOT
from opsportal.local.child import Argv, spawn, stop, tail
from opsportal.local.embedded import Postgres, Redis
from opsportal.local.setupstage import run_setup

EVERY_S = {"http": 1.0, "tcp": 1.0, "metrics": 15.0}  # the state, each 10 s, is no probe's
STATE_EVERY_S = 10.0
SYSTEM = "bench-watch"
ON_TIME = 0.5  # of an interval
SHARE = 0.95  # of the wanted looks are on time, or it is too much
FIRST, MOST, STEP = 50, 2000, 0.1  # services
READY_WITHIN_S = 120.0
TICKS_FIRST = 4  # before anything counts
STOP_S = 8.0
LOOK_S = 0.2
AIM = "300 (goal 1000)"
WRITTEN = """select tup_inserted + tup_updated + tup_deleted, xact_commit from pg_stat_database
             where datname = current_database()"""
Say = Callable[[str], None]


class NotWatched(RuntimeError):
    """The watcher, or what it needs, does not run; the message says why."""


@dataclass(frozen=True)
class Trial:
    """What watching so many services took. `cpu_s`, `rows`, `commits`: in `seconds`, of the watcher's process and of
    its database; `starved`: ticks in which it had too little of the machine."""

    services: int
    seconds: float
    timely: Timely
    cpu_s: float
    rows: int
    commits: int
    ticks: int
    starved: int
    rss_mb: float

    @property
    def carried(self) -> bool:
        return self.timely.at(SHARE) < ON_TIME

    @property
    def cpu_per_1000(self) -> float:
        """Seconds of a core for a thousand looks, with all that becomes of them."""
        return 1000 * self.cpu_s / max(1, self.timely.made)

    @property
    def full_core(self) -> int:
        """How many services a whole core would carry at this cost of one."""
        return int(self.services * self.seconds / self.cpu_s) if self.cpu_s else 0

    def words(self) -> str:
        late = [
            f"{name} {self.timely.at(share):.2f}"
            for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        ]
        return (
            f"{self.services} services: {self.timely.within(ON_TIME):.1%} of {self.timely.wanted} looks on time, "
            f"late {', '.join(late)} of an interval, {self.cpu_s / self.seconds:.0%} of a core, "
            f"{self.cpu_per_1000:.2f} s of CPU for 1000 looks"
        )

    def as_json(self) -> dict[str, Any]:
        own = {
            "carried": self.carried,
            "cpu_s_per_1000_looks": self.cpu_per_1000,
            "at_a_full_core": self.full_core,
        }
        return {**asdict(self), "timely": self.timely.as_json(), **own}


def largest(carries: Callable[[int], bool], first: int, most: int, step: float = STEP) -> int:
    """The largest number of those tried that is carried: doubled, then halved between, to within a share `step`. 0
    when not even the smallest is; `carries` is asked about each number once."""
    good, bad, number = 0, 0, first
    while not bad and good < most:
        good, bad = (number, 0) if carries(number) else (good, number)
        number = min(most, number * 2)
    while bad and bad - good > max(1, int(step * good)) and bad > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if carries(middle) else (good, middle)
    return good


def measure(services: int | None, seconds: float, say: Say, nginx: str | None = "") -> list[Row]:
    """Rows of the table: the number, and what it costs. Without `services` the largest number is looked for."""
    trials: list[Trial] = []
    with _stage() as (folder, env, database), answering.answering(folder, nginx=nginx) as (target, port):

        def carries(number: int) -> bool:
            trials.append(_trial(folder, env, database, port, number, seconds))
            say(f"  {trials[-1].words()}")
            return trials[-1].carried

        if services is not None:
            carries(services)
        else:
            largest(carries, FIRST, MOST)
    return rows(trials, target, searched=services is None)


def rows(trials: list[Trial], target: str, *, searched: bool) -> list[Row]:
    """What was measured, the best of the trials first: the largest that was carried, else the smallest."""
    good = [t for t in trials if t.carried]
    best = max(good, key=lambda t: t.services) if good else min(trials, key=lambda t: t.services)
    data = {"target": target, "trials": [t.as_json() for t in trials]}
    late = [f"p{share * 100:g} {best.timely.at(share):.2f}" for share in (0.5, 0.95, 0.99)]
    figure = f"{best.services if good else f'fewer than {best.services}'} services"
    figure += "" if searched or not good else " (no more were asked for)"
    starved = (
        f"; starved in {best.starved} of {best.ticks} ticks: the machine was busy" if best.starved else ""
    )
    how = f"HTTP and TCP each second, metrics each {EVERY_S['metrics']:g} s, state each {STATE_EVERY_S:g} s; {target}"
    return [
        Row("a watcher on one core carries", figure, AIM, f"{how}; p95 below half an interval{starved}", data),
        Row("how late a look is over", ", ".join(late) + " of its interval", "p95 below 0.5",
            f"{best.timely.within(ON_TIME):.1%} of {best.timely.wanted} wanted looks on time; {best.timely.made} made"),
        Row("what looks cost", f"{best.cpu_per_1000:.2f} s of CPU for 1000 looks", "-",
            f"{best.timely.made / best.seconds:.0f} looks a second, {best.cpu_s / best.seconds:.0%} of a core, so "
            f"about {best.full_core} services on a whole one; {best.rows / best.seconds:.0f} rows in "
            f"{best.commits / best.seconds:.1f} commits a second; {best.rss_mb:.0f} MB"),
    ]  # fmt: skip


def manifest(services: int, port: int) -> dict[str, Any]:
    """A system of so many services, each at an address of its own."""
    return {
        "system": SYSTEM,
        "runtime": {"driver": "none"},
        "services": {f"service-{n}": _service(f"{answering.host(n)}:{port}") for n in range(services)},
    }


def _service(address: str) -> dict[str, Any]:
    base = f"http://{address}"
    state = {"http": [{"url": f"{base}/state", "only": ["*"]}], "interval_s": STATE_EVERY_S}
    metrics = {"url": f"{base}/metrics", "interval_s": EVERY_S["metrics"]}
    return {"kind": "http", "tcp": address, "http": {"url": f"{base}/"}, "metrics": metrics, "state": state}


@contextmanager
def _stage() -> Iterator[tuple[Path, dict[str, str], str]]:
    """A folder, the environment of the portal's processes, and the address of a database made for them."""
    with tempfile.TemporaryDirectory(prefix="opsportal-bench-") as name, contextlib.ExitStack() as ending:
        folder = Path(name)
        folder.chmod(0o711)
        postgres, redis = Postgres(folder), Redis(folder)
        for store in (postgres, redis):
            ending.callback(store.stop)
            store.start()
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "opsportal.settings",
            "PYTHONPATH": str(ROOT),
            "OPSPORTAL_DATA": str(folder),
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "OPSPORTAL_DB_POOL": "8",
            "OPSPORTAL_LOG_LEVEL": "WARNING",
        }
        run_setup(folder / "setup.log", env, [], lambda _: None)
        yield folder, env, postgres.url


def _trial(
    folder: Path, env: dict[str, str], database: str, port: int, services: int, seconds: float
) -> Trial:
    file, timings, log = folder / "manifest.yaml", folder / "timings.json", folder / "watch.log"
    file.write_text(json.dumps(manifest(services, port)))  # JSON is YAML
    _run(env, "register_system", str(file), "-v0")
    log.unlink(missing_ok=True)
    argv: Argv = [sys.executable, ROOT / "manage.py", "watch", "--timings", timings]
    process = spawn(argv, log=log, env=env, cwd=ROOT, death_signal=signal.SIGKILL)
    try:
        watched = psutil.Process(process.pid)
        _to_one_core(watched)
        _await_ticks(process, database, log)
        began, before = time.time(), (_cpu(watched), *_written(database))
        time.sleep(seconds)
        ended, after = time.time(), (_cpu(watched), *_written(database))
        rss = watched.memory_info().rss / 2**20
    except psutil.Error as error:
        raise NotWatched(f"the watcher ended: {tail(log, 3)}") from error
    finally:
        stop(process, signal.SIGTERM, STOP_S)
    if not timings.exists():
        raise NotWatched(f"the watcher left no timings: {tail(log, 3)}")
    noted = json.loads(timings.read_text())
    timings.unlink()
    ticks = [starved for at, starved in noted["ticks"] if began <= at < ended]
    return Trial(
        services,
        ended - began,
        judge(noted, began, ended, {probe: (services, every) for probe, every in EVERY_S.items()}),
        after[0] - before[0],
        after[1] - before[1],
        after[2] - before[2],
        len(ticks),
        sum(ticks),
        rss,
    )


def _run(env: dict[str, str], *words: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", *words], cwd=ROOT, env=env, capture_output=True, text=True
    )
    if done.returncode:
        raise NotWatched(f"{words[0]}: {(done.stderr.strip() or 'it says nothing')[-300:]}")


def _to_one_core(process: psutil.Process) -> None:
    """Before it has threads; where the system can do that."""
    with contextlib.suppress(AttributeError, psutil.Error):
        process.cpu_affinity(process.cpu_affinity()[-1:])


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _await_ticks(process: subprocess.Popen[bytes], database: str, log: Path) -> None:
    """Until it has looked at the system some times."""
    until, before = time.monotonic() + READY_WITHIN_S, _ticks(database)
    while time.monotonic() < until and process.poll() is None:
        if _ticks(database) - before >= TICKS_FIRST:
            return
        time.sleep(LOOK_S)
    raise NotWatched(f"the watcher does not look at anything: {tail(log, 3) or 'it says nothing'}")


def _ticks(database: str) -> int:
    return _one(database, "select count(*), 0 from systems_tick")[0]


def _written(database: str) -> tuple[int, int]:
    """(rows, commits) so far. What the server's processes did in the last second they have yet to tell."""
    return _one(database, WRITTEN)


def _one(database: str, query: str) -> tuple[int, int]:
    with psycopg.connect(database, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)
