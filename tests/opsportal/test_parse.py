"""`./ops parse`: one JSON object a record and nothing else, from any file, with no portal and no Django."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOG = "2026-03-02T10:00:01Z ERROR disk full: No space left on device\n2026-03-02 10:00:02 INFO tick 7\nnothing said\n"


def parse(*args: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-P", "-m", "opsportal.parse", *args]
    return subprocess.run(
        command, input=given, capture_output=True, env={"PYTHONPATH": str(ROOT)}, timeout=60, check=False
    )


def read(*args: str, given: bytes = b"") -> list[dict[str, Any]]:
    done = parse(*args, given=given)
    assert (done.returncode, done.stderr) == (0, b"")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_record_is_one_object() -> None:
    first, second, third = read("-", given=LOG.encode())
    assert first == {
        "time": "2026-03-02T10:00:01+00:00",
        "level": "error",
        "rank": 2,
        "text": "2026-03-02T10:00:01Z ERROR disk full: No space left on device",
        "template": "disk full: No space left on device",
        "signals": ["log_no_space"],
    }
    assert (second["time"], second["level"], second["rank"], second["template"]) == (
        None,
        "info",
        0,
        "tick <n>",
    )
    assert (third["level"], third["rank"], third["signals"]) == (None, 0, [])


def test_a_zone_can_be_given_for_stamps_that_tell_none() -> None:
    assert read("-", "--zone", "Europe/Berlin", given=LOG.encode())[1]["time"] == "2026-03-02T10:00:02+01:00"
    assert b"no time zone" in parse("-", "--zone", "Mars").stderr


def test_an_exception_is_named_with_its_deepest_cause() -> None:
    trace = (
        b"java.lang.IllegalStateException: boom\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: full\n"
    )
    (record,) = read("-", given=trace)
    assert (record["exception"], record["cause"]) == (
        "java.lang.IllegalStateException",
        "java.io.IOException: full",
    )
    assert record["text"] == trace.decode().rstrip("\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("packed", [False, True])
def test_packed_and_in_any_encoding_it_reads_the_same(tmp_path: Path, encoding: str, packed: bool) -> None:
    raw = (LOG + "Grüße 状態\r\n").encode(encoding)
    file = tmp_path / "a.log"
    file.write_bytes(gzip.compress(raw) if packed else raw)
    found = read(str(file))
    assert [r["rank"] for r in found] == [2, 0, 0, 0]
    assert found[3]["text"] == "Grüße 状態"


def test_the_template_of_a_line_is_what_all_of_them_showed() -> None:
    text = "".join(f"INFO user {name} signed in today\n" for name in ("ann", "bob", "cid", "dan", "eve"))
    assert {r["template"] for r in read("-", given=text.encode())} == {"user <*> signed in today"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x7fELF\x00\x01\x02\x00" * 99, b"not text"),
        (gzip.compress(b"x" * 9999, mtime=0)[:20], b"broken"),
        (None, b"No such file"),
    ],
)
def test_what_cannot_be_read_is_said_on_stderr_alone(
    tmp_path: Path, content: bytes | None, why: bytes
) -> None:
    file = tmp_path / "a.log"
    if content is not None:
        file.write_bytes(content)
    done = parse(str(file))
    assert done.returncode == 1
    assert why in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""


def test_a_folder_and_nothing_at_all(tmp_path: Path) -> None:
    assert parse(str(tmp_path)).returncode == 1
    assert parse("-").stdout == b""


def test_a_hole_where_a_file_was_cut_while_it_was_written_to_is_passed_over() -> None:
    assert len(read("-", given=b"\0" * 100_000 + LOG.encode())) == 3


def test_whoever_reads_may_stop_early() -> None:
    command = f"yes '2026-03-02T10:00:01Z ERROR x' | head -n 60000 | {sys.executable} -m opsportal.parse - | head -n 1"
    done = subprocess.run(
        command, shell=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert (done.stdout.count(b"\n"), done.stderr) == (1, b"")


def test_django_is_not_started() -> None:
    code = "import sys, opsportal.parse; print('django' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=True)
    assert done.stdout == b"False\n"
