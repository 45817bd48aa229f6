"""Which passages speak of this? Vectors and OR-ed full text, fused by weighed ranks; says so when nothing fits.

Vectors are better at people's phrasing, words at error codes and names; so the fusion weighs vectors 3 to 2, and a
rare exact term of the query (an error code, an identifier) that stands in a passage always brings it up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db import connection
from pgvector.django import CosineDistance

from knowledge.embedding import EmbeddingUnavailable, embed
from knowledge.models import Chunk

K = 10
VECTOR_WEIGHT, TEXT_WEIGHT, EXACT_WEIGHT = 3.0, 2.0, 3.0
POOL = 40
MIN_COSINE = 0.25  # below this no passage is about the query, unless a rare word of it is found
MIN_RANK = 0.05
MAX_QUERY = 2000
_TERM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*[A-Za-z0-9]")


@dataclass(frozen=True)
class Hit:
    """A passage that fits. `cosine` is None without vectors; `exact` are the rare terms found word for word."""

    slug: str
    title: str
    heading: str
    text: str
    score: float
    cosine: float | None = None
    exact: tuple[str, ...] = ()


@dataclass
class _Found:
    score: float = 0.0
    cosine: float | None = None
    rank: float = 0.0
    exact: tuple[str, ...] = ()


def search(query: str, limit: int = 5) -> list[Hit]:
    """The best passage of each of the `limit` best runbooks. Empty when nothing fits."""
    query = re.sub(r"\s+", " ", query[:MAX_QUERY].replace("\x00", " ")).strip()
    if not query:
        return []
    found: dict[int, _Found] = {}
    _by_vector(query, found)
    _by_text(query, found)
    _by_term(query, found)
    fitting = {pk: f for pk, f in found.items() if f.score > 0}
    if not _fits(fitting):
        return []
    chunks = Chunk.objects.select_related("runbook").in_bulk(fitting)
    hits: dict[str, Hit] = {}
    for pk, item in sorted(fitting.items(), key=lambda kv: -kv[1].score):
        chunk = chunks.get(pk)
        if chunk is None or chunk.runbook.slug in hits:
            continue
        book = chunk.runbook
        score = round(item.score, 4)
        hits[book.slug] = Hit(
            book.slug, book.title, chunk.heading, chunk.text, score, item.cosine, item.exact
        )
        if len(hits) == limit:
            break
    return list(hits.values())


def _fits(found: dict[int, _Found]) -> bool:
    """Some passage is near in meaning, or holds a rare term of the query, or (without vectors) many of its words."""
    cosines = [f.cosine for f in found.values() if f.cosine is not None]
    if any(f.exact for f in found.values()):
        return True
    if cosines:
        return max(cosines) >= MIN_COSINE
    return any(f.rank >= MIN_RANK for f in found.values())


def _by_vector(query: str, found: dict[int, _Found]) -> None:
    try:
        vector = embed(query)
    except EmbeddingUnavailable:
        return
    rows = (
        Chunk.objects.filter(embedding__isnull=False, runbook__enabled=True)
        .annotate(distance=CosineDistance("embedding", vector))
        .order_by("distance", "pk")
        .values_list("pk", "distance")[:POOL]
    )
    for rank, (pk, distance) in enumerate(rows, 1):
        item = found.setdefault(pk, _Found())
        item.cosine = round(1 - float(distance), 4)
        item.score += VECTOR_WEIGHT / (K + rank)


# The terms of a plain query joined by OR; `&` and `<->` can't occur inside a lexeme that to_tsvector has made.
_TEXT_SQL = """
with q as (
    select (select string_agg(quote_literal(lexeme), ' | ') from unnest(to_tsvector('english', %s)))::tsquery
        as words
)
select c.id, ts_rank(c.tsv, q.words) as rank
from knowledge_chunk c join knowledge_runbook r on r.id = c.runbook_id, q
where r.enabled and c.tsv @@ q.words
order by rank desc, c.id limit %s
"""


def _by_text(query: str, found: dict[int, _Found]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TEXT_SQL, [query, POOL])
        rows = cursor.fetchall()
    for rank, (pk, weight) in enumerate(rows, 1):
        item = found.setdefault(pk, _Found())
        item.rank = float(weight)
        item.score += TEXT_WEIGHT / (K + rank)


def terms(query: str) -> list[str]:
    """Words that are names or codes rather than language: with digits, an underscore, or capitals inside."""
    words = dict.fromkeys(_TERM.findall(query))
    return [w for w in words if len(w) >= 4 and _is_code(w)][:12]


def _is_code(word: str) -> bool:
    mixed = any(c.isupper() for c in word[1:]) and not word.isdigit()
    return (
        "_" in word
        or mixed
        or word.isdigit()
        or (any(c.isdigit() for c in word) and any(c.isalpha() for c in word))
    )


def _by_term(query: str, found: dict[int, _Found]) -> None:
    """Passages that hold a code of the query word for word, unless half of all passages do."""
    held: dict[int, list[str]] = {}
    for term in terms(query):
        rows = Chunk.objects.filter(runbook__enabled=True, text__icontains=term).values_list("pk", flat=True)
        for pk in list(rows[:POOL]) if len(rows[: POOL + 1]) <= POOL else []:
            held.setdefault(pk, []).append(term)
    for rank, (pk, names) in enumerate(sorted(held.items(), key=lambda kv: (-len(kv[1]), kv[0])), 1):
        item = found.setdefault(pk, _Found())
        item.exact = tuple(names)
        item.score += EXACT_WEIGHT * len(names) / (K + rank)
