"""Whether what a cache holds below a prefix can still be read: a sample, judged by its siblings."""

from __future__ import annotations

import fnmatch
from typing import Any

from systems.probes.redisvalues import Values, prefix_of, verdict
from systems.readings import Reading

WHOLE = b'{"cart": [{"sku": "A", "qty": 1}]}'


class Store:
    """As much of a client as a look needs: all keys in one go of the cursor."""

    def __init__(self) -> None:
        self.held: dict[bytes, bytes | Exception] = {}
        self.wanted: list[bytes] = []

    def fill(self, pattern: str, value: bytes, count: int) -> None:
        self.held |= {pattern.replace("*", str(n)).encode(): value for n in range(count)}

    def drop(self, pattern: str) -> None:
        self.held = {k: v for k, v in self.held.items() if not fnmatch.fnmatch(k.decode(), pattern)}

    async def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        keys = list(self.held)
        some = keys[cursor : cursor + count]
        return (cursor + count if cursor + count < len(keys) else 0), some

    def pipeline(self, transaction: bool) -> Store:
        self.wanted = []
        return self

    def getrange(self, key: bytes, first: int, last: int) -> None:
        self.wanted.append(key)

    async def execute(self, raise_on_error: bool) -> list[Any]:
        return [self.held.get(key, b"") for key in self.wanted]


async def look(values: Values, store: Store, times: int = 3) -> dict[str, Reading]:
    found: list[Reading] = []
    for _ in range(times):
        found = await values.look(store, "cache")  # type: ignore[arg-type]
    return {reading.label: reading for reading in found}


def test_a_prefix_ends_at_the_first_colon() -> None:
    assert prefix_of(b"sess:1:x") == "sess:"
    assert [prefix_of(k) for k in (b"plain", b"a:1", b":x", b"sess:", b"q\xff:1")] == [""] * 5


def test_what_a_value_is() -> None:
    assert verdict(WHOLE)[0] == "whole"
    assert verdict(WHOLE[:11])[0] == "damaged"
    assert [verdict(v)[0] for v in (b"17.5", b"a text", b"\xff\xfe", b'"x"')] == ["other"] * 4
    assert verdict(b"\xff\xfe", known=True)[0] == "damaged"


async def test_damaged_values_are_told_with_their_share_and_are_over_when_they_are_gone() -> None:
    store, values = Store(), Values()
    store.fill("page:*", WHOLE, 20)
    store.fill("count:*", b"17", 20)
    assert {label: r.value for label, r in (await look(values, store)).items()} == {"page:": 0.0}
    store.fill("page:*", WHOLE[:9], 10)
    found = (await look(values, store))["page:"]
    assert found.value == 50
    assert "10 of 20" in found.text
    store.drop("page:?")
    assert (await look(values, store, 1))["page:"].value == 0


async def test_bytes_that_are_no_text_count_where_siblings_can_be_read() -> None:
    store, values = Store(), Values()
    store.fill("page:*", WHOLE, 12)
    store.fill("raw:*", b"\x80\x81", 12)
    await look(values, store)
    store.fill("page:*", b"\x80\x81", 12)
    found = await look(values, store)
    assert (set(found), found["page:"].value) == ({"page:"}, 100)


async def test_other_kinds_of_keys_and_what_is_too_long_are_left_alone() -> None:
    store, values = Store(), Values()
    store.fill("page:*", WHOLE, 12)
    store.held[b"page:list"] = RuntimeError("WRONGTYPE")
    store.held[b"page:long"] = b"{" * 70_000
    assert (await look(values, store))["page:"].value == 0
    assert values.asked.count(True) == 14
