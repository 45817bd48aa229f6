"""Which symptoms are one incident: by what explains them, then by place and time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from incidents.explained import Explainer, Group, Open, Sign, group, match, moves
from systems.graph import SystemGraph

BEGAN = datetime(2026, 1, 1, 12, tzinfo=UTC)
# edge -> web -> db; packer -> db, mailer -> queue
GRAPH = SystemGraph(
    dict.fromkeys(("edge", "web", "db", "packer", "mailer", "queue"), "http"),
    {"edge": ["web"], "web": ["db"], "packer": ["db"], "mailer": ["queue"]},
)


def sign(
    signal: str, service: str, after_s: float = 0.0, *, owner: int | None = 1, tells: bool = True, opens: bool = True
) -> Sign:  # fmt: skip
    begun = BEGAN + timedelta(seconds=after_s)
    return Sign((signal, service, ""), begun, opens, tells, signal.startswith("queue_"), owner)


def cause(component: str, *told: str) -> Explainer:
    """`told`: `signal@service`, each with four bits."""
    return Explainer(f"{component}:broken", component, "", {tuple(t.split("@")): 4.0 for t in told})  # type: ignore[misc]


def grouped(signs: list[Sign], *leading: Explainer) -> list[tuple[str, list[str]]]:
    found = group(signs, leading, GRAPH)
    return [(g.cause, sorted(f"{s.name[0]}@{s.name[1]}" for s in g.signs)) for g in found]


DOWN, HUNG, FAILS = sign("unit_down", "web"), sign("hung", "packer"), sign("journey_failed", "edge")


def test_each_cause_has_what_it_explains_best() -> None:
    both = Explainer("packer:hung", "packer", "", {("hung", "packer"): 5.0, ("journey_failed", "edge"): 1.0})
    found = grouped([DOWN, HUNG, FAILS], cause("web", "unit_down@web", "journey_failed@edge"), both)
    assert found == [
        ("web:broken", ["journey_failed@edge", "unit_down@web"]),
        ("packer:hung", ["hung@packer"]),
    ]


def test_what_nothing_explains_follows_from_the_cause_whose_part_it_needs() -> None:
    late = sign("slow", "edge", 200)
    assert grouped([DOWN, late], cause("web", "unit_down@web")) == [
        ("web:broken", ["slow@edge", "unit_down@web"])
    ]


def test_what_needs_no_part_of_the_cause_is_a_trouble_of_its_own() -> None:
    found = grouped([DOWN, HUNG, sign("full", "queue")], cause("web", "unit_down@web"))
    assert found == [("web:broken", ["unit_down@web"]), ("", ["full@queue"]), ("", ["hung@packer"])]


def test_work_that_piles_up_may_follow_from_what_those_need_who_take_it_away() -> None:
    stuck = sign("queue_stuck", "queue", 60)
    mailer = sign("unit_down", "mailer")
    assert grouped([mailer, stuck], cause("mailer", "unit_down@mailer")) == [
        ("mailer:broken", ["queue_stuck@queue", "unit_down@mailer"])
    ]
    full = sign("full", "queue", 60)  # which no work that others bring explains
    assert len(grouped([mailer, full], cause("mailer", "unit_down@mailer"))) == 2


def test_with_no_cause_what_is_near_is_one_trouble_however_late() -> None:
    assert grouped([DOWN, sign("slow", "db", 300)]) == [("", ["slow@db", "unit_down@web"])]
    apart = grouped([DOWN, sign("full", "queue", 300)])
    assert [names for _, names in apart] == [["unit_down@web"], ["full@queue"]]


def test_what_lies_between_makes_one_of_two() -> None:
    chain = [sign("journey_failed", "edge"), sign("refused", "packer", 1), sign("full", "db", 20)]
    assert grouped(chain) == [("", ["full@db", "journey_failed@edge", "refused@packer"])]


def matched(signs: list[Sign], leading: list[Explainer], *incidents: Open) -> list[Group]:
    found = group(signs, leading, GRAPH)
    match(found, incidents)
    return found


def test_the_incident_keeps_the_explanation_of_its_diagnosis_and_the_other_one_moves() -> None:
    leading = [cause("packer", "hung@packer"), cause("web", "unit_down@web")]
    found = matched([DOWN, HUNG], leading, Open(1, "web", BEGAN))
    (move,) = moves(found)
    assert (move.source, move.to, move.component) == (1, None, "packer")
    assert move.names == {("hung", "packer", "")}
    assert moves(found, fixed=[1]) == []


def test_without_a_diagnosis_it_keeps_what_most_of_its_symptoms_belong_to() -> None:
    leading = [cause("packer", "hung@packer"), cause("web", "unit_down@web", "journey_failed@edge")]
    (move,) = moves(matched([DOWN, FAILS, HUNG], leading, Open(1, "", BEGAN)))
    assert move.component == "packer"


def test_one_cause_of_two_incidents_makes_them_one() -> None:
    signs = [
        sign("unit_down", "db"),
        sign("failing", "web", 3, owner=1),
        sign("failing", "packer", 4, owner=2),
    ]
    leading = [cause("db", "unit_down@db", "failing@web", "failing@packer")]
    (move,) = moves(matched(signs, leading, Open(1, "", BEGAN), Open(2, "", BEGAN + timedelta(seconds=4))))
    assert (move.source, move.to) == (2, 1)


def test_mere_words_make_no_incident_of_their_own() -> None:
    words = sign("log_errors", "packer", tells=False)
    assert moves(matched([DOWN, words], [cause("web", "unit_down@web")], Open(1, "web", BEGAN))) == []


def test_what_is_right_stays() -> None:
    leading = [cause("packer", "hung@packer"), cause("web", "unit_down@web")]
    mine = sign("hung", "packer", owner=2)
    assert moves(matched([DOWN, mine], leading, Open(1, "web", BEGAN), Open(2, "packer", BEGAN))) == []


def test_a_busy_machine_joins_nothing_and_one_that_is_ill_joins_all_on_it() -> None:
    needs = {"web": ["db"], "mailer": ["queue"]}
    kinds = dict.fromkeys(("web", "db", "mailer", "queue"), "http")
    graph = SystemGraph(kinds, needs, runs={"host": tuple(kinds)})
    ill = [sign("unit_down", "web"), sign("unit_down", "mailer", 1)]
    busy = sign("host_cpu_saturated", "host", -60, opens=False)
    assert [g.component for g in group([*ill, busy], (), graph)] == ["web", "mailer"]
    gone = sign("host_memory_gone", "host", -60)
    (one,) = group([*ill, gone], (), graph)
    assert len(one.signs) == 3
