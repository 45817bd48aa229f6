"""A shop under other names: nothing of the old ones is left where operators look, and everything fits together."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.build.layout import EDGES, OFFSETS, Layout
from sandbox.build.names import FIXED, Names, drawn
from sandbox.build.prepare import Site, write_files
from sandbox.build.releases import SOURCE
from sandbox.build.secrets import Secrets
from sandbox.build.sentences import PHRASES
from sandbox.build.vocabulary import PATHS, TABLES, WORDS

SEEDS = range(1, 40)
LOGS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
HOLE = re.compile(r"%[-.0-9]*[a-z]")


def names(seed: int) -> Names:
    return drawn(seed, OFFSETS, EDGES)


@pytest.fixture(scope="module", params=[3, 4])
def built(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """The files of a shop, without its databases."""
    root = tmp_path_factory.mktemp("renamed")
    layout = Layout(root, 24_000, names=names(request.param))
    write_files(Site(layout, Secrets(), Path("/pg/bin"), Path("/usr/bin/redis-server")))
    return layout


def values(data: Any, key: str = "") -> Iterator[str]:
    """Every text of the data but those that are no name of the shop's."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield from values(value, name)
    elif isinstance(data, list):
        for item in data:
            yield from values(item, key)
    elif isinstance(data, str) and key not in FIXED:
        yield data


def old_words(text: str, known: Names) -> list[str]:
    words = "|".join(map(re.escape, [*known.words, *known.tables]))
    paths = "|".join(map(re.escape, known.paths))
    return re.findall(rf"(?<![\w-])(?:{words})(?![\w-]|://)|(?<=/)(?:{paths})(?![\w.-])", text)


def said(tree: ast.AST) -> Iterator[str]:
    """The sentences of a module's calls of its log."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LOGS:
            texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            yield from texts[:1]


def test_everything_the_shop_says_can_be_said_otherwise_with_the_same_arguments():
    sentences = {s for path in SOURCE.rglob("*.py") for s in said(ast.parse(path.read_text()))}
    spoken = {s for s in sentences if re.search(r"[a-z]{2}", HOLE.sub("", s))}
    assert len(spoken) > 50
    assert spoken <= PHRASES.keys()
    for own, others in PHRASES.items():
        assert all(HOLE.findall(o) == HOLE.findall(own) and o != own for o in others), own


def test_names_of_a_seed_are_its_own_and_mean_one_thing_each():
    own = {*WORDS, *TABLES, *PATHS}
    for seed in SEEDS:
        found = names(seed)
        assert found == names(seed)
        new = [*found.words.values(), *found.tables.values(), *found.paths.values()]
        assert len(set(new)) == len(new) and not own & set(new), seed
        assert all(found.sql(name) == name for name in new)  # what is renamed already stays
        assert all(found.text(f"/{path}") == f"/{path}" for path in found.paths.values())
        assert len(set(found.offsets.values())) == len(OFFSETS)
    assert len({tuple(names(seed).words.values()) for seed in SEEDS}) == len(SEEDS)


def test_no_old_name_and_no_old_port_is_where_operators_look(built: Layout):
    told = yaml.safe_load((built.root / "manifest.yaml").read_text())
    assert set(told["services"]).isdisjoint(OFFSETS)
    texts = [*values(told), *told["services"]]
    files = [p for p in built.root.rglob("*") if p.is_file() and p.suffix in (".yaml", ".env", ".conf")]
    texts += [str(p.relative_to(built.root)) for p in files]
    texts += [p.read_text() for p in files if "etc" in p.parts]
    assert len(files) > 30
    assert {word for text in texts for word in old_words(text, built.names)} == set()
    ports = {int(p) for t in texts for p in re.findall(r"127\.0\.0\.1:(\d+)", t)}
    assert ports <= {built.port(name) for name in OFFSETS}
    assert len(ports & {24_000 + offset for offset in OFFSETS.values()}) < len(ports) / 2


def test_the_code_of_its_releases_says_nothing_in_the_old_words(built: Layout):
    modules = [p for p in built.root.rglob("*.py") if "releases" in p.parts]
    assert len(modules) > 40
    kept = {c for own in PHRASES if (c := own.strip()) in {w.strip() for o in PHRASES.values() for w in o}}
    for path in modules:
        tree = ast.parse(path.read_text())  # and each can be compiled
        constants = {
            n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
        }
        assert not constants & (PHRASES.keys() - kept), path
        assert not [w for text in constants for w in old_words(text, built.names)], path
    for path in built.root.rglob("*.sql"):
        assert not old_words(path.read_text(), built.names)


def test_its_own_names_change_nothing():
    own = Layout(Path("/srv/x"), 18_080)
    assert own.called({"api-1": ["shop", 1]}) == {"api-1": ["shop", 1]}
    assert own.text("shop.orders") == "shop.orders" and own.at("etc/api-1.yaml") == Path(
        "/srv/x/etc/api-1.yaml"
    )
