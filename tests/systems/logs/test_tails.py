"""Files that are rotated, copied, and named by patterns: every line once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from systems.logs.globs import Tails
from systems.logs.tails import LINGER, Place, Tail, read_since


def append(file: Path, text: str) -> None:
    with file.open("a") as opened:
        opened.write(text)


def copytruncate(log: Path, copy: Path) -> None:
    shutil.copyfile(log, copy)
    os.truncate(log, 0)


@pytest.mark.parametrize(
    "after", ["short\n", "a much longer line than all that was there before the rotation\n" * 9]
)
def test_what_was_emptied_in_place_is_read_from_its_start_however_much_came(
    tmp_path: Path, after: str
) -> None:
    log = tmp_path / "a.log"
    log.write_text("old\n" * 5)
    tail = Tail(log)
    tail.poll()
    append(log, "seen\n")
    assert tail.poll().lines == [b"seen"]
    append(log, "before the rotation\n")
    copytruncate(log, tmp_path / "a.log.1")
    append(log, after)
    assert tail.poll().lines == [b"before the rotation", *after.encode().split(b"\n")[:-1]]
    assert tail.poll().lines == []


def test_the_same_for_who_only_keeps_the_place(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("old\n")
    _, place = read_since(log, None)
    append(log, "one\n")
    found, place = read_since(log, Place.of(place.text()))
    append(log, "two\n")
    copytruncate(log, tmp_path / "a-20260302.log")
    append(log, "three, which is longer than what was\n")
    later, place = read_since(log, Place.of(place.text()))
    assert found.lines + later.lines == [b"one", b"two", b"three, which is longer than what was"]
    assert read_since(log, place)[0].lines == []


def test_a_place_of_before_marks_is_still_one() -> None:
    assert Place.of("7 100 0") == Place(7, 100)
    assert Place.of("") == Place()


def test_who_still_writes_to_the_renamed_file_is_read(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("")
    tail = Tail(log)
    tail.poll()
    with log.open("a") as writer:
        log.rename(tmp_path / "a.log.1")
        log.write_text("new\n")
        assert tail.poll().lines == [b"new"]
        writer.write("late\nwithout an end")
    found = [line for _ in range(LINGER + 1) for line in tail.poll().lines]
    assert found == [b"late", b"without an end"]


def test_a_big_rest_of_a_renamed_file_is_read_whole(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("")
    tail = Tail(log)
    tail.poll()
    append(log, "x" * 99 + "\n")
    append(log, ("y" * 99 + "\n") * 30_000)
    log.rename(tmp_path / "a.log.1")
    log.write_text("new\n")
    assert len(tail.poll().lines) == 30_002


def polled(tails: Tails) -> list[bytes]:
    return [line for chunk in tails.poll().values() for line in chunk.lines]


def test_a_pattern_follows_files_that_come_later(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("old\n")
    tails = Tails(tmp_path / "*.log")
    assert polled(tails) == []
    append(tmp_path / "a.log", "one\n")
    (tmp_path / "b.log").write_text("two\n")
    (tmp_path / "c.txt").write_text("none of these\n")
    assert sorted(polled(tails)) == [b"one", b"two"]
    (tmp_path / "a.log").unlink()
    append(tmp_path / "b.log", "three\n")
    assert polled(tails) == [b"three"]


@pytest.mark.parametrize("rotate", ["rename", "copy"])
def test_a_file_that_gets_another_name_of_the_pattern_is_not_read_again(tmp_path: Path, rotate: str) -> None:
    log = tmp_path / "a.log"
    log.write_text("old\n")
    tails = Tails(tmp_path / "a*.log")
    polled(tails)
    append(log, "one\n")
    assert polled(tails) == [b"one"]
    append(log, "two\n")
    if rotate == "rename":
        log.rename(tmp_path / "a-1.log")
        log.write_text("three\n")
    else:
        copytruncate(log, tmp_path / "a-1.log")
        append(log, "three\n")
    assert sorted(polled(tails)) == [b"three", b"two"]
    append(log, "four\n")
    assert polled(tails) == [b"four"]


def test_packed_files_of_a_pattern_are_left_alone(tmp_path: Path) -> None:
    tails = Tails(tmp_path / "a.log*")
    polled(tails)
    (tmp_path / "a.log.2.gz").write_bytes(b"\x1f\x8b\n\n\n")
    (tmp_path / "a.log").write_text("one\n")
    assert polled(tails) == [b"one"]
