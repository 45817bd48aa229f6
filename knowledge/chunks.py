"""A runbook cut into passages by heading, each with its vector and its full-text words."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from django.contrib.postgres.search import SearchVector
from django.db.models import Value

from knowledge.document import read
from knowledge.embedding import EmbeddingUnavailable, embed
from knowledge.models import Chunk, Runbook
from knowledge.spec import split_key

log = logging.getLogger(__name__)
_HEADING = re.compile(r"^#{1,4}\s+(.+?)\s*#*$", re.M)
MAX_CHARS = 1200


@dataclass(frozen=True)
class Passage:
    heading: str
    text: str


def cut(text: str) -> list[Passage]:
    """Passages of the prose; the first is what the front matter says, in words."""
    document = read(text)
    found = [Passage("", _signature(document.data))]
    pieces = _HEADING.split(document.body)
    if pieces[0].strip():
        found.append(Passage("", pieces[0].strip()))
    for heading, body in zip(pieces[1::2], pieces[2::2], strict=True):
        found += [Passage(heading, part) for part in _parts(body)]
    return [p for p in found if p.text]


def _signature(data: dict[str, object]) -> str:
    """Title, summary and symptoms as a sentence: what a person in trouble would type."""
    symptoms = data.get("symptoms")
    words = [split_key(str(k))[0].replace("_", " ") for k in symptoms] if isinstance(symptoms, dict) else []
    summary = re.sub(r"\s*\([^()]*\{[a-z_]+\}[^()]*\)", "", str(data.get("summary", "")))
    summary = re.sub(r"^\{component\}", "It", summary).replace("{component}", "it")
    summary = re.sub(r"\{[a-z_]+\}", "…", summary)
    unique = ", ".join(dict.fromkeys(words))
    return re.sub(r"\s+", " ", f"{data.get('title', '')}. {summary}. Seen as: {unique}.").strip()


def _parts(body: str) -> list[str]:
    """Paragraphs put together up to the limit; one that is longer alone is cut at it."""
    parts, current = [], ""
    for paragraph in re.split(r"\n\s*\n", body.strip()):
        if current and len(current) + len(paragraph) > MAX_CHARS:
            parts.append(current)
            current = ""
        current = f"{current}\n\n{paragraph}".strip()
        while len(current) > MAX_CHARS:
            parts.append(current[:MAX_CHARS])
            current = current[MAX_CHARS:]
    return [*parts, current] if current else parts


def index(runbook: Runbook) -> int:
    """Write the runbook's chunks anew; vectors of unchanged passages are kept. Returns how many there are."""
    known = {(c.heading, c.text): c.embedding for c in runbook.chunks.all() if c.embedding is not None}
    runbook.chunks.all().delete()
    rows = []
    for ordinal, passage in enumerate(cut(runbook.text)):
        vector = known.get((passage.heading, passage.text))
        rows.append(
            Chunk(
                runbook=runbook,
                ordinal=ordinal,
                heading=passage.heading[:200],
                text=passage.text,
                embedding=vector if vector is not None else _vector(runbook, passage),
            )
        )
    Chunk.objects.bulk_create(rows)
    title = Value(f"{runbook.title} {runbook.slug.replace('_', ' ')}")
    tsv = (
        SearchVector(title, weight="A", config="english")
        + SearchVector("heading", weight="C", config="english")
        + SearchVector("text", weight="B", config="english")
        + SearchVector("text", weight="D", config="simple")
    )
    runbook.chunks.update(tsv=tsv)
    return len(rows)


def _vector(runbook: Runbook, passage: Passage) -> list[float] | None:
    try:
        return embed(f"{runbook.title}. {passage.heading}. {passage.text}")
    except EmbeddingUnavailable as error:
        log.warning("%s", error)
        return None
