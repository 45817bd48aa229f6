"""Text that people type or hand in: what would take for ever is refused at once, with words that say what to mend."""

from __future__ import annotations

import time

import pytest

from knowledge.validation import problems_of
from systems import patterns, yamlsafe
from systems.manifest import ManifestError, parse_manifest

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
DEEP = "x: " + "[" * 3000 + "]" * 3000
RUNBOOK = """---
id: some_cause
title: Some cause
category: test
applies_to: any
symptoms: {log_errors: usual}
match: {log_errors: '%s'}
summary: It is some cause
---
"""


@pytest.mark.parametrize("text", [BOMB, DEEP, DEEP.replace("[", "{").replace("]", "}"), "- " * 3000 + "x"])
def test_a_manifest_that_is_a_bomb_is_refused_in_words(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ManifestError, match=r"manifest.yaml:\d+: (aliases|nested too deeply)"):
        parse_manifest(text)
    assert time.process_time() - began < 2  # it took more than twenty before


@pytest.mark.parametrize("text", [BOMB, DEEP])
def test_front_matter_that_is_a_bomb_is_refused_in_words(text: str) -> None:
    spec, problems = problems_of(f"---\n{text}\n---\n")
    assert spec is None
    assert "aliases" in problems[0].message or "nested too deeply" in problems[0].message
    assert problems[0].line >= 2


def test_values_beyond_counting_and_broken_dates_are_words_too() -> None:
    for text in ("x: " + "9" * 10_000, "x: 2026-99-99", "x: \x00", "{[1]: 2}", "x: \ud800"):
        with pytest.raises(yamlsafe.Refused):
            yamlsafe.load(text)
    with pytest.raises(yamlsafe.Refused, match="larger than"):
        yamlsafe.load("x" * (yamlsafe.MAX_CHARS + 1))
    with pytest.raises(yamlsafe.Refused, match="more than"):
        yamlsafe.load("[" + "1," * (yamlsafe.MAX_VALUES + 1) + "]")


def test_a_watched_file_may_have_aliases_as_long_as_they_stand_for_little() -> None:
    assert yamlsafe.load("a: &a {x: 1}\nb: *a\n", aliases=True) == {"a": {"x": 1}, "b": {"x": 1}}
    for text in (BOMB, "a: &a [*a]"):
        with pytest.raises(yamlsafe.Refused, match="alias"):
            yamlsafe.load(text, aliases=True)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(.*a){12}$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_pattern_takes_linear_time(pattern: str) -> None:
    found = patterns.compiled(pattern, ignore_case=True)
    began = time.process_time()
    found.search("a" * 5000 + "!")
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(?<=a)b", "look-behind"),
        ("a(?!b)", "look-ahead"),
        (r"(a)\1", "back-references"),
        ("(a", "not a regular expression"),
        ("a" * 301, "at most 300"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_named_with_its_line(pattern: str, words: str) -> None:
    spec, problems = problems_of(RUNBOOK % pattern)
    assert spec is None
    assert [(p.line, words in p.message) for p in problems] == [(7, True)], problems


def test_a_text_with_broken_characters_is_searched_all_the_same() -> None:
    assert patterns.compiled("er(r)or").search("\ud800 error")[1] == "r"  # type: ignore[index]
