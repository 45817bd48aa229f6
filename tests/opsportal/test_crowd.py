"""The bench of many pages: what it seeds is a portal that works, and what it looks for is what pages are sent."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from incidents import evidence, timeline
from incidents.facts import Noted
from incidents.health import Health
from incidents.models import Incident
from incidents.picture import Picture
from incidents.shown import Rights, kind_of
from opsportal.bench import crowd, crowdseed

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setattr(crowdseed, "BUSY_EVENTS", 30)
    return crowdseed.seed(tmp_path, 3)


def test_its_pages_can_all_be_opened(told: dict[str, object]) -> None:
    assert Incident.objects.count() == 4
    assert Incident.objects.get(pk=told["busy"]).last_seq == 30
    name, _, key = str(told["cookie"]).partition("=")
    client = Client()
    client.cookies[name] = key
    for page in crowd.PAGES:
        assert client.get("/" + page.format(busy=told["busy"])).status_code == 200, page


def test_what_is_sent_says_when_it_was_made(told: dict[str, object]) -> None:
    at = timezone.now()
    evidence.write(crowdseed.SLUG, Picture(at, health={"api-1": Health("ok", "")}))
    everything = Rights(frozenset())

    def frame(name: str, before: dict[str, object] | None = None) -> tuple[bytes, dict[str, object]]:
        kind = kind_of(name)
        assert kind is not None
        made = kind.make(name.partition(":")[2], everything, before)
        return gzip.compress(json.dumps({"show": name, **made}).encode()), made

    board, _ = frame(f"board:{crowdseed.SLUG}")
    found = crowd.SEEN["board"].search(crowd._plain(board))
    assert found and crowd._epoch(found[1]) == pytest.approx(at.timestamp(), abs=0.002)
    _, before = frame(f"incident:{told['busy']}")
    timeline.record(int(str(told["busy"])), Noted(), f"{crowdseed.MARK}1764460000.250")
    incident, _ = frame(f"incident:{told['busy']}", before)
    found = crowd.SEEN["incident"].search(json.loads(crowd._unpacked(incident))["rows"]["html"])
    assert found and crowd._epoch(found[1]) == 1764460000.25
