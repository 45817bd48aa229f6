"""One running library and one portal for all tests of this folder, so that what is normal is learnt once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command

from agent import journal
from incidents import detection, evidence, live
from incidents import service as incidents
from knowledge.service import load_seeds
from tests.systems_foreign.library import Library, Portal, Story


@pytest.fixture(scope="module")
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database for a whole module; emptied afterwards."""
    with django_db_blocker.unblock():
        call_command("flush", interactive=False, verbosity=0)
        yield
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    running = Library(tmp_path_factory.mktemp("library"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def portal(committed: None, library: Library) -> Iterator[Portal]:
    """A portal that was given the manifest and nothing else."""
    from agent import service as agent

    hooks = list(journal._wake), list(incidents.on_opened)
    incidents.on_opened[:] = [agent.on_opened]
    live.client().delete(evidence.KEY.format("library"), detection.BASELINE_KEY.format("library"))
    load_seeds()
    call_command("register_system", str(library.manifest), verbosity=0)
    running = Portal()
    yield running
    running.close()
    detection.forget("library")
    journal._wake[:], incidents.on_opened[:] = hooks


@pytest.fixture
def calm(portal: Portal, library: Library) -> dict[str, int | None]:
    """All is well; gives the pids."""
    portal.wait_settled("library")
    return library.pids()


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[Story], Story]:
    """Print the story (seen with -rP or on failure), and pass it on."""

    def told(found: Story) -> Story:
        figures = f"detected {found.detected_s:.1f} s, repaired {found.repaired_s}, over {found.over_s:.1f} s"
        record_property("figures", figures)
        print(figures, found.text(), sep="\n")
        return found

    return told
