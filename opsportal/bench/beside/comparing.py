"""Rounds of killing and hanging the tiny service, and what is told of them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opsportal.bench.beside.keepers import Absent, Keeper, Ours, others
from opsportal.bench.figures import Row, Series
from opsportal.local.ports import free_port

HERE_WITHIN_S = 20.0
BACK_WITHIN_S = 20.0
REST_S = (
    11.0  # before each round, so that all count it as a first: some pause for what ran less than ten seconds
)
TRY_S = 0.25
LOOK_S = 0.005
HOW = {signal.SIGKILL: "killed (SIGKILL)", signal.SIGSTOP: "hung (SIGSTOP)"}
AIM_MS = {signal.SIGKILL: "ahead of each", signal.SIGSTOP: "ahead of each, within 3000 ms"}
Say = Callable[[str], None]


@dataclass
class Result:
    """One keeper and one signal. `missed`: rounds after which it was not back in time; `why`: of none at all."""

    keeper: str
    number: signal.Signals
    series: Series = field(default_factory=lambda: Series("ms"))
    missed: int = 0
    why: str = ""

    @property
    def median(self) -> float | None:
        """Over all rounds: one that did not come back is slower than any that did."""
        rounds = sorted([*self.series.samples, *[float("inf")] * self.missed])
        middle = rounds[len(rounds) // 2] if rounds else None
        return None if middle == float("inf") else middle

    def words(self) -> str:
        missed = f"; {self.missed} not back in {BACK_WITHIN_S:.0f} s" if self.missed else ""
        if self.median is None:
            return f"not measured: {self.why}" if self.why else f"not back{missed}"
        return f"median {self.median:.0f} ms, p90 {self.series.at(0.9):.0f} ms, n {len(self.series.samples)}{missed}"


def ratio(ours: float | None, other: float | None) -> str:
    """How many times as long another takes: `8.2 x ours`."""
    return "-" if not ours or other is None else f"{other / ours:.1f} x ours"


def rows(results: Sequence[Result]) -> list[Row]:
    """Ours first, then each other with its ratio; by what was done to the service."""
    found: list[Row] = []
    for number, how in HOW.items():
        mine = [r for r in results if r.number == number]
        ours = next((r for r in mine if r.keeper.startswith("our")), None)
        for result in mine:
            beside = AIM_MS[number] if result is ours else ratio(ours.median if ours else None, result.median)
            found.append(Row(f"{how}: {result.keeper}", result.words(), beside, result.why if result.median else "",
                             {"keeper": result.keeper, "signal": number.name, "times": result.series.as_json(),
                              "missed": result.missed, "why": result.why, "median_ms": result.median}))  # fmt: skip
    return found


def measure(repeats: int, say: Say, hung_by_us: Callable[[int, Say], Result]) -> list[Row]:
    """All keepers, one after the other. `hung_by_us`: how the portal, which sees what hangs, does it."""
    results: list[Result] = []
    for keeper in [Ours(), *others()]:
        say(f"{keeper.name} ...")
        results += kept(keeper, repeats, say)
    say("our supervisor, watcher and agent ...")
    alone = next(r for r in results if r.keeper == Ours.name and r.number == signal.SIGSTOP)
    results[results.index(alone)] = hung_by_us(repeats, say)
    return rows(results)


def kept(keeper: Keeper, repeats: int, say: Say) -> list[Result]:
    """Both signals, `repeats` times each; of what it does not look at only a reason is given."""
    killed, hung = (Result(keeper.name, number) for number in HOW)
    if not keeper.sees_hung:
        hung.why = "it looks at exits only, and a hung process has none"
    with tempfile.TemporaryDirectory(prefix="opsportal-bench-") as folder:
        port = free_port()
        try:
            with keeper.keeping(Path(folder), port):
                for result in [killed] + [hung] * keeper.sees_hung:
                    _rounds(keeper, port, result, repeats)
                    say(f"  {HOW[result.number]}: {result.words()}")
        except Absent as error:
            killed.why = killed.why or str(error)
            hung.why = str(error)
            say(f"  {error}")
    return [killed, hung]


def _rounds(keeper: Keeper, port: int, result: Result, repeats: int) -> None:
    for _ in range(repeats):
        told = _until_told(port, HERE_WITHIN_S, other_than=0)
        if told is None:
            raise Absent("the service does not answer under it")
        time.sleep(REST_S)
        pid = keeper.pid(told)
        began = time.perf_counter()
        os.kill(pid, result.number)
        if _until_told(port, BACK_WITHIN_S, other_than=told if pid == told else 0) is None:
            result.missed += 1
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        else:
            result.series.samples.append((time.perf_counter() - began) * 1000)


def _until_told(port: int, within_s: float, *, other_than: int) -> int | None:
    """The process id that the service tells, as soon as it is another one; None: not in time."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        told = _told(port)
        if told is not None and told != other_than:
            return told
        time.sleep(LOOK_S)
    return None


def _told(port: int) -> int | None:
    try:
        with socket.create_connection(("127.0.0.1", port), TRY_S) as client:
            client.settimeout(TRY_S)
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while part := client.recv(4096):
                answer += part
        return int(answer.rpartition(b"\r\n\r\n")[2])
    except (OSError, ValueError):
        return None
