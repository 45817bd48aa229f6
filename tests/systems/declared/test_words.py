"""Declared words, in real log files, as the watcher reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from systems.probes.logs import LogsProbe
from systems.services import LoadedSystem
from tests.systems.helpers import Clock, make_system

QUOTA = {
    "name": "quota",
    "pattern": r"quota exceeded for (\S+)",
    "title": "{service} is out of quota for {text}",
}


class Log:
    def __init__(self, base: Path, *words: dict[str, Any]) -> None:
        self.file = base / "app.log"
        self.file.write_text("")
        spec = {"kind": "http", "logs": [{"file": "app.log"}], "words": list(words)}
        self.system: LoadedSystem = make_system(base, {"app": spec})
        self.clock = Clock()
        self.probe = LogsProbe(self.clock)
        self.look()

    def look(self, *lines: str) -> dict[tuple[str, str], tuple[float | None, str]]:
        with self.file.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)
        self.clock.at += 1
        found = self.probe.read(self.system, self.system.service("app"))
        self.probe._watched["app"].late.clear()
        return {(r.metric, r.label): (r.value, r.text) for r in found if r.metric.startswith("declared.")}


def test_an_error_counts_at_its_grade_and_a_warning_as_context(tmp_path: Path) -> None:
    log = Log(tmp_path, QUOTA)
    own, context = ("declared.fails.medium", "quota"), ("declared.fails.context", "quota")
    assert log.look("INFO all is well") == {own: (0.0, ""), context: (0.0, "")}
    assert log.look("INFO quota exceeded for x")[context] == (0.0, ""), "chatter"
    said = "app is out of quota for eu-west"
    warned = log.look("WARNING Quota exceeded for eu-west")
    assert (warned[own], warned[context]) == ((0.0, ""), (1.0, said))
    failed = log.look("ERROR quota exceeded for eu-west")
    assert (failed[own], failed[context]) == ((1.0, said), (1.0, said))
    for _ in range(7):
        assert log.look()[own][0] == 1.0
    assert log.look()[own] == (0.0, "")


def test_without_a_title_the_line_is_told_and_what_a_caller_typed_is_not_searched(tmp_path: Path) -> None:
    log = Log(tmp_path, {"name": "quota", "pattern": "quota exceeded", "opens": False, "class": "own"})
    found = log.look('ERROR no such page: query="quota exceeded"')
    assert found == {("declared.own.context", "quota"): (0.0, "")}
    found = log.look("ERROR the quota exceeded its limit")
    assert found == {("declared.own.context", "quota"): (1.0, "app says: the quota exceeded its limit")}
