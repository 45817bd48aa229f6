"""The ledger's rows: the settled state of each source and the changes, written together or not at all."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from systems.models import ChangeRow, SettledState
from systems.state import masking
from systems.state.acts import done_by
from systems.state.settled import Kept, Settled, moment
from systems.state.types import REQUESTS, Change

KEEP = timedelta(days=90)
LEVEL = 6
FORMAT = 2  # of the values that sources tell: of another one nothing can be compared


class Overtaken(RuntimeError):
    """Somebody else (another watcher) has written this state since it was read."""


def load(system_id: int, source: str) -> tuple[Settled, int]:
    """The state of a source as it was last written, and its version (0: never). What was made with another key of the
    portal, or when its values had another form, cannot be compared and is not known."""
    settled = Settled(source)
    row = SettledState.objects.filter(system_id=system_id, component="", source=source).first()
    if row is None:
        return settled, 0
    data = json.loads(zlib.decompress(bytes(row.packed)))
    if (data["key"], data.get("format")) == (masking.key_id(), FORMAT):
        unpack(settled, data)
        touched = row.read_at.timestamp()
        settled.read_at = {area: max(at, touched) for area, at in settled.read_at.items()}
    return settled, row.version


def save(system_id: int, settled: Settled, version: int, changes: Sequence[Change]) -> int:
    """Write state and changes; returns the new version. Overtaken when the state is not the one that was read."""
    with transaction.atomic():
        fields: dict[str, Any] = {"read_at": moment(looked_at(settled)), "packed": pack(settled)}
        if version:
            mine = SettledState.objects.filter(
                system_id=system_id, component="", source=settled.source, version=version
            )
            if not mine.update(**fields, version=F("version") + 1):
                raise Overtaken(settled.source)
        else:
            _, made = SettledState.objects.get_or_create(
                system_id=system_id, component="", source=settled.source, defaults={**fields, "version": 1}
            )
            if not made:
                raise Overtaken(settled.source)
        note(system_id, changes)
    return version + 1


def touch(system_id: int, looks: Mapping[str, float]) -> None:
    """Source -> until when all of it was seen to be as it is written (epoch seconds)."""
    for source, at in looks.items():
        SettledState.objects.filter(system_id=system_id, component="", source=source).update(
            read_at=moment(at)
        )


def looked_at(settled: Settled) -> float:
    """When the area that was read longest ago was read (epoch seconds)."""
    return min(settled.read_at.values(), default=0.0)


def note(system_id: int, changes: Sequence[Change]) -> None:
    """Add changes; those made by a request of ours are known as ours, and a start brings into effect what waited for
    it."""
    if not changes:
        return
    acts = done_by(system_id, min(c.last_old for c in changes), max(c.first_new for c in changes))
    rows = []
    for change in changes:
        ours = next((a for a in acts if a.did(change)), None)
        known = replace(change, actor="ours") if ours is not None else change
        rows.append(ChangeRow(**fields_of(system_id, known)))
    ChangeRow.objects.bulk_create(rows)
    for change in changes:
        if change.kind == "act" and change.what == "run":
            in_effect(system_id, change.component, change.first_new)
    for component, since in {(c.component, _least(c)) for c in changes if c.pending}:
        starts = ChangeRow.objects.filter(system_id=system_id, component=component, kind="act", what="run")
        # files are read less often than processes: the start that it waited for may have been seen before it
        for started in (
            starts.filter(first_new__gte=since).order_by("first_new").values_list("first_new", flat=True)[:1]
        ):
            in_effect(system_id, component, started)


def in_effect(system_id: int, component: str, started: datetime) -> None:
    """What was written before `started` and waited for it counts from then on."""
    waiting = ChangeRow.objects.filter(system_id=system_id, component=component, pending=True)
    waiting = waiting.exclude(source=REQUESTS).exclude(written_at__gt=started)
    waiting.filter(last_old__lte=started).update(pending=False, effective_at=started)


def _least(change: Change) -> datetime:
    """When it was made, at the earliest."""
    return max(change.last_old, change.written_at or change.last_old)


def fields_of(system_id: int, change: Change) -> dict[str, Any]:
    """The columns of a change, cut to their lengths."""
    return {
        "system_id": system_id, "component": change.component[:80], "kind": change.kind, "what": change.what[:300],
        "before": change.before, "after": change.after, "last_old": change.last_old, "first_new": change.first_new,
        "written_at": change.written_at, "effective_at": change.effective_at, "pending": change.pending,
        "source": change.source, "owner": change.owner[:80], "actor": change.actor, "ref": change.ref[:120],
        "words": change.words[:500],
        "area": change.place.area if change.place else "",
        "mark_before": change.place.mark_before if change.place else "",
        "mark_after": change.place.mark_after if change.place else "",
    }  # fmt: skip


def forget_old() -> None:
    """Drop what is older than is kept."""
    ChangeRow.objects.filter(first_new__lt=timezone.now() - KEEP).delete()


def pack(settled: Settled) -> bytes:
    data = {
        "key": masking.key_id(),
        "format": FORMAT,
        "areas": [
            [*area, settled.read_at[area], {what: _bare(kept) for what, kept in seen.items()}]
            for area, seen in settled.areas.items()
        ],
        "often": settled.often,
        "volatile": sorted(settled.volatile),
    }
    return zlib.compress(json.dumps(data, separators=(",", ":")).encode(), LEVEL)


def unpack(settled: Settled, data: dict[str, Any]) -> None:
    for component, area, read_at, seen in data["areas"]:
        settled.areas[component, area] = {what: Kept(*values) for what, values in seen.items()}
        settled.read_at[component, area] = read_at
    settled.often = data["often"]
    settled.volatile = set(data["volatile"])


def _bare(kept: Kept) -> list[Any]:
    """Its values without the defaults at the end."""
    values = list(astuple(kept))
    defaults = [f.default for f in Kept.__dataclass_fields__.values()]
    while values and values[-1] == defaults[len(values) - 1]:
        values.pop()
    return values
