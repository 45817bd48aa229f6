"""REST: the words and signals that people add. The same checks and revisions as on the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema
from ninja import Status as Answer
from ninja.errors import HttpError

from actions.apibody import Body
from knowledge.models import VocabularyEntry
from knowledge.service import EditConflict
from knowledge.vocabulary import service
from opsportal.vocabulary.views import ADD, CHANGE

router = Router(tags=["vocabulary"])
READ = "incidents.view_incident"


class EntryOut(Schema):
    """`text`: YAML. `system`: "" is every one. `trouble`: why it takes no part although it is switched on."""

    id: str
    kind: str
    system: str
    text: str
    version: int
    on: bool
    trouble: str
    updated_at: datetime


class EntryIn(Body):
    """`version`: of the entry that was read before; left out or 0 of a new one."""

    text: str = Field(min_length=1, max_length=20_000)
    version: int = Field(0, ge=0)
    note: str = Field("", max_length=300)


class SwitchIn(Body):
    on: bool
    note: str = Field("", max_length=300)


def _out(judged: service.Judged) -> dict[str, Any]:
    row = judged.row
    return {
        "id": row.slug,
        "kind": row.kind,
        "system": row.system_slug,
        "text": row.text,
        "version": row.version,
        "on": row.enabled,
        "trouble": judged.trouble,
        "updated_at": row.updated_at,
    }


def _one(slug: str) -> dict[str, Any]:
    found = next((j for j in service.judged() if j.row.slug == slug), None)
    if found is None:
        raise VocabularyEntry.DoesNotExist
    return _out(found)


@router.get("/vocabulary", response=list[EntryOut], summary="Words and signals that people added")
def entries(request: HttpRequest) -> list[dict[str, Any]]:
    request.require(READ)  # type: ignore[attr-defined]
    return [_out(j) for j in service.judged()]


@router.get("/vocabulary/{slug}", response=EntryOut, summary="One of them")
def entry(request: HttpRequest, slug: str) -> dict[str, Any]:
    request.require(READ)  # type: ignore[attr-defined]
    return _one(slug)


@router.put(
    "/vocabulary/{slug}",
    response={200: EntryOut, 201: EntryOut},
    summary="Add one, or change it: a new version (409: somebody was faster)",
)
def put(request: HttpRequest, slug: str, body: EntryIn) -> Answer[Any]:
    user = request.require(CHANGE if body.version else ADD)  # type: ignore[attr-defined]
    spec, problems = service.problems_of(body.text, slug)
    if spec is None or problems:
        raise HttpError(422, "; ".join(map(str, problems)))
    try:
        service.save(slug, body.text, user.get_username(), body.note, expected_version=body.version)
    except service.InvalidEntry as error:
        raise HttpError(409 if not body.version else 422, str(error)) from error
    except EditConflict as error:
        raise HttpError(409, str(error)) from error
    return Answer(200 if body.version else 201, _one(slug))


@router.post("/vocabulary/{slug}/switch", response=EntryOut, summary="Let it take part, or not")
def switch(request: HttpRequest, slug: str, body: SwitchIn) -> dict[str, Any]:
    user = request.require(CHANGE)  # type: ignore[attr-defined]
    service.switch(slug, body.on, user.get_username(), body.note)
    return _one(slug)
