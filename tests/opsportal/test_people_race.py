"""Two at once: whoever is second is told so; nothing is half done, and nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connections

from actions import service as gate
from actions.models import ActionRequest, AuditEntry, Status
from incidents import people
from incidents.models import Incident
from incidents.people import NotPossible
from systems.models import System
from tests.pages import make_incident, make_request, make_system

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 6


def at_once(*work: Callable[[], object]) -> list[Exception | None]:
    """What each raised, all begun together."""
    start = threading.Barrier(len(work))
    raised: list[Exception | None] = [None] * len(work)

    def run(place: int) -> None:
        start.wait(10)
        try:
            work[place]()
        except Exception as error:
            raised[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    return raised


@pytest.fixture
def system(tmp_path: Path) -> System:
    return make_system(tmp_path)


def test_of_two_who_close_it_one_does(system: System) -> None:
    mira, tom = (User.objects.create_superuser(name) for name in ("mira", "tom"))
    for number in range(ROUNDS):
        found = make_incident(system, fingerprint=f"f{number}")
        raised = at_once(*(partial(people.resolve, found.pk, who, "x") for who in (mira, tom)))
        assert sum(isinstance(e, NotPossible) for e in raised) == 1, raised
        assert AuditEntry.objects.filter(incident=found.pk, verb="incident.resolved").count() == 1
        assert found.events.filter(kind="state", data__to="resolved").count() == 1


def test_closing_it_and_deciding_on_what_it_waits_for(system: System) -> None:
    """Either the decision came first, and the closer is told; or the request is withdrawn, and the decider is."""
    mira, tom = (User.objects.create_superuser(name) for name in ("mira", "tom"))
    for number in range(ROUNDS):
        found = make_incident(system, fingerprint=f"g{number}")
        asked = [make_request(system, found, target=t, run_id=7) for t in ("postgres", "api-1", "api-2")]
        raised = at_once(
            partial(people.resolve, found.pk, mira, "x"),
            *(partial(gate.decide, r.pk, tom, False, "no") for r in asked),
        )
        assert all(e is None or isinstance(e, NotPossible | gate.NotAllowed) for e in raised), raised
        closed = not Incident.objects.get(pk=found.pk).is_open
        left = ActionRequest.objects.filter(incident=found, status=Status.WAITING).count()
        assert closed == (raised[0] is None)
        assert not (closed and left), "what a closed incident waits for is withdrawn"
        ActionRequest.objects.filter(incident=found).delete()


def test_two_merged_into_each_other_leave_one_open(system: System) -> None:
    mira, tom = (User.objects.create_superuser(name) for name in ("mira", "tom"))
    for number in range(ROUNDS):
        a, b = (make_incident(system, fingerprint=f"{x}{number}") for x in "ab")
        raised = at_once(partial(people.merge, a.pk, b.pk, mira), partial(people.merge, b.pk, a.pk, tom))
        assert sum(isinstance(e, NotPossible) for e in raised) == 1, raised
        open_ = Incident.objects.filter(pk__in=[a.pk, b.pk]).exclude(state="resolved")
        assert open_.count() == 1
        assert open_.get().symptoms.count() == 2
        people.resolve(open_.get().pk, mira, "x")
