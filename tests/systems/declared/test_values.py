"""What was answered, as series, and what is made of their values."""

from __future__ import annotations

from typing import Any

import pytest

from systems.declared.calls import CallFailed
from systems.declared.judging import Judge
from systems.declared.series import Value, series, value_of
from systems.manifest.watched import ReadingSpec


def judge(**spec: Any) -> Judge:
    given = {"name": "backlog", "sql": "select 1", "hold": 1, **spec}
    if not {"above", "below", "is", "is_not"} & spec.keys():
        del given["hold"]
    return Judge(ReadingSpec.model_validate(given), "orders")


def looks(judge: Judge, *answers: Any) -> list[float | None]:
    return [judge.look("", value_of(answer))[0] for answer in answers]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (5, {"": (5.0, "5")}),
        ("5312", {"": (5312.0, "5312")}),
        ("1_000", {"": (None, "1_000")}),
        ("nan", {"": (None, "nan")}),
        (" open ", {"": (None, "open")}),
        (True, {"": (1.0, "true")}),
        ({"a": 1, "b": "x"}, {"a": (1.0, "1"), "b": (None, "x")}),
        ([], {}),
        ([{"region": "eu", "tier": None, "n": 3}], {"eu -": (3.0, "3")}),
        ([{"value": 3, "shard": 7}, {"value": 4, "shard": 8}], {"7": (3.0, "3"), "8": (4.0, "4")}),
        ({"a": None}, {"a": None}),
        ({"a\x1b[31m\u202eb": 1}, {"ab": (1.0, "1")}),
    ],
)
def test_an_answer_is_one_value_or_one_for_each_label(answer: Any, expected: Any) -> None:
    found = series(answer)
    assert {k: None if v is None else (v.number, v.text) for k, v in found.items()} == expected


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "null"),
        ([1, 2], "plain values"),
        ({"a": {"b": 1}}, "a dict"),
        (float("nan"), "no finite number"),
        (10**400, "no finite number"),
    ],
)
def test_what_is_no_value_says_so(answer: Any, words: str) -> None:
    with pytest.raises(CallFailed, match=words):
        series(answer)


def test_a_limit_with_a_way_back() -> None:
    assert looks(judge(above=1000, clear=800), 900, 1001, 900, 801, 800, 900) == [0, 201, 100, 1, 0, 0]
    assert looks(judge(above=1000), 1000, 1001, 1000) == [0, 1, 0]
    assert looks(judge(below=5, clear=8), 5, 4, 7, 8) == [0, 4, 1, 0]
    assert looks(judge(above=-5), -6, -4) == [0, 1]


def test_words_and_truths() -> None:
    assert looks(judge(is_not="closed"), "Closed", "open") == [0, 1]
    assert looks(judge(**{"is": ["failed", 3]}), "FAILED", 3, "3", "fine") == [1, 1, 1, 0]
    assert looks(judge(is_not=True), True, "on", 1, False, "off", 0, "odd") == [0, 0, 0, 1, 1, 1, 1]


def test_it_has_to_hold_for_so_many_looks() -> None:
    assert looks(judge(above=1, hold=3), 2, 2, 0, 2, 2, 2, 2, 0) == [None, None, 0, None, None, 1, 1, 0]


def test_what_is_no_number_is_unknown_where_one_is_asked_for() -> None:
    assert judge(above=1).look("", value_of("odd")) == (None, "'odd' is no number")
    assert judge(above=1).look("", None) == (None, "nothing stands there (null)")


def test_labels_are_judged_apart() -> None:
    found = judge(above=1, hold=2)
    assert [found.look(label, Value(2.0, "2"))[0] for label in ("a", "b", "a", "b")] == [None, None, 1, 1]


@pytest.mark.parametrize(
    ("spec", "label", "answer", "words"),
    [
        ({"above": 1000}, "", 5312, "backlog of orders is 5,312, above 1,000"),
        ({"above": 1000, "unit": "jobs"}, "eu", 5312, "backlog of orders (eu) is 5,312 jobs, above 1,000"),
        ({"below": 0.5, "name": "hit_rate"}, "", 0.25, "hit rate of orders is 0.25, below 0.5"),
        ({"is_not": ["closed", 1]}, "", "open", "backlog of orders is open, not closed or 1"),
        ({"is": "open"}, "", "open", "backlog of orders is open"),
        ({"above": 3}, "", 2, "backlog of orders is 2"),
        ({"title": "{service} has its breaker {text}", "is_not": "closed"}, "", "open", "orders has its breaker open"),
        ({"title": "{label} has {value}", "unit": "s"}, "eu", "{service}", "eu has {service}"),
    ],
)  # fmt: skip
def test_it_is_told_in_a_sentence(spec: dict[str, Any], label: str, answer: Any, words: str) -> None:
    assert judge(**spec).told(label, value_of(answer)) == words


def test_between_the_limit_and_the_way_back_it_says_so() -> None:
    found = judge(above=1000, clear=800)
    looks(found, 1001)
    assert found.look("", value_of(900)) == (100, "backlog of orders is 900, not back to 800")


def test_what_is_learnt_is_handed_on() -> None:
    found = judge(baseline="above", least=10, **{"class": "slow"})
    assert found.metric == "declared.slow.medium.more"
    assert looks(found, 3, 30) == [10, 30]
    assert judge(baseline="below", opens=False).metric == "declared.own.context.less"
    assert judge().metric == ""
