"""What the benchmark of one diagnosis measures: a system of that size, and a fault that is really found in it."""

from __future__ import annotations

import pytest

from agent import reasoner
from opsportal.bench import sizes


@pytest.mark.parametrize("parts", sizes.SIZES[:2])
def test_the_fault_that_is_made_up_is_found(parts: int) -> None:
    system = sizes.graph(parts)
    assert len(system.kinds) == parts
    found = reasoner.diagnose(sizes.runbooks(45), system, sizes.evidence(system), now=sizes.AT)
    assert (found.hypotheses[0].component, found.hypotheses[0].cause) == ("postgres-0-8", "process_dead")


def test_as_many_runbooks_as_are_asked_for_each_under_its_own_name() -> None:
    made = sizes.runbooks(sizes.RUNBOOKS)
    assert len({s.id for s in made}) == len(made) == sizes.RUNBOOKS
