"""REST: what changed, and what CI/CD tells of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Router, Schema
from ninja import Status as Answer
from ninja.errors import HttpError

from actions import audit
from actions.api import named_system
from actions.apibody import Body
from actions.gate import load
from systems.state import ledger, reported
from systems.state.types import Change

router = Router(tags=["changes"])
SEE, REPORT = "systems.view_changes", "systems.report_change"
DAY = timedelta(days=1)
EXPORTED = "changes.exported"
SAME_READER = timedelta(hours=1)  # who goes on reading from there within this has been written down


class ChangeIn(Body):
    """`id`: your own, of the build or commit: the same again changes nothing. `component`: a service or group of the
    manifest; left out: the whole system. `at` left out: now. `until`: when it was over, or maintenance ends.
    `system` may be left out while there is one."""

    id: str = Field(min_length=1, max_length=120)
    kind: Literal["deploy", "flag", "commit", "maintenance"]
    what: str = Field(min_length=1, max_length=300)
    component: str = Field("", max_length=80)
    before: str | None = Field(None, max_length=1000)
    after: str | None = Field(None, max_length=1000)
    at: datetime | None = None
    until: datetime | None = None
    title: str = Field("", max_length=300)
    owner: str = Field("ci", max_length=80)
    system: str = ""


class ChangeOut(Schema):
    """It happened between `last_old` and `first_new`. `pending`: written, not in effect yet. Values are masked."""

    id: str
    component: str
    kind: str
    what: str
    before: str | None
    after: str | None
    last_old: datetime
    first_new: datetime
    written_at: datetime | None
    effective_at: datetime | None
    pending: bool
    source: str
    owner: str
    actor: str
    ref: str
    words: str


def _out(change: Change) -> dict[str, Any]:
    return {name: getattr(change, name) for name in ChangeOut.model_fields}


@router.post(
    "/changes",
    response={201: ChangeOut, 200: ChangeOut},
    summary="Tell of a deploy, flag, commit or maintenance (200: it was known already)",
)
def tell(request: HttpRequest, body: ChangeIn) -> Answer[Any]:
    user = request.require(REPORT)  # type: ignore[attr-defined]
    system = load(named_system(body.system))
    told = reported.Report(
        body.id, body.kind, body.what, body.component, body.before, body.after, body.at, body.until, body.title,
        body.owner,
    )  # fmt: skip
    try:
        with transaction.atomic():
            change, is_new = reported.report(system, told)
            if is_new:
                audit.append(
                    user.get_username(), "change.reported", system=system.slug, target=change.component,
                    data={"id": change.ref, "kind": change.kind, "words": change.words},
                )  # fmt: skip
    except reported.Different as error:
        raise HttpError(409, str(error)) from error
    except reported.Refused as error:
        raise HttpError(422, str(error)) from error
    return Answer(201 if is_new else 200, _out(change))


@router.get(
    "/changes", response=list[ChangeOut], summary="What changed in a window (the last day), oldest first"
)
def changes(
    request: HttpRequest,
    system: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    component: str = "",
) -> list[dict[str, Any]]:
    """Of more than 500 the latest: ask again with `until` as the first of them says `first_new`."""
    user = request.require(SEE)  # type: ignore[attr-defined]
    loaded = load(named_system(system))
    assert loaded.id is not None
    end = until or timezone.now()
    start = since or end - DAY
    if timezone.is_naive(end) or timezone.is_naive(start):
        raise HttpError(422, "a time has its zone, such as 2026-01-05T12:00:00Z")
    only = loaded.graph.members(component) if component else None
    found = ledger.changes_between(
        loaded.id, start, end, components=None if only is None else [component, *only]
    )
    if found:
        _write_down(user.get_username(), loaded.slug, component, start, len(found))
    return [_out(change) for change in found]


def _write_down(by: str, slug: str, component: str, since: datetime, count: int) -> None:
    """Who took out how much of what changed, from when on. One that asks again and again is one reader."""
    begin = since.astimezone(UTC).isoformat()
    mine = audit.search(actor=by, verb=EXPORTED, system=slug, since=timezone.now() - SAME_READER)
    if not any(row.target in ("", component) and row.data["since"] <= begin for row in mine):
        audit.append(
            by, EXPORTED, system=slug, target=component, data={"since": begin, "changes": count}
        )  # fmt: skip
