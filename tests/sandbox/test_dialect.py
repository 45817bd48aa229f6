"""Nothing outside of sandbox/, chaos/ and tests/ knows a word that only the shop says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from sandbox.build.layout import EDGES, OFFSETS
from sandbox.build.metrics import OWN
from sandbox.build.releases import SOURCE
from sandbox.build.vocabulary import TABLES, WORDS
from sandbox.shop.kit.metrics import PREFIX
from systems.manifest.kinds import KINDS

from .conftest import ROOT

PRODUCT = ("actions", "agent", "incidents", "knowledge", "opsportal", "systems")
KEPT = (".py", ".md", ".yaml", ".html", ".js", ".sql", ".txt")
OTHERS = frozenset({"migrations", "data", "static", "__pycache__"})  # of Django, of models, of libraries
# Words of the trade, of software that everybody runs, and of the portal itself: any system may say them, and so may a
# manifest, a runbook or a pattern.
USUAL = frozenset(KINDS) | {
    "api", "app", "batch", "fallback", "flags", "gateway", "latency_ms", "every_s", "middleware", "net", "orders",
    "analytics", "collector", "storage",
    "postgres", "primary", "prober", "product", "products", "provider", "rate_limit", "redis", "req_id", "sess",
    "stock", "ttl_s", "upstream", "users", "cloud",
}  # fmt: skip
USUAL_PATHS = frozenset(
    {
        "/api",
        "/cart",
        "/healthz",
        "/health",
        "/login",
        "/livez",
        "/metrics",
        "/proc",
        "/proc/self",
        "/proc/self/fd",
        "/readyz",
    }
)


def endpoints() -> set[str]:
    """The paths of all that the shop's parts answer."""
    texts = (
        node.value
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text.rstrip("/") for text in texts if re.fullmatch(r"/[a-z][\w./{}-]*", text)} - USUAL_PATHS


def words() -> set[str]:
    """What its parts, edges, jobs, roles, tables, keys, settings and metrics are called."""
    metrics = {f"{PREFIX}_{name}{end}" for own in OWN.values() for name in own for end in ("", "_total")}
    return ({*WORDS, *TABLES, *OFFSETS, *EDGES} | metrics | endpoints()) - USUAL


def said(word: str) -> re.Pattern[str]:
    before = r"(?<![\w.}])" if word.startswith("/") else r"(?<![\w-])"
    return re.compile(rf"{before}{re.escape(word)}(?![\w-])")


def texts() -> Iterator[tuple[str, str]]:
    """(path, text) of everything that is the product's own."""
    for folder in PRODUCT:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in KEPT and not OTHERS & set(file.parts):
                yield str(file.relative_to(ROOT)), file.read_text(encoding="utf-8")
    for name in ("ops", "manage.py"):
        yield name, (ROOT / name).read_text(encoding="utf-8")


def found(texts_: list[tuple[str, str]], known: set[str]) -> dict[str, set[str]]:
    """Word -> the files that say it."""
    patterns = {word: said(word) for word in known}
    hits: dict[str, set[str]] = {}
    for path, text in texts_:
        for word, pattern in patterns.items():
            if word in text and pattern.search(text):
                hits.setdefault(word, set()).add(path)
    return hits


def test_no_word_of_the_shop_outside_of_it() -> None:
    known = words()
    assert {"api-1", "loadgen", "report-export", "order_lines", "shop_pool_breaker", "/jobs"} - USUAL <= known
    hits = found(list(texts()), known)
    assert hits == {}


def test_the_search_finds_what_it_is_for() -> None:
    planted = [
        ("a.py", 'call("POST", f"/edges/{edge}/failover")'),
        ("b.md", "Restart `api-1`, and look at shop_pool_errors_total."),
        ("c.yaml", "table: shop.order_lines"),
        ("d.py", "the workshop's api-10 has knowledges/edges and borders"),
    ]
    hits = found(planted, words())
    assert hits == {
        "/edges": {"a.py"}, "api-1": {"b.md"}, "shop_pool_errors_total": {"b.md"}, "shop": {"c.yaml"},
        "order_lines": {"c.yaml"},
    }  # fmt: skip


def test_no_private_protocol_is_left() -> None:
    """Metrics of the shop are those that Prometheus could scrape."""
    for path in SOURCE.parent.rglob("*.py"):
        assert "metrics.json" not in path.read_text(), path
    assert not [path for path, text in texts() if "metrics.json" in text]


def test_words_that_count_as_usual_are_words_of_the_shop() -> None:
    """A list that only grows would hide what it was not meant for."""
    all_ = {*WORDS, *TABLES, *OFFSETS, *EDGES}
    assert all_ >= USUAL - set(KINDS)
