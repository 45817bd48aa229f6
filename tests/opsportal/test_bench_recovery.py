"""`./ops bench recovery`: medians, ratios and the table; who is not there is said to be not there."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsportal.bench.beside import comparing, keepers, portal
from opsportal.bench.beside.comparing import Result, ratio
from opsportal.bench.figures import Series
from opsportal.local.ports import free_port
from systems.manifest import parse_manifest
from systems.supervisor import config

KILL, STOP = signal.SIGKILL, signal.SIGSTOP


def _result(keeper: str, number: signal.Signals, *times: float, missed: int = 0, why: str = "") -> Result:
    return Result(keeper, number, Series("ms", list(times)), missed, why)


def test_a_median_is_over_all_rounds() -> None:
    assert _result("x", KILL, 40, 50, 90).median == 50
    assert _result("x", KILL, 40, 50, missed=1).median == 50
    assert _result("x", KILL, 40, missed=2).median is None
    assert _result("x", KILL, 40, missed=2).words() == "not back; 2 not back in 20 s"
    assert _result("x", KILL, why="not installed here").words() == "not measured: not installed here"


def test_ratios_are_to_ours() -> None:
    assert ratio(50.0, 1000.0) == "20.0 x ours"
    assert ratio(None, 1000.0) == ratio(50.0, None) == ratio(0.0, 1.0) == "-"


def test_each_is_held_against_ours_in_the_same_run() -> None:
    found = comparing.rows(
        [
            _result("our supervisor", KILL, 50),
            _result("supervisord", KILL, 1000),
            _result("monit", KILL, why="not installed here"),
            _result(portal.WHO, STOP, 2000),
            _result("supervisord", STOP, why="it looks at exits only"),
        ]
    )
    assert [(r.name, r.figure, r.peers) for r in found] == [
        ("killed (SIGKILL): our supervisor", "median 50 ms, p90 50 ms, n 1", "ahead of each"),
        ("killed (SIGKILL): supervisord", "median 1000 ms, p90 1000 ms, n 1", "20.0 x ours"),
        ("killed (SIGKILL): monit", "not measured: not installed here", "-"),
        (
            f"hung (SIGSTOP): {portal.WHO}",
            "median 2000 ms, p90 2000 ms, n 1",
            "ahead of each, within 3000 ms",
        ),
        ("hung (SIGSTOP): supervisord", "not measured: it looks at exits only", "-"),
    ]
    json.dumps([r.as_json() for r in found], allow_nan=False)


def test_the_whole_run_takes_the_hung_ones_of_ours_from_the_portal(monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(keeper: keepers.Keeper, repeats: int, say: comparing.Say) -> list[Result]:
        return [_result(keeper.name, KILL, 10.0 * repeats), _result(keeper.name, STOP, why="-")]

    monkeypatch.setattr(comparing, "kept", kept)
    found = comparing.measure(2, lambda _: None, lambda n, _: _result(portal.WHO, STOP, 700.0 * n))
    told = {r.name: r.figure for r in found}
    assert told[f"hung (SIGSTOP): {portal.WHO}"] == "median 1400 ms, p90 1400 ms, n 1"
    assert "hung (SIGSTOP): our supervisor" not in told
    assert len(found) == 8


class AtOnce(keepers.Keeper):
    """Starts it again the moment it ends."""

    name = "at once"

    @contextlib.contextmanager
    def keeping(self, folder: Path, port: int) -> Iterator[None]:
        over, running = threading.Event(), list[subprocess.Popen[bytes]]()

        def keep() -> None:
            while not over.is_set():
                running[:] = [subprocess.Popen(keepers.command(port))]
                running[0].wait()

        thread = threading.Thread(target=keep)
        thread.start()
        try:
            yield
        finally:
            over.set()
            running[0].kill()
            thread.join()


def test_a_killed_service_is_timed_until_another_process_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "REST_S", 0.1)
    killed, hung = comparing.kept(AtOnce(), 2, lambda _: None)
    assert len(killed.series.samples) == 2
    assert killed.missed == 0 and killed.median is not None and killed.median > 0
    assert (hung.series.samples, "exits only" in hung.why) == ([], True)


class Nobody(keepers.Keeper):
    name = "nobody"
    sees_hung = True

    @contextlib.contextmanager
    def keeping(self, folder: Path, port: int) -> Iterator[None]:
        raise keepers.Absent("not installed here")
        yield


def test_who_is_not_there_is_a_row_that_says_so() -> None:
    assert [r.words() for r in comparing.kept(Nobody(), 1, lambda _: None)] == [
        "not measured: not installed here"
    ] * 2


def test_without_their_programs_monit_and_docker_are_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for keeper in (keepers.Monit(), keepers.Docker()):
        with pytest.raises(keepers.Absent, match="not installed here"), keeper.keeping(tmp_path, 1):
            pass


def test_a_package_index_that_cannot_be_reached_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(keepers.Absent, match="cannot be fetched"):
        keepers.fetched(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == [], "nothing half made stays"


def test_what_was_fetched_once_is_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "supervisor-4.3.0" / "supervisor").mkdir(parents=True)
    assert keepers.fetched(tmp_path) == tmp_path / "supervisor-4.3.0"


def test_our_own_files_can_be_used(tmp_path: Path) -> None:
    port = free_port()
    found = config.load(keepers.processes(tmp_path, port))
    assert list(found.services) == [keepers.NAME]
    text = json.dumps(portal.described(port))
    manifest = parse_manifest(text, name="m.yaml", base_dir=tmp_path)
    assert tmp_path / str(manifest.runtime.options()["socket"]) == found.socket


def test_rounds_of_the_portal_are_taken_as_they_are() -> None:
    result = _result(portal.WHO, STOP)
    rounds = [{"answering_ms": 2000.0}, {"answering_ms": None}, {"answering_ms": 2400.0}]
    portal._take(result, {"rows": [{"data": {"rounds": rounds}, "note": "explained 2/3"}]}, "")
    assert (result.series.samples, result.missed, result.why) == ([2000.0, 2400.0], 1, "explained 2/3")
    nothing = _result(portal.WHO, STOP)
    portal._take(nothing, {"rows": []}, "it\nfailed")
    assert nothing.words() == "not measured: it failed"
