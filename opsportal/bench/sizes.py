"""How long one diagnosis takes in small and large systems; they are made up, so that it needs no portal."""

from __future__ import annotations

from datetime import UTC, datetime

from agent import reasoner
from agent.replay import recorded
from incidents.signals import CATALOG
from incidents.signals.base import SignalState
from knowledge.spec import RunbookSpec
from opsportal.bench.figures import Row, Series
from systems.graph import SystemGraph

SIZES = (13, 50, 200)  # parts
RUNBOOKS = 100
REPEATS = 40
AT = datetime(2026, 1, 1, tzinfo=UTC)
# Of every ten parts: who calls is before whom it calls.
LAYERS = ("proxy", "http", "http", "http", "http", "http", "worker", "jobs", "postgres", "redis")
READ_OF = {  # beside what is read of each process
    "proxy": ("http.", "tcp."),
    "http": ("http.", "tcp.", "app."),
    "worker": ("worker.",),
    "jobs": (),
    "postgres": ("pg.", "tcp."),
    "redis": ("redis.", "queue.", "tcp."),
}
OF_ALL = ("unit.", "proc.", "child.", "log.", "config.", "env.", "release.", "disk.")
ITS_OWN = ("unit_down", "exit_nonzero", "tcp_refused", "pg_unreachable")
OF_CALLERS = ("http_errors", "not_ready", "app_errors", "log_errors", "log_connect_refused", "log_exception")


def graph(parts: int) -> SystemGraph:
    """Blocks of ten; each block's parts call its stores, its proxy the parts, and each block the one before it."""
    kinds: dict[str, str] = {}
    needs: dict[str, list[str]] = {}
    for number in range(parts):
        block, place = divmod(number, len(LAYERS))
        kinds[f"{LAYERS[place]}-{block}-{place}"] = LAYERS[place]
    names = list(kinds)
    for number, name in enumerate(names):
        begin = number - number % len(LAYERS)
        near, earlier = names[begin : begin + len(LAYERS)], names[:begin]
        stores = [n for n in near if kinds[n] in ("postgres", "redis")]
        called = stores + [n for n in earlier if kinds[n] == "http"][-1:]
        of_proxy = [n for n in near if kinds[n] == "http"]
        needs[name] = {"proxy": of_proxy, "postgres": [], "redis": []}.get(kinds[name], called)
    return SystemGraph(kinds, needs)


def evidence(system: SystemGraph) -> list[SignalState]:
    """All that is read of the parts: the first database is dead, and whoever needs it within two calls fails."""
    dead = next(n for n, kind in system.kinds.items() if kind == "postgres")
    near = {n for n, hops in system.callers([dead]).items() if hops <= 2}
    found = []
    for name, kind in system.kinds.items():
        metrics = (*OF_ALL, *READ_OF[kind])
        for signal in CATALOG.values():
            if signal.source != "check" and signal.metric.startswith(metrics):
                held = (name == dead and signal.id in ITS_OWN) or (name in near and signal.id in OF_CALLERS)
                found.append(SignalState(signal.id, name, "", held, float(held), "", AT, signal.source, AT))
    return found


def runbooks(count: int) -> list[RunbookSpec]:
    """The shipped ones, and as many copies of them under other names as it takes."""
    shipped = recorded.shipped()
    copies = [
        s.model_copy(update={"id": f"{s.id}_{n}"})
        for n in range(1, count // len(shipped) + 1)
        for s in shipped
    ]
    return [*shipped, *copies][:count]


def measure() -> Row:
    """Milliseconds of one diagnosis, the first one left out (a set of runbooks is made ready once)."""
    specs = runbooks(RUNBOOKS)
    told, data = [], {}
    for parts in SIZES:
        system, series = graph(parts), Series("ms")
        states = evidence(system)
        for turn in range(REPEATS + 1):
            took = reasoner.diagnose(specs, system, states, now=AT).elapsed_ms
            if turn:
                series.samples.append(took)
        true = sum(bool(s.value) for s in states)
        told.append(f"{parts} parts: {series.words(0.5, 0.99)} ({true} of {len(states)} signals true)")
        data[str(parts)] = series.as_json()
    note = f"{RUNBOOKS} runbooks, one thread, a dead database in a system made up for it"
    return Row("diagnosis by size", "; ".join(told), "-", note, data)
