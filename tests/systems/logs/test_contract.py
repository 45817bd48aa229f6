"""What every dialect and every trace must do; the samples lie beside, in a file for each family."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from systems.logs.dialects import DIALECTS
from systems.logs.joining import Assembler, records
from systems.logs.records import Record
from systems.logs.templates import Miner

NO_WORDS = re.compile(rb"#\w|\d{4}-\S+$|.*-- :   $")  # heads of what follows
HERE = Path(__file__).parent


def samples(folder: str) -> list[Any]:
    found = []
    for file in sorted((HERE / folder).glob("*.yaml")):
        for number, sample in enumerate(yaml.safe_load(file.read_text())):
            found.append(pytest.param(sample, id=f"{file.stem}-{sample.get('name', number)}"))
    return found


LINES, TRACES = samples("dialects"), samples("traces")


def lines(text: str) -> list[bytes]:
    return [line.encode() for line in text.split("\n")]


def may_go_on(sample: dict[str, Any]) -> bool:
    """Whether a sentence can be put behind a line."""
    return "said" in sample and sample["dialect"] not in ("json", "logfmt") and sample["log"][-1] != "]"


def level(record: Record) -> str | None:
    return record.level.name if record.level else None


@pytest.mark.parametrize("sample", LINES)
def test_a_line_is_read_by_its_dialect(sample: dict[str, Any]) -> None:
    (record,) = records([sample["log"].encode()])
    assert (record.dialect, level(record)) == (sample["dialect"], sample["level"])
    moment = record.time()
    assert (moment.isoformat() if moment else None) == sample["time"]
    if access := record.access:
        assert f"{access.method} {access.route} {access.status}" == sample["route"]
    else:
        assert record.said == sample["said"]


@pytest.mark.parametrize("sample", LINES)
def test_what_is_kept_of_a_line_says_the_same_level(sample: dict[str, Any]) -> None:
    """The product keeps one line of each record, and judges by that again."""
    (record,) = records([sample["log"].encode()])
    (again,) = records([record.told.encode()])
    assert again.rank == record.rank


@pytest.mark.parametrize(
    "carrier", ["2026-03-02T10:00:01.5Z stdout F {}", "api-1  | {}", "[pod/api-1/api] {}"]
)
@pytest.mark.parametrize("sample", LINES)
def test_a_line_is_the_same_behind_what_an_engine_puts_before_it(
    sample: dict[str, Any], carrier: str
) -> None:
    (bare,) = records([sample["log"].encode()])
    (carried,) = records([carrier.format(sample["log"]).encode()])
    assert (level(carried), carried.said, carried.text) == (level(bare), bare.said, bare.text)
    assert carrier[0] != "2" or carried.time() is not None


@pytest.mark.parametrize("sample", [s for s in LINES if may_go_on(s.values[0])])
def test_level_words_that_somebody_typed_change_nothing(sample: dict[str, Any]) -> None:
    text = sample["log"]
    (bare,) = records([text.encode()])
    (typed,) = records([f"{text} (searched for: ERROR level FATAL: error: no)".encode()])
    assert level(typed) == level(bare)


def test_every_dialect_has_a_sample() -> None:
    seen = {s.values[0]["dialect"] for s in LINES}
    names = {"access" if n == "request" else n.split(" ")[0] for n in (d.name for d in DIALECTS)}
    assert names - seen - {"erlang", "node"} == set()  # two have their words on the next line, or none


@pytest.mark.parametrize("sample", TRACES)
def test_lines_of_one_record_are_joined(sample: dict[str, Any]) -> None:
    found = list(records(lines(sample["log"])))
    told = []
    for record in found:
        entry: dict[str, Any] = {"level": level(record)}
        if record.fault.exception:
            entry["exception"] = record.fault.exception
            if record.fault.cause:
                entry["cause"] = record.fault.cause
        if record.access:
            entry["route"] = record.access.route
        told.append(entry)
    assert told == sample["records"]


@pytest.mark.parametrize("sample", TRACES)
def test_what_is_kept_of_a_trace_names_exception_and_cause(sample: dict[str, Any]) -> None:
    for record in records(lines(sample["log"])):
        assert record.fault.exception.split(".")[-1] in record.told
        assert record.fault.cause[:60] in record.told
        if record.access:
            continue
        (again,) = records([record.told.encode()])
        assert again.rank == record.rank


@pytest.mark.parametrize("sample", [*LINES, *TRACES])
def test_a_log_that_breaks_off_anywhere_loses_nothing(sample: dict[str, Any]) -> None:
    whole = lines(sample["log"])
    for upto in range(len(whole) + 1):
        assembler = Assembler()
        found = list(chain(assembler.feed(whole[:upto]), assembler.feed([])))
        words = [n for n in whole[:upto] if n.strip() and not NO_WORDS.match(n)]
        assert bool(found) == bool(words)


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_any_bytes_are_read(raw: list[bytes]) -> None:
    miner = Miner()
    for record in records(raw):
        assert record.rank in (0, 1, 2)
        assert "\x00" not in record.told
        assert miner.add(record.said)[0]
        assert record.time() is None or record.time().tzinfo is not None  # type: ignore[union-attr]


@given(st.text(alphabet='{}[]()":=<>| \t0123456789-TZ.,/ERROinfowat%', max_size=120))
def test_any_mixture_of_what_lines_are_made_of_is_read(text: str) -> None:
    assert sum(1 for _ in records([text.encode()])) <= 1


def test_a_line_in_ever_more_pieces_is_cut() -> None:
    pieces = [b"2026-03-02T10:00:01Z stdout P " + b"x" * 1000] * 100
    (record,) = records([*pieces, b"2026-03-02T10:00:01Z stdout F end"])
    assert len(record.text) < 22_000


def test_a_stamp_that_stands_alone_has_few_lines() -> None:
    found = list(records([b"Mon Mar  2 10:00:01 UTC 2026", *[b"copied %d" % n for n in range(30)]]))
    assert (len(found), found[0].time() is not None) == (20, True)


def test_a_statement_that_was_slow_is_no_word_of_the_database() -> None:
    slow = (
        b"# Time: 2026-03-02T10:00:01Z\n# User@Host: a\n# Query_time: 1.0\nselect 'No space left on device';"
    )
    (record,) = records(slow.split(b"\n"))
    assert (record.said, len(record.text.split("\n"))) == ("Query_time: 1.0", 4)
