"""What is tried on a copy before it is done: what failed there the agent does not ask for, nothing stays of the trial,
and where there is no copy the page says who would be without what."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from actions import service
from actions.models import ActionRequest, Status
from actions.trial import Trial, judged, together
from incidents.memo import memo
from systems import services
from systems.models import System
from systems.runtimes.base import ExecResult
from systems.runtimes.fake import FakeRuntime, forget

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    memo.forget()


@pytest.fixture
def declared(base: Path, db: None) -> Any:
    """The system with a checker of its configuration and migrations that can be tried."""
    file = base / "manifest.yaml"
    data = json.loads(file.read_text())
    data["services"]["front"]["config"]["check"] = ["/opt/bin/product", "--test", "{file}", "{name}"]
    data["services"]["db"]["migrations"] = {"argv": ["migrate"], "service": "crew", "dry_run": "--try"}
    file.write_text(json.dumps(data))
    forget()
    services._cache.clear()
    row = services.register(file)
    System.objects.filter(pk=row.pk).update(agent_on=True)
    yield services.load("tiny")
    forget()
    services._cache.clear()


class Programs:
    """Answers of what is run, and what was run."""

    def __init__(self, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.seen: list[str] = []
        self.answers: dict[str, ExecResult] = {}
        monkeypatch.setattr(runtime, "exec", self)

    def __call__(
        self, unit: str, argv: Sequence[str], timeout_s: float = 30.0, fence: int | None = None
    ) -> Any:
        self.ran.append((unit, *argv))
        self.seen += [Path(word).read_text() for word in argv[1:] if word.startswith("/")]
        answer = next((a for key, a in self.answers.items() if key in argv), ExecResult(0))
        return replace(answer, err=answer.err.replace("{name}", argv[-1]))


@pytest.fixture
def programs(declared: services.LoadedSystem, monkeypatch: pytest.MonkeyPatch) -> Programs:
    assert isinstance(declared.runtime, FakeRuntime)
    return Programs(declared.runtime, monkeypatch)


def drift(base: Path) -> None:
    (base / "etc/front.yaml").write_text("delay_s: 9\n")


def test_checker_reads_what_would_be_put_there_beside_the_real_file(
    base: Path, declared: services.LoadedSystem, programs: Programs
) -> None:
    drift(base)
    request = service.propose("tiny", "restore-config", "front", {}, requested_by="agent")
    assert request.status == Status.APPROVED
    assert request.preview["trial"] == {"outcome": "held", "on": "a copy, by product --test", "found": []}
    (ran,) = {r for r in programs.ran if r[1] == "/opt/bin/product"}
    assert ran[0] == "front" and Path(ran[3]).parent == base / "etc" and ran[4] == Path(ran[3]).name
    assert programs.seen == [(base / "golden/front.yaml").read_text()]
    assert sorted(p.name for p in (base / "etc").iterdir() if p.name.startswith(".")) == [], (
        "the copy is gone"
    )
    assert (base / "etc/front.yaml").read_text() == "delay_s: 9\n", "the real file is as it was"


def test_agent_does_not_ask_for_what_failed_on_a_copy_a_person_may(
    base: Path, declared: services.LoadedSystem, programs: Programs
) -> None:
    drift(base)
    programs.answers["--test"] = ExecResult(1, err="unknown directive in {name}:1")
    refused = service.propose("tiny", "restore-config", "front", {}, requested_by="agent")
    assert refused.status == Status.REFUSED
    assert (
        "it failed when it was tried on a copy, by product --test: unknown directive in front.yaml:1"
        in refused.status_why
    )
    with pytest.raises(service.ActionRefused, match="unknown directive"):
        service.preview("tiny", "restore-config", "front", {}, agent_for=1)
    asked = service.propose("tiny", "restore-config", "front", {}, requested_by="bob")
    assert asked.status in (Status.WAITING, Status.APPROVED)
    assert asked.preview["trial"]["outcome"] == "failed"


@pytest.mark.parametrize("code", [75, 126, 127, -9, 137])
def test_checker_that_cannot_tell_stands_in_nobodys_way(
    base: Path, declared: services.LoadedSystem, programs: Programs, code: int
) -> None:
    drift(base)
    programs.answers["--test"] = ExecResult(code, err="sh: product: not found")
    request = service.propose("tiny", "restore-config", "front", {}, requested_by="agent")
    assert request.status == Status.APPROVED
    assert request.preview["trial"]["outcome"] == "not_tried"
    assert "sh: product: not found" in request.preview["trial"]["found"]


def test_rows_that_a_migration_loses_are_counted_where_it_is_tried(
    declared: services.LoadedSystem, programs: Programs
) -> None:
    said = json.dumps({"level": "info", "msg": "tried: version would be 6, rows lost: 12"})
    programs.answers["--try"] = ExecResult(0, said + "\n")
    shown = service.preview("tiny", "roll-back-migration", "db", {})
    assert ("crew", "migrate", "down", "--try") in programs.ran
    assert ("crew", "migrate", "down") not in programs.ran
    assert shown["loss"] == {"rows": 12}
    assert shown["trial"]["found"] == ["tried: version would be 6, rows lost: 12"]
    memo.forget()
    programs.answers["--try"] = ExecResult(75, "", "somebody holds a lock\n")
    assert service.preview("tiny", "roll-back-migration", "db", {})["loss"] == {"rows": None}


def test_what_cannot_be_tried_is_foreseen_from_the_graph_and_from_earlier_runs(
    system: services.LoadedSystem, row: System
) -> None:
    first = service.preview("tiny", "restart-service", "db", {})["trial"]
    assert first["outcome"] == "foreseen"
    assert first["found"] == [
        "db is away while starting anew, and crew, front, web-1, web-2 without it",
        "it was not done here before, so how long it takes is not known",
    ]
    now = timezone.now()
    for seconds in (2, 4, 9):
        done = service.propose("tiny", "restart-service", "db", {}, requested_by="bob")
        ActionRequest.objects.filter(pk=done.pk).update(
            status=Status.SUCCEEDED, claimed_at=now, finished_at=now + timedelta(seconds=seconds)
        )
    memo.forget()
    again = service.preview("tiny", "restart-service", "db", {})["trial"]
    assert again["found"][1] == "done here 3 times before: it took 4.0 s, at most 9.0 s"


def test_environment_without_a_key_that_has_to_be_there_is_not_put_back(
    base: Path, system: services.LoadedSystem
) -> None:
    (base / "golden/web-1.env").write_text("API_KEY=x\n")
    (base / "etc/web-1.env").write_text("")
    refused = service.propose("tiny", "regenerate-env", "web-1", {}, requested_by="agent")
    assert refused.status == Status.REFUSED
    assert "golden/web-1.env has no DATABASE_URL" in refused.status_why


def test_several_trials_are_as_good_as_the_worst() -> None:
    held, failed, unsure = judged(0, "fine", "a"), judged(1, "bad\n\nworse", "b"), judged(75, "", "a")
    assert failed.found == ["bad", "worse"]
    assert together([]) is None
    assert together([held, held]) == Trial("held", "a", ["fine"])
    worst = together([held, unsure, failed])
    assert worst is not None and (worst.outcome, worst.on) == ("failed", "a, b")
    assert together([held, unsure]).outcome == "not_tried"  # type: ignore[union-attr]
