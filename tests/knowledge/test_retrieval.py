"""Search over the shipped runbooks, on real vectors and real full text."""

from __future__ import annotations

import pytest

from knowledge import bench, retrieval, service
from knowledge.embedding import embed, tokenize
from knowledge.models import Chunk

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _seeds() -> None:
    service.load_seeds()


def test_the_right_runbook_is_found_most_of_the_time() -> None:
    found = bench.measure()
    print(f"\nretrieval: {found}")
    assert found.questions >= 40
    assert found.recall_at_1 >= 0.75
    assert found.mrr >= 0.82
    assert found.quiet == 1.0


def test_exact_terms_are_never_lost() -> None:
    hits = retrieval.search("what does 42703 mean here")
    assert hits[0].slug == "migration_half_applied"
    assert "42703" in hits[0].exact


def test_nothing_fits_is_said() -> None:
    assert retrieval.search("recipe for apple cake with cinnamon") == []
    assert retrieval.search("") == []
    assert retrieval.search("   \x00 ") == []


def test_hostile_queries_are_only_words() -> None:
    for query in ("a & | ! ( <-> :* '", "x" * 5000, "%s %(a)s", "password' OR 1=1; --"):
        retrieval.search(query)


def test_without_the_model_full_text_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    from knowledge.embedding import EmbeddingUnavailable

    def gone(text: str) -> list[float]:
        raise EmbeddingUnavailable("no model here")

    monkeypatch.setattr(retrieval, "embed", gone)
    assert retrieval.search("deadlock detected between transactions")[0].slug == "deadlock"


def test_a_runbook_set_aside_is_not_found() -> None:
    service.set_enabled("deadlock", False)
    assert "deadlock" not in [h.slug for h in retrieval.search("40P01 deadlock detected")]


def test_an_edit_keeps_the_vectors_of_what_did_not_change() -> None:
    book = service.save(
        "down", _text("down") + "\n\n## New part\n\nSomething else.\n", "ann", expected_version=1
    )
    headings = list(Chunk.objects.filter(runbook=book).values_list("heading", flat=True))
    assert "New part" in headings
    assert not Chunk.objects.filter(runbook=book, embedding=None).exists()


def test_vectors_have_length_one_and_mean_something() -> None:
    a, b, c = (
        embed(t) for t in ("the database is down", "postgres is not reachable", "a poem about the sea")
    )
    assert len(a) == 384
    assert sum(x * x for x in a) == pytest.approx(1.0, abs=1e-3)
    near, far = (sum(x * y for x, y in zip(a, o, strict=True)) for o in (b, c))
    assert near > far + 0.2


def test_tokens_are_those_of_the_original_vocabulary() -> None:
    """Ids as the reference tokenizer gives them."""
    assert tokenize("Hello, world!") == [101, 7592, 1010, 2088, 999, 102]
    assert tokenize("ünïcödé") == tokenize("unicode")
    assert tokenize("unaffable") == [101, 14477, 20961, 3468, 102]
    assert len(tokenize("word " * 900)) == 256


def _text(slug: str) -> str:
    return (service.SEEDS / f"{slug}.md").read_text()
