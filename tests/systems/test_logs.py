"""Log lines of any kind: followed, cleaned, joined and mined, and nothing breaks on hostile ones."""

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from systems.logs.joining import Assembler
from systems.logs.reading import plain, rank_of
from systems.logs.tails import LINE_LIMIT, Chunk, Place, Tail, read_since
from systems.logs.templates import Miner
from systems.probes import pgshare
from systems.probes.logs import TO_US, WARM_UP_S, LogsProbe
from systems.readings import Reading, clean
from systems.runtimes.base import Said

from .helpers import Clock, make_system, one


def test_a_tail_reads_only_what_is_appended(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("old\n")
    tail = Tail(log)
    assert tail.poll().lines == []
    with log.open("a") as file:
        file.write("one\ntw")
    assert tail.poll().lines == [b"one"]
    with log.open("a") as file:
        file.write("o\n")
    assert tail.poll().lines == [b"two"]


def test_rotation_truncation_and_late_files_lose_nothing(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    tail = Tail(log)
    assert tail.poll().lines == []
    log.write_text("first\n")
    assert tail.poll().lines == [b"first"]
    with log.open("a") as file:
        file.write("before rotation\n")
    log.rename(tmp_path / "a.log.1")
    log.write_text("after rotation\n")
    assert tail.poll().lines == [b"before rotation", b"after rotation"]
    log.write_text("cut\n")  # truncated in place: shorter than before
    assert tail.poll().lines == [b"cut"]
    log.unlink()
    assert tail.poll().lines == []
    log.write_text("back\n")
    assert tail.poll().lines == [b"back"]


def test_a_line_of_100_mb_is_cut_and_the_next_line_is_found(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("")
    tail = Tail(log)
    tail.poll()
    with log.open("wb") as file:
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b"\nnext\n")
    lines: list[bytes] = []
    total = 0
    for _ in range(20):
        chunk = tail.poll()
        lines += chunk.lines
        total += chunk.bytes
    assert lines[-1] == b"next"
    assert max(map(len, lines)) <= LINE_LIMIT
    assert total == 100_000_006


def test_hostile_bytes_become_plain_text() -> None:
    raw = b"\x1b[31mERROR\x1b[0m \x00bad \xff\xfe \x1b]0;title\x07caf\xc3\xa9 \xe2\x80\xaeevil\r"
    text = plain(raw)
    assert "ERROR" in text
    assert "café" in text
    assert "evil" in text
    assert not any(c in text for c in "\x00\x1b\x07\u202e\r")


@pytest.mark.parametrize("limit", [10, 500])
def test_clean_keeps_within_its_limit(limit: int) -> None:
    assert len(clean("é" * 10_000_00, limit)) == limit


TRACE = b"""Traceback (most recent call last):
  File "/srv/releases/api/1.6.0/api/quote.py", line 12, in quote
    return pricing.quote(a, b)
TypeError: quote() takes 1 positional argument but 2 were given
INFO after"""


def test_a_traceback_is_one_record_with_its_end_and_place() -> None:
    found = list(Assembler().feed(TRACE.split(b"\n")))
    assert [r.told for r in found] == [
        "TypeError: quote() takes 1 positional argument but 2 were given | api/quote.py:12 in quote",
        "INFO after",
    ]
    assert [r.rank for r in found] == [2, 0]


def test_a_traceback_cut_in_two_by_polls_is_still_one() -> None:
    lines = TRACE.split(b"\n")
    assembler = Assembler()
    assert list(assembler.feed(lines[:2])) == []
    assert len(list(assembler.feed(lines[2:4]))) == 1


def test_a_traceback_that_never_ends_comes_out() -> None:
    assembler = Assembler()
    assert list(assembler.feed(TRACE.split(b"\n")[:2])) == []
    assert len(list(assembler.feed([]))) == 1


def test_json_lines_keep_message_and_the_end_of_the_exception() -> None:
    line = json.dumps({"level": "error", "msg": "request failed", "exc": TRACE.decode().rsplit("\n", 1)[0]})
    (record,) = Assembler().feed([line.encode()])
    assert record.rank == 2
    assert record.told.startswith("ERROR request failed | TypeError: quote() takes 1")
    assert record.told.endswith("api/quote.py:12 in quote")


@pytest.mark.parametrize(
    "line", [b"{", b"{}", b"[1]", b'{"msg": {"a": [1]}}', b"{" * 5000, b'{"msg": null}', b"\x00"]
)
def test_what_looks_like_json_but_is_not_is_no_problem(line: bytes) -> None:
    for record in Assembler().feed([line]):
        assert len(record.told) <= 500


def test_lines_that_differ_in_what_varies_share_a_template() -> None:
    miner = Miner()
    first, new = miner.add("connection 17 to 10.0.0.1:5432 closed after 12.5 ms")
    again, second = miner.add("connection 99 to 10.0.0.2:5432 closed after 3 ms")
    assert first == again == "connection <n> to <addr> closed after <n> ms"
    assert (new, second) == (True, False)
    assert miner.add("disk is full")[1] is True


def test_words_that_vary_in_long_lines_become_wildcards() -> None:
    miner = Miner()
    for name in ("alice", "carol", "dave"):
        miner.add(f"user {name} logged in from the shop page today")
    template, new = miner.add("user bob logged in from the shop page today")
    assert template == "user <*> logged in from the shop page today"
    assert new is False


def test_lines_that_begin_with_a_name_are_of_one_kind_once_there_are_many() -> None:
    miner = Miner()
    for name in ("alice", "carol", "dave", "erin", "frank", "grace", "heidi"):
        last = miner.add(f"{name} signed in today")
    assert last == ("<*> signed in today", False)
    assert miner.add("Accepted key for root today")[0] != miner.add("Rejected key for root today")[0]


def test_the_miner_stays_small_under_endless_new_words() -> None:
    miner = Miner()
    labels = {miner.add(f"thing {'abcdefghij'[i % 10] * (i % 97 + 1)} happened")[0] for i in range(5000)}
    assert len(labels) < 200


class Logs:
    """A log file and the probe on it."""

    def __init__(self, base: Path) -> None:
        self.file = base / "a.log"
        self.file.write_text("")
        self.system = make_system(base, {"a": {"kind": "http", "logs": [{"file": "a.log"}]}})
        self.clock = Clock()
        self.probe = LogsProbe(self.clock)

    async def after(self, text: bytes, seconds: float = 1.0) -> list[Reading]:
        with self.file.open("ab") as file:
            file.write(text)
        self.clock.at += seconds
        return await self.probe.observe(self.system, self.system.service("a"))


async def test_the_probe_counts_lines_errors_and_templates(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    await logs.after(b"")
    found = await logs.after(
        b"ERROR pool timeout after 2.00 sec\nERROR pool timeout after 3.00 sec\nINFO fine\n", 2.0
    )
    assert one(found, "log.error_rate").value == 1.0
    assert one(found, "log.lines_rate").value == 1.5
    template = one(found, "log.template", "ERROR pool timeout after <n> sec")
    assert (template.value, template.text) == (2.0, "ERROR pool timeout after 3.00 sec")


async def test_an_access_log_becomes_rates_by_route_and_status(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    await logs.after(b"")
    line = '10.0.0.7 - - [28/Nov/2026:20:00:00 +0000] "GET {} HTTP/1.1" {} 12 "-" "FATAL ERROR"\n'
    text = line.format("/item/1", 200) * 2 + line.format("/item/2?q=x", 502) + line.format("/cart", 404)
    found = await logs.after(text.encode(), 2.0)
    assert {r.label: r.value for r in found if r.metric == "log.requests"} == {
        "GET /item/* 5xx": 0.5,
        "GET /item/* 2xx": 1.0,
        "(other) 4xx": 0.5,  # nothing is there
    }
    assert (one(found, "log.requests_rate").value, one(found, "log.requests_failed").value) == (2.0, 0.25)
    assert one(found, "log.error_rate").value == 0
    assert not [r for r in found if r.metric == "log.template"]


async def test_a_pattern_in_the_manifest_is_followed(tmp_path: Path) -> None:
    system = make_system(tmp_path, {"a": {"kind": "http", "logs": [{"file": "log/*.log"}]}})
    (tmp_path / "log").mkdir()
    probe = LogsProbe(Clock())
    await probe.observe(system, system.service("a"))
    (tmp_path / "log" / "new.log").write_text("ERROR boiler burst\n")
    found = await probe.observe(system, system.service("a"))
    assert [r.text for r in found if r.metric == "log.template"] == ["ERROR boiler burst"]


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for some pages."""
    folder = tmp_path / "small"
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", "size=64k", "small", str(folder)]
    if os.geteuid() != 0 or subprocess.run(argv, capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here: that needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_the_silence_of_a_log_that_cannot_be_written_is_unknown(
    tmp_path: Path, small_volume: Path
) -> None:
    spec = {"kind": "worker", "logs": [{"file": "small/a.log"}]}
    system, probe = make_system(tmp_path, {"a": spec}), LogsProbe(Clock())
    (small_volume / "a.log").write_text("")
    assert one(await probe.observe(system, system.service("a")), "log.error_rate").value == 0
    filler = small_volume / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(b"x" * 200_000)
    found = await probe.observe(system, system.service("a"))
    rates = [r for r in found if r.metric in LogsProbe.main]
    assert {r.value for r in rates} == {None} and {"its volume is full" in r.text for r in rates} == {True}
    filler.unlink()
    (small_volume / "a.log").write_text("ERROR no room\n")
    assert one(await probe.observe(system, system.service("a")), "log.error_rate").value


async def test_what_refuses_the_probers_own_login_says_nothing_of_the_applications(tmp_path: Path) -> None:
    dsn = "postgresql://prober:wrong@127.0.0.1:1/shop"
    (tmp_path / "db.log").write_text("")
    spec = {"kind": "postgres", "unit": None, "postgres": {"dsn": dsn}, "logs": [{"file": "db.log"}]}
    system, probe = make_system(tmp_path, {"db": spec}), LogsProbe(Clock())
    await probe.observe(system, system.service("db"))
    with pytest.raises(psycopg.OperationalError):
        async with pgshare.session(dsn, probe):
            pass
    line = 'FATAL:  password authentication failed for user "{}"\n'
    with (tmp_path / "db.log").open("a") as log:
        log.write(line.format("prober") * 3 + line.format("app"))
    found = await probe.observe(system, system.service("db"))
    assert [(r.value, r.text) for r in found if r.metric == "log.template"] == [
        (1.0, line.format("app").strip())
    ]
    await pgshare.leave(probe)


async def test_only_after_warming_up_is_a_kind_of_line_new_and_only_once(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    await logs.after(b"")
    early = await logs.after(b"INFO started\n")
    assert not [r for r in early if r.metric == "log.new_template"]
    fresh = await logs.after(b"FATAL: out of paper\n", WARM_UP_S)
    assert one(fresh, "log.new_template").text == "FATAL: out of paper"
    again = await logs.after(b"FATAL: out of paper\nINFO started\n")
    assert not [r for r in again if r.metric == "log.new_template"]


async def test_templates_known_from_before_are_not_new(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    logs.probe.seed("a", ["order <n> shipped"])
    await logs.after(b"")
    found = await logs.after(b"order 7 shipped\nboiler burst\n")
    assert [r.text for r in found if r.metric == "log.new_template"] == ["boiler burst"]


def test_a_file_is_read_on_from_a_place_by_whoever_has_it(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    lines, place = read_since(log, None)
    assert (lines.lines, place) == ([], Place())
    log.write_text("one\ntw")
    lines, place = read_since(log, place)
    assert (lines.lines, lines.bytes) == ([b"one"], 4)
    with log.open("a") as file:
        file.write("o\n" + "x" * 40_000)
    lines, place = read_since(log, place)
    assert [line[:3] for line in lines.lines] == [b"two", b"xxx"]
    with log.open("a") as file:
        file.write("x\nlast before it is renamed\n")
    log.rename(tmp_path / "a.log.1")
    assert read_since(log, place)[0].lines == [b"last before it is renamed"]  # nothing took its place yet
    log.write_text("first after\n")
    lines, place = read_since(log, place)
    assert lines.lines == [b"last before it is renamed", b"first after"]
    assert read_since(log, place)[0].lines == []
    log.write_text("cut\n")
    assert read_since(log, place)[0].lines == [b"cut"]


class Output:
    """A unit whose output the probe reads from the runtime."""

    def __init__(self, base: Path) -> None:
        self.system = make_system(base, {"a": {"kind": "http", "unit": "a"}})
        self.runtime: Any = self.system.runtime
        self.probe = LogsProbe(Clock())

    async def after(self, *lines: str) -> list[str]:
        self.runtime.say("a", *lines)
        found = await self.probe.observe(self.system, self.system.service("a"))
        return [r.text for r in found if r.metric == "log.template" for _ in range(int(r.value or 0))]


async def test_without_files_the_runtime_s_output_is_read_every_line_once(tmp_path: Path) -> None:
    output = Output(tmp_path)
    assert await output.after("one", "two") == []  # what was said before we came
    assert await output.after("ERROR three") == ["ERROR three"]
    assert await output.after() == []
    assert await output.after("ERROR three") == ["ERROR three"]
    assert await output.after(*["ERROR three"] * 5000) == ["ERROR three"] * 5000


async def test_a_traceback_in_a_runtime_s_output_is_one_record(tmp_path: Path) -> None:
    output = Output(tmp_path)
    await output.after()
    lines = TRACE.decode().split("\n")
    assert await output.after(*lines[:2]) == []
    (text,) = await output.after(*lines[2:4])
    assert text.startswith("TypeError: quote() takes 1") and text.endswith("api/quote.py:12 in quote")


async def test_what_a_slow_look_found_is_told_by_the_next(tmp_path: Path) -> None:
    output, go, done = Output(tmp_path), threading.Event(), threading.Event()
    await output.after()
    read = output.runtime.logs_since

    def slow(unit: str, cursor: str | None) -> tuple[Said, str]:
        found = read(unit, cursor)
        go.wait(20)
        done.set()
        return found

    output.runtime.logs_since, output.probe.timeout_s = slow, 0.05
    assert await output.after("ERROR three") == []
    go.set()
    await asyncio.to_thread(done.wait, 20)
    output.probe.timeout_s = 20
    while not (texts := await output.after()):  # until the thread is through
        pass
    assert texts == ["ERROR three"]
    assert await output.after() == []


async def test_each_stream_has_its_own_records(tmp_path: Path) -> None:
    """A traceback on stderr is one, whatever stdout says meanwhile."""
    output = Output(tmp_path)
    lines = TRACE.split(b"\n")
    said = [{"stdout": Chunk(), "stderr": Chunk()}, {"stdout": Chunk([b"tick"]), "stderr": Chunk(lines[:2])}]
    said += [{"stdout": Chunk([b"tick"]), "stderr": Chunk(lines[2:4])}]
    output.runtime.logs_since = lambda unit, cursor: (said.pop(0), "")
    assert [await output.after(), await output.after()] == [[], ["tick"]]
    first, second = await output.after()
    assert first.startswith("TypeError") and second == "tick"


@pytest.mark.parametrize(
    ("line", "rank"),
    [
        ("[Mon Nov 23 21:00:02 2026] [error] no answer", 2),
        ("time=1 level=error who=clerk", 2),
        ('level="warn" disk', 1),
        ("E1123 10:15:00.1 main.go:7] no answer", 2),
        ("10:00:01 shelf info: GET /x error: none", 0),
        ("all is well, no error here", 0),
    ],
)
def test_levels_in_small_letters_count_where_a_level_stands(line: str, rank: int) -> None:
    assert rank_of(line) == rank


def test_what_a_database_told_our_own_sessions_is_no_word_of_the_patient() -> None:
    line = "2026-11-29 02:50:02.851 UTC [10359] {} ERROR:  permission denied to terminate process"
    assert TO_US.search(line.format("ops_admin@shop/opsportal-admin"))
    assert TO_US.search(line.format("user=a,db=b,app=opsportal-prober"))
    assert not TO_US.search(line.format("app@shop/api-1"))
    assert not TO_US.search(line.format("app@shop/api-1") + " by opsportal-admin ERROR: so it says")
