"""The layout of the service map: columns by calls, no overlaps, cycles survived."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from opsportal.drawing.charts import spark_path
from opsportal.drawing.servicemap import NODE_H, NODE_W, layout

NAMES = [f"s{i}" for i in range(9)]
GRAPHS = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=4, unique=True), min_size=1
)


def test_callers_stand_left_of_what_they_need() -> None:
    drawn = layout({"door": ["api"], "api": ["db", "cache"], "db": [], "cache": [], "cron": ["db"]})
    x = {name: node.x for name, node in drawn.nodes.items()}
    assert x["door"] < x["api"] < x["db"] == x["cache"]
    assert x["cron"] == x["api"]
    assert len(drawn.edges) == 4


def test_nothing_to_draw() -> None:
    assert layout({}).nodes == {}


@settings(deadline=None)
@given(GRAPHS)
def test_any_graph_is_placed_without_overlap_inside_the_picture(graph: dict[str, list[str]]) -> None:
    drawn = layout(graph)
    boxes = list(drawn.nodes.values())
    assert {b.name for b in boxes} == set(graph)
    for i, a in enumerate(boxes):
        assert 0 <= a.x <= drawn.width - NODE_W
        assert 0 <= a.y <= drawn.height - NODE_H + 0.01
        for b in boxes[i + 1 :]:
            assert abs(a.x - b.x) >= NODE_W or abs(a.y - b.y) >= NODE_H - 0.01


def test_sparkline_keeps_gaps() -> None:
    line, area = spark_path([1, 2, None, 3, 4], 40, 10)
    assert line.count("M") == 2
    assert area.count("Z") == 2
    assert spark_path([None, 1], 40, 10) == ("", "")
