"""A container's output read on and on: no line lost, none twice, little memory; on a made-up log and on a real one."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from systems.logs.tails import BACKLOG_LIMIT, LINE_LIMIT, READ_LIMIT
from systems.runtimes import RuntimeFailed, connect
from systems.runtimes.base import Said
from systems.runtimes.docker.logs import Entry, Mark, end_of, frames, read_since, terminal
from tests.systems.runtimes import docker_bench
from tests.systems.supervisor.harness import eventually

PART = 16_384  # the engine cuts lines into entries of this size


class Log:
    """What the engine wrote down, and somebody who reads it on."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.at = 1_800_000_000 * 10**9
        self.asked = 0
        self.mark, self.guess = Mark("box"), 0
        self.heard: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        self.bytes = self.skipped = 0

    def write(self, text: bytes, stream: int = 1, after: float = 1e-6) -> None:
        self.at += round(after * 1e9)
        for start in range(0, max(len(text), 1), PART):
            self.at += start and 1
            clock = datetime.fromtimestamp(self.at // 10**9, UTC)
            stamp = f"{clock:%Y-%m-%dT%H:%M:%S}.{self.at % 10**9:09}Z "
            self.entries.append((stream, stamp.encode() + text[start : start + PART]))

    @contextmanager
    def ask(self, tail: int) -> Iterator[Iterator[Entry]]:
        def passed() -> Iterator[Entry]:
            for entry in self.entries[-tail:]:
                self.asked += len(entry[1])
                yield entry

        yield passed()

    def look(self) -> Said:
        said, self.mark, self.guess = read_since(self.ask, Mark.of(self.mark.text()), self.guess)
        for name, chunk in said.items():
            self.heard[name] += chunk.lines
            self.bytes += chunk.bytes
            self.skipped += chunk.skipped
        return said


@pytest.mark.parametrize("seed", range(20))
def test_every_line_once_whatever_the_times_say(seed: int) -> None:
    random.seed(seed)
    log, wanted = Log(), {"stdout": [], "stderr": []}
    for number in range(1500):
        name, stream = random.choice([("stdout", 1), ("stderr", 2)])
        text = f"{number} ".encode() + b"x" * random.choice(
            [0, 5, 50, 20_000 if random.random() < 0.1 else 7]
        )
        log.write(
            text + b"\n", stream, random.choice([0, 0, 1e-6, 0.1, -3600 if random.random() < 0.01 else 1])
        )
        wanted[name].append(text[:LINE_LIMIT])
        if random.random() < random.choice([0.5, 0.01]):
            log.look()
    while any(chunk.lines for chunk in log.look().values()):
        pass
    assert log.heard == wanted
    assert log.skipped == 0


def test_a_quiet_container_costs_next_to_nothing() -> None:
    log = Log()
    for _ in range(5000):
        log.write(b"x" * 100 + b"\n")
    log.mark = end_of(log.ask, "box")
    log.asked = 0
    log.look()
    assert log.asked < 33 * 150
    assert log.heard == {"stdout": [], "stderr": []}


def test_one_look_takes_little_and_the_next_goes_on() -> None:
    log = Log()
    log.write(b"first\n")
    log.look()
    for number in range(40_000):
        log.write(b"%06d%s\n" % (number, b"x" * 93))  # 4 MB
    sizes = []
    while (said := log.look())["stdout"].lines:
        sizes.append(said["stdout"].bytes)
    assert max(sizes) <= READ_LIMIT
    assert [line[:6] for line in log.heard["stdout"][1:]] == [b"%06d" % n for n in range(40_000)]
    assert log.skipped == 0


def test_of_a_flood_the_end_is_kept_and_the_rest_counted() -> None:
    log = Log()
    log.write(b"first\n")
    log.look()
    for number in range(100_000):  # 10 MB in a second
        log.write(b"%06d%s\n" % (number, b"x" * 93), after=1e-5)
    log.asked = 0
    log.look()
    assert log.asked < 2 * BACKLOG_LIMIT
    assert log.heard["stdout"][-1][:6] == b"099999"
    assert sum(map(len, log.heard["stdout"])) <= READ_LIMIT
    assert log.skipped == pytest.approx(9e6, rel=0.1)
    assert log.bytes == pytest.approx(10e6, rel=0.1)
    log.write(b"after\n")
    assert log.look()["stdout"].lines == [b"after"]


def test_a_line_of_100_mb_is_cut_and_the_next_one_is_found() -> None:
    log = Log()
    log.write(b"first\n")
    log.look()
    for _ in range(100):
        log.write(b"x" * 1_000_000)  # no end yet
        log.look()
    log.write(b"end\n")
    log.write(b"next\n")
    log.write(b"other\n", 2)
    log.look()
    assert [line[:5] for line in log.heard["stdout"]] == [b"first", b"xxxxx", b"next"]
    assert log.heard["stderr"] == [b"other"]
    assert log.bytes == 100_000_000 + len("first\nend\nnext\nother\n")
    assert max(map(len, log.heard["stdout"])) <= LINE_LIMIT


def test_a_log_that_was_emptied_or_turned_over() -> None:
    log = Log()
    for _ in range(100):
        log.write(b"old\n")
    log.look()
    log.entries = []
    log.look()
    log.write(b"new\n", after=1)
    assert log.look()["stdout"].lines == [b"new"]
    for number in range(100):
        log.write(b"%d\n" % number, after=1)
    log.entries = log.entries[-50:]
    assert log.look()["stdout"].lines == [b"%d" % n for n in range(50, 100)]
    assert log.look()["stdout"].lines == []


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_frames_and_lines_however_the_answer_is_cut(size: int) -> None:
    entries = [(1, b"t one\n"), (2, b"t " + b"x" * 1000), (1, b""), (2, b"t \xff\n")]
    answer = b"".join(bytes([s, 0, 0, 0]) + len(e).to_bytes(4, "big") + e for s, e in entries)
    assert list(frames(answer[i : i + size] for i in range(0, len(answer), size))) == entries
    lines = [b"t one\r\n", b"u " + b"x" * 100_000 + b"\n", b"v two\n"]
    answer = b"".join(lines)
    told = list(terminal(answer[i : i + size] for i in range(0, len(answer), size)))
    assert [told[0], told[-1]] == [(1, lines[0]), (1, lines[-1])]
    assert b"".join(text.removeprefix(b"u ") for _, text in told[1:-1]) == lines[1][2:]
    assert all(text.startswith(b"u ") and len(text) < LINE_LIMIT + 10 for _, text in told[1:-1])


def test_a_mark_is_text_and_other_text_is_refused() -> None:
    for mark in (Mark("box"), Mark("box", "2027", 255, "12")):
        assert Mark.of(mark.text()) == mark
    for text in ("x", "a b zz d", "a b ff"):
        with pytest.raises(RuntimeFailed):
            Mark.of(text)


# ---- a real engine
COUNTER = "[ -e /data/n ] && read n < /data/n || n=0; i=0; while [ $i -lt 3000 ]; do echo $((n+i)); i=$((i+1)); done"
COUNTER = f"{COUNTER}; echo $((n+i)) > /data/n; exit 1"


def test_a_container_that_crashes_all_the_time_loses_no_line(tmp_path: Path) -> None:
    if why := docker_bench.why_not():
        pytest.skip(why)
    with docker_bench.compose("lines") as project:
        policy = {"Name": "on-failure", "MaximumRetryCount": 4}
        made = project.container(
            "web", COUNTER, image=project.image("1.0"), start=False, restart_policy=policy, volumes=["/data"]
        )
        runtime = connect("docker", {"project": project.project}, tmp_path)
        cursor: str = ""
        heard: list[bytes] = []

        def more() -> bool:
            nonlocal cursor
            said, cursor = runtime.logs_since("web", cursor)
            heard.extend(said["stdout"].lines)
            return len(heard) >= 15_000

        threading.Thread(target=project.api.start, args=(made,)).start()
        eventually(more)
        assert more()
        assert heard == [b"%d" % n for n in range(15_000)]


@pytest.mark.slow
@pytest.mark.patient
@pytest.mark.parametrize("tty", [False, True])
def test_40_mb_at_once_and_a_huge_line(tmp_path: Path, tty: bool) -> None:
    if why := docker_bench.why_not():
        pytest.skip(why)
    x = "x=0123456789abcde; for i in 1 2 3 4 5 6 7 8 9 10; do x=$x$x; done"  # 15 kB
    script = f"{x}; echo first; read -r; for i in {{1..1500}}; do echo $x; done; for i in {{1..1500}}; do printf %s $x"
    with docker_bench.compose("flood") as project:
        image = project.image("1.0")
        made = project.container("web", f"{script}; done; echo; echo last", image=image, tty=tty)
        runtime = connect("docker", {"project": project.project}, tmp_path)
        eventually(lambda: runtime.logs("web"))
        cursor = runtime.logs_since("web", None)[1]
        project.type(made, b"go\n")
        project.api.wait(made, timeout=120)
        lines: list[bytes] = []
        skipped = 0
        while True:
            said, cursor = runtime.logs_since("web", cursor)
            found = [line for chunk in said.values() for line in chunk.lines]
            lines += found
            skipped += sum(chunk.skipped for chunk in said.values())
            if not found:
                break
        assert lines[-1] == b"last"
        assert sum(map(len, lines)) < 3 * READ_LIMIT
        assert skipped > 3_000_000
