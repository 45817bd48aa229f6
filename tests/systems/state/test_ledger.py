"""Changes, as they are kept and given."""

from datetime import UTC, datetime, timedelta

import pytest

from systems.models import ChangeRow, System
from systems.state.ledger import changes_between, recent
from systems.state.types import Change, as_json, from_json

T0 = datetime(2026, 1, 5, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def note(system: System, what: str, old: float, new: float) -> ChangeRow:
    return ChangeRow.objects.create(
        system=system, component="api", kind="config", what=what, before="1", after="2", last_old=at(old),
        first_new=at(new), source="files", words=f"`{what}` of api changed from 1 to 2",
    )  # fmt: skip


@pytest.mark.django_db
def test_what_may_have_happened_in_a_window_is_found_by_its_interval():
    shop, other = (System.objects.create(slug=s, title=s, manifest_path="/x") for s in ("shop", "other"))
    note(shop, "before", 0, 2)
    note(shop, "wide", 0, 100)
    note(shop, "inside", 50, 52)
    note(shop, "after", 90, 92)
    note(other, "inside", 50, 52)
    assert [c.what for c in changes_between(shop.pk, at(40), at(60))] == ["inside", "wide"]
    assert [c.what for c in recent(shop.pk, 2)] == ["wide", "after"]


def test_a_change_goes_through_json_unharmed():
    change = Change(
        "7", "db", "setting", "work_mem", None, "2MB", at(0), at(2), written_at=at(1), pending=True
    )
    assert from_json({**as_json(change), "of_a_later_version": 1}) == change
