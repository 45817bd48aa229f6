"""`./ops bench watch`: the arithmetic of lateness, the search, the table, and one short run of the whole."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from opsportal.bench import answering, watching
from opsportal.bench.lateness import MISSED, Lateness, Timely, judge
from opsportal.local import instance
from systems.manifest import parse_manifest


def _timely(*shares: float, made: int | None = None) -> Timely:
    return Timely(len(shares) if made is None else made, len(shares), sorted(shares))


def _trial(services: int, timely: Timely, cpu_s: float = 2.0) -> watching.Trial:
    return watching.Trial(services, 10.0, timely, cpu_s, 500, 20, 10, 0, 120.0)


def test_lateness_is_counted_in_intervals_and_only_in_the_window() -> None:
    noted = {"looks": {"http": [9.9, 0.9, 10.0, 0.1, 11.5, 0.3, 12.0, 0.9], "metrics": [11.0, 3.0]}}
    found = judge(noted, 10.0, 12.0, {"http": (1, 1.0), "metrics": (15, 15.0)})
    assert (found.made, found.wanted) == (3, 4)
    assert found.shares == [0.1, 0.2, 0.3, MISSED]
    assert found.as_json()["late_in_intervals"] == {"p50": 0.3, "p95": None, "p99": None}


def test_a_look_that_never_came_is_late_without_end() -> None:
    found = judge({"looks": {"tcp": [1.0, 0.01]}}, 0.0, 2.0, {"tcp": (5, 1.0), "http": (5, 1.0)})
    assert (found.made, found.wanted) == (1, 20)
    assert found.within(0.5) == pytest.approx(1 / 20)
    assert not _trial(5, found).carried


def test_of_one_in_twenty_looks_nothing_is_asked() -> None:
    assert _trial(5, _timely(*[0.1] * 96, *[2.0] * 4)).carried
    assert not _trial(5, _timely(*[0.1] * 94, *[2.0] * 6)).carried
    assert not _trial(5, _timely()).carried, "no looks are not timely looks"


def test_what_is_noted_can_be_judged(tmp_path: Path) -> None:
    file = tmp_path / "timings.json"
    notes = Lateness(file)
    notes.look("http", 0.25)
    notes.write()
    told = json.loads(file.read_text())
    at, late = told["looks"]["http"]
    assert judge(told, at - 1, at + 1, {"http": (0, 1.0)}).shares == [0.25]
    assert (late, told["ticks"]) == (0.25, [])


@pytest.mark.parametrize("truth", [0, 1, 49, 50, 333, 1999, 5000])
def test_the_search_ends_near_below_what_is_carried(truth: int) -> None:
    asked: list[int] = []

    def carries(number: int) -> bool:
        asked.append(number)
        return number <= truth

    found = watching.largest(carries, 50, 2000)
    least = min(2000, truth)
    assert least - max(1, watching.STEP * least) <= found <= least
    assert len(asked) == len(set(asked)) <= 12


def test_the_table_tells_the_largest_number_that_was_carried() -> None:
    trials = [
        _trial(100, _timely(*[0.1] * 100)),
        _trial(200, _timely(*[0.2] * 400), cpu_s=4.0),
        _trial(400, _timely(*[0.9] * 10)),
    ]
    carried, late, cost = watching.rows(trials, "nginx", searched=True)
    assert carried.figure == "200 services"
    assert late.figure == "p50 0.20, p95 0.20, p99 0.20 of its interval"
    assert cost.figure == "10.00 s of CPU for 1000 looks"
    assert "about 500 services on a whole one" in cost.note
    assert [t["carried"] for t in carried.data["trials"]] == [True, True, False]
    json.dumps(carried.as_json(), allow_nan=False)


def test_a_number_that_is_not_carried_is_not_told_as_if_it_were() -> None:
    (row, *_) = watching.rows([_trial(50, _timely(MISSED, made=0))], "nginx", searched=False)
    assert row.figure == "fewer than 50 services"
    json.dumps(row.as_json(), allow_nan=False)


def test_the_made_up_system_is_one_that_could_be_registered(tmp_path: Path) -> None:
    text = json.dumps(watching.manifest(260, 8080))
    found = parse_manifest(text, name="made.yaml", base_dir=tmp_path)
    assert len({s.tcp for s in found.services.values()}) in (260, 1), "each at its own address, or no Linux"
    assert found.services["service-0"].metrics is not None
    assert found.services["service-0"].metrics.interval_s == watching.EVERY_S["metrics"]


@pytest.mark.parametrize("nginx", ["", None])
def test_what_is_asked_answers_as_services_do(tmp_path: Path, nginx: str | None) -> None:
    tmp_path.chmod(0o755)
    with answering.answering(tmp_path, nginx=nginx) as (_, port):
        told = {}
        for path in ("/", "/metrics", "/state"):
            with urllib.request.urlopen(f"http://{answering.host(7)}:{port}{path}", timeout=5) as answer:
                told[path] = answer.read().decode()
                assert answer.headers["Date"]
    assert told == {"/": "ok\n", "/metrics": answering.METRICS, "/state": answering.STATE}


def test_what_does_not_start_is_said(tmp_path: Path) -> None:
    never = answering.answering(tmp_path, nginx="/bin/false")
    with pytest.raises(answering.NotAnswering, match="nothing answers at port"), never:
        pass


def test_it_needs_no_portal_and_wants_sensible_numbers() -> None:
    assert not instance.needs_portal(["manage.py", "bench", "watch"])
    assert instance.needs_portal(["manage.py", "bench", "--only", "kill"])
    with pytest.raises(CommandError, match="--services: from 1"):
        call_command("bench", "watch", "--services", "0")
    with pytest.raises(CommandError, match="--seconds"):
        call_command("bench", "watch", "--services", "3", "--seconds", "0.1")


@pytest.mark.slow
def test_three_services_are_watched_for_two_seconds(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    call_command("bench", "watch", "--services", "3", "--seconds", "2", "--json", str(file))
    carried, _, cost = json.loads(file.read_text())["rows"]
    (trial,) = carried["data"]["trials"]
    assert trial["services"] == 3
    assert trial["timely"]["made"] > 0
    assert trial["cpu_s"] > 0
    assert cost["figure"].endswith("s of CPU for 1000 looks")
