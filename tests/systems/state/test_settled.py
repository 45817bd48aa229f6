"""What counts as a change, and what does not."""

from systems.redact import MASK, Redactor
from systems.state import masking
from systems.state.facts import Fact, Facts
from systems.state.settled import OFTEN, Settled
from systems.state.types import Change

AREA = ("api", "settings")
Values = dict[str, str]


def take(
    settled: Settled, values: Values | None, at: float, *, peace: bool = True, **more: object
) -> list[Change]:
    facts: Facts = {w: Fact(v, "setting", **more) for w, v in (values or {}).items()}  # type: ignore[arg-type]
    read = {AREA: facts} if values is not None else {}
    return settled.take(read, at, at + 0.1, lambda: Redactor(["swordfish"]), peace=peace)


def test_a_value_never_seen_is_no_change_and_what_cannot_be_read_is_none_either():
    settled = Settled("x")
    assert take(settled, {"a": "1"}, 0) == []
    assert take(settled, None, 10) == []
    (change,) = take(settled, {"a": "2"}, 20)
    assert (change.last_old.timestamp(), change.first_new.timestamp()) == (0, 20.1)


def test_what_changes_often_in_peace_is_told_a_few_times_and_then_no_more_until_it_is_still():
    settled, told = Settled("x"), 0
    for number in range(20):
        told += len(take(settled, {"weight": str(number)}, number * 60.0))
    assert told == OFTEN
    assert take(settled, {"weight": "now"}, 20 * 60.0 + 4000) != []


def test_changes_around_trouble_are_told_each_time():
    settled = Settled("x")
    for number in range(20):
        assert len(take(settled, {"a": str(number)}, number * 60.0, peace=False)) == (number > 0)
    settled = Settled("x")
    for number in range(20):
        assert len(take(settled, {"a": str(number)}, number * 60.0)) == (number > 0)
        settled.forgive(number * 60.0 - 100)


def test_what_comes_and_goes_with_its_table_is_one_change():
    def facts(*names: str) -> Facts:
        return {n: Fact("x", "schema", parent=n.rpartition(": ")[0]) for n in names}

    settled = Settled("x")
    hide = Redactor
    settled.take({AREA: facts("table a", "table a: column x", "table b")}, 0, 0.1, hide)
    (gone,) = settled.take({AREA: facts("table b")}, 1, 1.1, hide)
    assert gone.what == "table a" and "with 1 part of it" in gone.words
    (new,) = settled.take(
        {AREA: facts("table b", "table c", "table c: column x", "table c: column y")}, 2, 2.1, hide
    )
    assert new.what == "table c" and "with 2 parts" in new.words


def test_many_at_once_are_bounded():
    settled = Settled("x")
    take(settled, {f"k{i}": "1" for i in range(500)}, 0)
    changes = take(settled, {f"k{i}": "2" for i in range(500)}, 1)
    assert len(changes) < 50 and "more of settings" in changes[-1].words


def test_what_is_written_and_waits_is_told_as_such_and_again_when_it_counts():
    settled = Settled("x")
    hide = Redactor
    settled.take({AREA: {"a": Fact("1", "setting")}}, 0, 0.1, hide)
    (waits,) = settled.take({AREA: {"a": Fact("1", "setting", coming="2")}}, 1, 1.1, hide)
    assert waits.pending and waits.words == "`a` of api changed from 1 to 2, from its next start on"
    (counts,) = settled.take({AREA: {"a": Fact("2", "setting")}}, 2, 2.1, hide)
    assert not counts.pending and (counts.before, counts.after) == ("1", "2")


def test_what_runs_out_is_told_once():
    settled = Settled("x")
    hide = Redactor
    read = {AREA: {"token": Fact("until noon", "role", ends=100.0)}}
    assert settled.take(read, 50, 50.1, hide) == []
    assert settled.same(read, 99) and not settled.same(read, 101)
    (ended,) = settled.take(read, 101, 101.1, hide)
    assert ended.kind == "deadline" and ended.first_new.timestamp() == 100
    assert settled.take({AREA: dict(read[AREA])}, 103, 103.1, hide) == []


def test_marks_and_texts_hold_no_secret():
    settled = Settled("x")
    take(settled, {"note": "say swordfish"}, 0)
    (change,) = take(settled, {"note": "say swordfish twice"}, 1)
    assert change.before == f"say {MASK}"
    assert masking.mark(AREA, "a", "1234") != masking.mark(AREA, "b", "1234")  # not a hash of the value alone
    assert masking.is_secret("db.password", "hunter2") and not masking.is_secret("auth.token_ttl_s", "3600")
    assert masking.looks_secret("x9Kd03jfLq72MzPa") and not masking.looks_secret("report-export-nightly")
