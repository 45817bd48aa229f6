"""Numbers without gaps, whatever happens at the same time."""

from __future__ import annotations

import threading

import pytest
from django.db import connections, transaction

from incidents import facts, live, timeline
from incidents.models import Incident, TimelineEvent
from incidents.typed import plain
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
                        timeline.record(incident.pk, facts.Noted(), f"{number}/{index}")
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
    said = facts.Noted(why="\x00 \x1b[31mred", symptoms=["a\x07b"])
    event = timeline.record(
        incident.pk, said, "a\x00b\x1b[31mred\x1b[0m" + "x" * 9000, body="line 1\nline 2\x07"
    )
    event = TimelineEvent.objects.get(pk=event.pk)
    assert event.title.startswith("abred")
    assert len(event.title) == timeline.TITLE_LIMIT
    assert event.body == "line 1\nline 2"
    assert event.data == {"why": "red", "symptoms": ["ab"]}
    assert event.facts == facts.Noted(why="red", symptoms=["ab"])
    odd = {"k\x00": ["\x00", float("nan"), float("inf"), {1, 2}, object], "deep": {"n": 1}}
    assert plain(odd)["k"][:3] == ["", None, "inf"]
    assert plain(odd)["deep"] == {"n": 1}


def test_each_kind_of_event_has_its_facts() -> None:
    assert set(facts.KINDS) == set(TimelineEvent.Kind.values)


def test_what_an_older_version_wrote_is_read_as_far_as_it_can_be() -> None:
    old = {"steps": [{"action": "mend", "target": "web", "params": {}}], "p_success": "likely", "dreams": 1}
    read = facts.read("plan", old)
    assert isinstance(read, facts.Planned)
    assert ([s.words for s in read.steps], read.p_success) == (["mend on web"], None)


@pytest.mark.django_db
def test_unknown_incident() -> None:
    with pytest.raises(Incident.DoesNotExist):
        timeline.record(12345678, facts.Noted(), "x")


@commits
def test_published_after_commit_only(incident: Incident) -> None:
    with live.client().pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(live.channel(live.EVENTS))
        channel.get_message(timeout=2)
        with transaction.atomic():
            timeline.record(incident.pk, facts.Noted(), "never happened")
            transaction.set_rollback(True)
        timeline.record(incident.pk, facts.Noted(), "happened")
        message = None
        while message is None:
            message = channel.get_message(timeout=2)
        assert message["data"] == b'{"seq": 1, "kind": "note", "topic": "incident:%d"}' % incident.pk
