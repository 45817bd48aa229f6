"""Numbers without gaps, whatever happens at the same time."""

from __future__ import annotations

import threading

import pytest
from django.db import connections, transaction

from incidents import live, timeline
from incidents.models import Incident, TimelineEvent
from tests.incidents.conftest import commits


@commits
def test_no_gaps_under_concurrency_and_rollbacks(incident: Incident) -> None:
    writers, each = 12, 15
    barrier = threading.Barrier(writers)

    def write(number: int) -> None:
        barrier.wait()
        try:
            for index in range(each):
                try:
                    with transaction.atomic():
                        timeline.record(incident.pk, "note", f"{number}/{index}")
                        if index % 3 == 2:
                            raise LookupError("rolled back")
                except LookupError:
                    pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seqs = list(TimelineEvent.objects.filter(incident=incident).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, writers * 10 + 1))
    incident.refresh_from_db()
    assert incident.last_seq == seqs[-1]
    print(f"\n{writers} writers, {len(seqs)} events, {writers * 5} rolled back: gaps 0")


@pytest.mark.django_db
def test_hostile_text_is_stored_harmless(incident: Incident) -> None:
    event = timeline.record(
        incident.pk,
        "note",
        "a\x00b\x1b[31mred\x1b[0m" + "x" * 9000,
        body="line 1\nline 2\x07",
        data={"k\x00": ["\x00", float("nan"), float("inf"), {1, 2}, object], "deep": {"n": 1}},
    )
    event.refresh_from_db()
    assert event.title.startswith("abred")
    assert len(event.title) == timeline.TITLE_LIMIT
    assert event.body == "line 1\nline 2"
    assert event.data["k"][:3] == ["", None, "inf"]
    assert event.data["deep"] == {"n": 1}


@pytest.mark.django_db
def test_unknown_kind_or_incident(incident: Incident) -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        timeline.record(incident.pk, "gossip", "x")
    with pytest.raises(Incident.DoesNotExist):
        timeline.record(12345678, "note", "x")


@commits
def test_published_after_commit_only(incident: Incident) -> None:
    with live.client().pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(live.channel(live.EVENTS))
        channel.get_message(timeout=2)
        with transaction.atomic():
            timeline.record(incident.pk, "note", "never happened")
            transaction.set_rollback(True)
        timeline.record(incident.pk, "note", "happened")
        message = None
        while message is None:
            message = channel.get_message(timeout=2)
        assert message["data"] == b'{"seq": 1, "kind": "note", "topic": "incident:%d"}' % incident.pk
