"""Who hears what is published."""

from __future__ import annotations

import re

import pytest
import redis
from django.conf import settings

from incidents import live


def test_portals_on_one_redis_server_do_not_hear_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Channels are of the whole server, not of one of its databases."""
    here, mine = live.client(), live.channel(live.EVENTS)
    elsewhere = redis.Redis.from_url(re.sub(r"/\d+$", "/15", settings.REDIS_URL))
    with here.pubsub(ignore_subscribe_messages=True) as ear:  # type: ignore[no-untyped-call]
        ear.subscribe(mine)
        ear.get_message(timeout=2)
        monkeypatch.setattr(live, "client", lambda: elsewhere)
        live._send("from elsewhere")
        monkeypatch.setattr(live, "client", lambda: here)
        live._send("from here")
        assert ear.get_message(timeout=2)["data"] == b"from here"
