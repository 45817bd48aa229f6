"""Prometheus text, line by line: what is broken costs nothing else."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systems.prom import text
from systems.prom.reader import MOST_SERIES, look


@pytest.mark.parametrize(
    ("line", "name", "labels", "value", "at"),
    [
        ("up 1", "up", {}, 1.0, None),
        ('a_total{x="1",y="b c"} 2.5e3 1700000000000', "a_total", {"x": "1", "y": "b c"}, 2500.0, 1.7e12),
        ('a{x="quo\\"te}",} 1', "a", {"x": 'quo"te}'}, 1.0, None),
        ('a{x=" # {b} 1"} 3', "a", {"x": " # {b} 1"}, 3.0, None),
        ('a_bucket{le="0.5"} 17 # {trace_id="x y"} 0.43 1.5e9', "a_bucket", {"le": "0.5"}, 17.0, None),
        ("a\t5", "a", {}, 5.0, None),
        ('a{x="é"} -1', "a", {"x": "é"}, -1.0, None),
        ("a .5 1520879607.789", "a", {}, 0.5, 1520879607.789),
    ],
)
def test_a_sample_is_read(
    line: str, name: str, labels: dict[str, str], value: float, at: float | None
) -> None:
    found = text.sample(line)
    assert found is not None
    assert (found.name, dict(found.labels), found.value, found.at) == (name, labels, value, at)


@pytest.mark.parametrize("word", ["NaN", "+Inf", "-Inf", "Inf", "nan"])
def test_odd_values_are_read_as_what_they_are(word: str) -> None:
    found = text.sample(f"a {word}")
    assert found is not None
    assert not math.isfinite(found.value)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# HELP a b",
        "a",
        "a{",
        'a{x="1" 2',
        "a 1 2 3",
        "a one",
        "1a 2",
        'a{x="1",x="2"} 1',
        "a 0x10",
        "a 1_0",
    ],
)
def test_what_is_no_sample_is_none(line: str) -> None:
    assert text.sample(line) is None


@given(st.text(max_size=200))
def test_no_line_whatever_raises(line: str) -> None:
    text.sample(line)
    text.name_of(line)
    text.looks_like(line)


@given(
    st.text(
        st.characters(
            exclude_categories=["Cs"], exclude_characters="\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
        )
    ),
    st.floats(allow_nan=False),
)
def test_any_label_and_value_come_back(label: str, value: float) -> None:
    escaped = label.replace("\\", "\\\\").replace('"', '\\"')
    found = text.sample(f'm{{route="{escaped}"}} {value!r}')
    assert found is not None
    assert found.labels["route"] == label
    assert found.value == value


def test_unknown_names_are_counted_and_never_guessed_at() -> None:
    found = look(
        [
            'http_requests_total{code="200"} 4',
            "my_own_thing 7",
            "my_own_thing_2_total 8",
            "http_requests_total{",
        ]
    )
    assert [s.name for s in found.samples] == ["http_requests_total"]
    assert (found.known, found.unknown, found.broken) == (
        {"http_requests"},
        {"my_own_thing", "my_own_thing_2"},
        1,
    )
    assert found.text == "1 metrics recognised, 2 not; 1 lines cannot be read"


def test_a_gigantic_answer_is_bounded_and_says_so() -> None:
    lines = [f'http_requests_total{{path="/{n}",code="200"}} 1' for n in range(MOST_SERIES + 10)]
    found = look([*lines, *(f"unknown_{n} 1" for n in range(10_000))])
    assert len(found.samples) == MOST_SERIES
    assert found.cut and "left out" in found.text
    assert len(found.unknown) <= 2_000


def test_a_json_text_and_a_page_do_not_look_like_it() -> None:
    assert text.looks_like("# HELP up Is it\nup 1\n")
    assert text.looks_like("a 1\nb 2\n")
    for other in ('{"a": 1}', "<html>\n<body>hello 1</body>", "hello world\nthis is 1\n", ""):
        assert not text.looks_like(other)


def test_the_page_of_recognised_names_is_as_the_table_is() -> None:
    from pathlib import Path

    from systems.prom.describing import page

    found = Path(__file__).parents[3] / "docs" / "metrics.md"
    assert found.read_text() == page(), "python -m systems.prom.describing > docs/metrics.md"
