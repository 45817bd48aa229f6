"""The case file: what one worker writes another reads, and what an older version left is carried over or ended."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module

from django.db import connection

from agent import journal, loop
from agent import service as agent
from agent.case import Answer, Attempt, Case, Measuring, Path, PutBack, Reads
from agent.models import Phase, Run
from incidents.findings import Opinion
from incidents.models import TimelineEvent
from tests.agent.world import World, finding, path

AT = datetime(2026, 11, 28, 12, 0, 1, 250000, tzinfo=UTC)


def test_it_comes_back_from_the_database_as_it_was(world: World):
    run = world.start(world.open())
    leader = finding("stuck", 0.9, path("mend web"))
    case = Case(picture=AT, opinion=Opinion(findings=[leader], none_probability=0.1), before=["a@b#c"])
    case.answers.append(Answer(signal="direct_ok", service="web", value=None, text="no\x00answer"))
    case.attempt = Attempt(path=Path(finding=leader.key, steps=leader.paths[0]), cursor=1, acted_at=AT)
    case.measuring = Measuring(since=AT, reads={"a@b": Reads(last=AT, times=2)}, lowest={"a@b": 1.5})
    case.put_back = PutBack(requests=["r1"], why="it did not help")
    Run.objects.filter(pk=run.pk).update(case=case)
    run.refresh_from_db()
    assert run.case.answers[0].text == "noanswer", "Postgres takes no NUL"
    run.case.answers[0] = case.answers[0]
    assert run.case == case
    assert run.case.acted_on == leader
    assert (run.case.acted_at, run.case.attempt.done) == (AT, leader.paths[0])


def test_cases_share_nothing():
    one, other = Case(), Case()
    one.looks.ill = 3
    one.tried.append("x")
    one.waiting.held = "stopped"
    assert other == Case()


def test_begun_anew_it_keeps_what_was_tried_and_may_ask_again():
    case = Case(tried=["a"], answers=[Answer(signal="direct_ok", service="web", value=True)])
    case.attempt = Attempt(path=Path(finding="web:stuck", steps=path("mend web")), acted_at=AT)
    case.measuring = Measuring(since=AT)
    case.looks.leader, case.looks.steady, case.looks.all = "web:stuck", 4, 9
    case.begin_anew()
    assert (case.tried, case.asked, case.measuring, case.acted_at, case.round) == (["a"], [], None, None, 1)
    assert (case.looks.leader, case.looks.steady, case.looks.all) == ("", 0, 9)


def test_a_run_in_the_middle_of_something_is_carried_over():
    memory = {
        "stamp": AT.isoformat(), "looks": 4, "healed": 6, "leader": "web:stuck", "steady": 2, "since_no": 3,
        "findings": [{**finding("stuck", 0.9, path("mend web", "patch web")).model_dump(), "key": "web:stuck"}],
        "asked": ["direct_ok@web"],
        "answers": [{"signal": "direct_ok", "service": "web", "value": False, "text": "refused"}],
        "path": {"key": "k", "finding": "web:stuck", "steps": [s.model_dump() for s in path("mend web", "patch web")]},
        "cursor": 1, "requests": ["r1"], "acted_at": AT.isoformat(), "acted": ["mend on web"],
        "before": ["http_unreachable@web"], "tried": ["older"], "green_since": AT.isoformat(),
        "put_back": ["r1"], "put_back_why": "worse", "undo": None, "again": {"why": "worse", "relapsed": ""},
    }  # fmt: skip
    case = Case.model_validate(import_module("agent.migrations.0002_case").case_of(memory))
    assert case.attempt is not None
    assert (case.attempt.path.words, case.attempt.cursor, case.acted_at) == (
        "mend on web, then patch on web",
        1,
        AT,
    )
    assert (case.looks.ill, case.looks.all, case.looks.steady, case.looks.since_closed) == (4, 6, 2, 3)
    assert (case.asked, case.answers[0].value, case.tried) == (["direct_ok@web"], False, ["older"])
    assert case.acted_on is not None
    assert case.put_back == PutBack(requests=["r1"], why="worse")
    assert Case.model_validate(import_module("agent.migrations.0002_case").case_of({})) == Case()


def test_what_another_version_wrote_ends_the_run_and_another_one_begins(world: World):
    incident = world.open()
    run = world.start(incident)
    with connection.cursor() as cursor:
        cursor.execute("""update agent_run set "case" = '{"version": 99, "dreams": []}'""")
    loop.advance(run.pk)
    done = Run.objects.defer("case").get(pk=run.pk)
    assert (done.phase, done.outcome) == (Phase.DONE, "unreadable")
    assert "another version" in TimelineEvent.objects.get(incident=incident, kind="note").title
    assert journal.due() == []
    agent.sweep()
    assert Run.objects.exclude(phase=Phase.DONE).get().case == Case()
