"""Every public format, written from one simulated incident, leads to the part that is at fault."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.foreign.service import diagnose
from tests.agent.foreign import shop, writers

Writer = Callable[[shop.Shop, Path], None]
METRIC_CASES = [("cpu", 4, "cpu_exhausted"), ("sockets", 2, "connections_used_up"), ("crash", 5, "stopped")]
CASES = [
    *((w, *METRIC_CASES[i % 3]) for i, w in enumerate(writers.METRIC_FORMATS)),
    *((w, fault, culprit, cause) for w, fault, culprit, cause in zip(
        writers.TRACE_FORMATS, ("delay", "errors", "delay", "errors"), (5, 4, 2, 8),
        ("slow_by_itself", "fails_by_itself", "slow_by_itself", "code_error"), strict=True)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("writer", "fault", "culprit", "cause"), CASES, ids=lambda x: getattr(x, "__name__", str(x))
)
def test_the_part_at_fault_and_the_kind_of_its_trouble(
    writer: Writer, fault: str, culprit: int, cause: str, tmp_path: Path
) -> None:
    spans = writer in (*writers.TRACE_FORMATS, writers.wide_container)
    made = shop.make(fault, culprit, seed=3, names=list(shop.NAMES)[culprit % 4], minutes=12, spans=spans)
    writer(made, tmp_path)
    found = diagnose(tmp_path)
    lead = found.suspects[0]
    assert (found.verdict, lead.component, lead.cause) == ("cause", made.culprit, cause), found.as_json()
    assert lead.pro and lead.change is None
    assert not found.notes


@pytest.mark.parametrize(
    "writer", [writers.wide_told, writers.query_range, writers.otlp], ids=lambda w: w.__name__
)
def test_a_record_of_peace_is_healthy(writer: Writer, tmp_path: Path) -> None:
    made = shop.make("cpu", 3, seed=9, minutes=12, spans=writer is writers.otlp, healthy=True)
    writer(made, tmp_path)
    found = diagnose(tmp_path)
    assert found.verdict == "healthy", found.as_json()


def test_a_topology_tells_the_called_part_from_its_callers(tmp_path: Path) -> None:
    made = shop.make("delay", 8, seed=5, minutes=12)
    writers.query_range(made, tmp_path)
    writers.topology(made, tmp_path)
    found = diagnose(tmp_path)
    assert found.suspects[0].component == made.culprit
    assert found.needs[made.names[5]] == {made.names[8]}


def test_what_calls_whom_is_learned_from_traces(tmp_path: Path) -> None:
    made = shop.make("delay", 5, seed=5, minutes=12, spans=True)
    writers.jaeger(made, tmp_path)
    found = diagnose(tmp_path)
    assert {(a, b) for a, others in found.needs.items() for b in others} == set(made.edges)


@pytest.mark.parametrize("told", [True, False], ids=["with an alert", "with none"])
def test_ten_bad_minutes_of_a_long_record_are_found(told: bool, tmp_path: Path) -> None:
    rng = random.Random(4)
    start, rows = shop.T0 + 20_000, ["timestamp,cmdb_id,kpi_name,value"]
    for at in range(shop.T0, shop.T0 + 36_000, 60):
        for part in ("web-0", "web-1", "cart-0", "cart-1"):
            bad = part == "cart-1" and start <= at < start + 600
            rows.append(
                f"{at},node-1.{part},container_cpu_usage,{20 * rng.uniform(0.8, 1.2) * (6 if bad else 1):.2f}"
            )
            rows.append(f"{at},node-1.{part},container_memory_usage,{300 * rng.uniform(0.98, 1.02):.1f}")
    (tmp_path / "metric_container.csv").write_text("\n".join(rows))
    if told:
        alert = {
            "labels": {"alertname": "Slow", "service": "web"},
            "annotations": {},
            "startsAt": start + 240,
            "status": "firing",
        }
        (tmp_path / "alerts.json").write_text(json.dumps([alert]))
    lead = diagnose(tmp_path).suspects[0]
    assert (lead.component, lead.cause) == ("cart-1", "cpu_exhausted")
    assert lead.since is not None and abs(lead.since - start) <= 120
