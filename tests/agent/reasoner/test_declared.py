"""What a manifest declares is reasoned with by its class: whose trouble it is, and what others have from it."""

from __future__ import annotations

import pytest

from incidents.signals.declared import CLASSES
from tests.agent.reasoner.world import S, both, look

SLOW_PAGES = (
    *both("app_slow"),
    *both("http_slow"),
    S("journey_slow", "edge", label="browse"),
    S("journey_slow", "edge", label="order"),
)


@pytest.mark.parametrize("klass", CLASSES)
def test_alone_it_is_something_in_its_own_part(klass: str) -> None:
    part, sure = look(S(f"declared_{klass}_high", "consumer", text="backlog of consumer is 9, above 5")).place
    assert part == "consumer" and sure > 0.8


def test_the_sign_of_a_part_itself_tells_where_the_trouble_of_its_callers_is() -> None:
    assert look(*SLOW_PAGES).place[0] == "web-a", "of what they need nothing is known to be wrong"
    part, sure = look(S("declared_own_medium", "db", text="the disk queue of db is 90"), *SLOW_PAGES).place
    assert part == "db" and sure > 0.9


def test_what_is_declared_of_callers_is_explained_by_what_they_need() -> None:
    callers = [S("declared_fails_medium", n, text=f"failed payments of {n} is 9") for n in ("web-a", "web-b")]
    found = look(*callers, *both("log_connect_refused"), S("declared_refuses_high", "db", text="db refuses"))
    assert found.place[0] == "db" and found.place[1] > 0.9
    assert found.unexplained == ()
