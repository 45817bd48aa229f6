"""The one dependency graph: calls, artefacts, links, groups, hops, parts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from systems.graph import SystemGraph
from systems.manifest import ManifestError, parse_manifest
from systems.manifest.types import Manifest

SHOP = """
system: shop
services:
  front: {kind: proxy, depends_on: [web-1, web-2]}
  web-1: {kind: http, group: web, depends_on: [db], writes: [orders]}
  web-2: {kind: http, group: web, depends_on: [db], writes: [orders]}
  db: {kind: postgres}
  cache: {kind: redis, redis: {url: "redis://h", queues: [{name: orders, worker: packer}]}}
  packer: {kind: worker, depends_on: [cache], writes: report.csv}
  reports: {kind: jobs, reads: report.csv}
  wire: {kind: link}
  island: {kind: http}
links: [{name: web-bank, service: wire, source: web-1, target: bank, address: "h:1"}]
"""


class Loaded:
    """A manifest as the loader hands it on."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest, self.services = manifest, manifest.services


def shop(text: str = SHOP) -> SystemGraph:
    text = text.replace("  island:", "  bank: {kind: external}\n  island:")
    return SystemGraph.of(Loaded(parse_manifest(text, name="m.yaml", base_dir=Path())))


def test_who_reads_what_another_writes_needs_it() -> None:
    graph = shop()
    assert graph.artefacts == {
        ("packer", "web-1"): "orders",
        ("packer", "web-2"): "orders",
        ("reports", "packer"): "report.csv",
    }
    assert graph.callers(["web-1"]) == {"front": 1, "packer": 1, "reports": 2}
    assert graph.callers(["web-1"], "calls") == {"front": 1}
    assert graph.dependencies(["reports"], "artefacts") == {"packer": 1, "web-1": 2, "web-2": 2}
    assert graph.dependencies(["reports"], "calls") == {}


def test_a_call_through_a_link_needs_both_the_link_and_its_end() -> None:
    graph = shop()
    assert set(graph.needs["web-1"]) == {"db", "wire", "bank"}
    assert graph.links == {"bank": {"wire"}}


def test_hops_from_several_are_the_shortest_and_leave_them_out() -> None:
    graph = shop()
    assert graph.callers(["db", "web-1"]) == {"web-2": 1, "front": 1, "packer": 1, "reports": 2}
    assert graph.near(["db"], 1) == {"db", "web-1", "web-2"}
    assert graph.near(["stranger"], 3) == set()


def test_groups_and_parts_have_names() -> None:
    graph = shop()
    assert (graph.component("web-2"), graph.component("db")) == ("web", "db")
    assert (graph.members("web"), graph.members("db"), graph.members("no")) == (
        ["web-1", "web-2"],
        ["db"],
        [],
    )
    assert (graph.peers("web-1"), graph.peers("db")) == (["web-2"], [])
    assert {graph.part(n) for n in graph.kinds} == {"front", "island"}
    assert graph.part("no") == "no"


def test_from_names_alone() -> None:
    graph = SystemGraph({}, {"a": ["b"], "b": ["c", "a"]})
    assert graph.kinds == {"a": "", "b": "", "c": ""}
    assert graph.callers(["c"]) == {"b": 1, "a": 2}
    assert not graph.lacks("a", "disk.used")


def test_who_shows_no_certificate_has_none_that_could_end() -> None:
    http = 'web-1: {kind: http, http: {url: "http://h:1/"}, '
    plain = shop(SHOP.replace("web-1: {kind: http, ", http))
    assert all(plain.lacks(name, "tls.in_force") for name in plain.parts)
    by_tls = shop(SHOP.replace("web-1: {kind: http, ", http.replace("http://", "https://")))
    assert not by_tls.lacks("web-1", "tls.in_force")
    assert by_tls.lacks("web-2", "tls.in_force")


def test_reading_what_nobody_writes_is_a_mistake() -> None:
    with pytest.raises(ManifestError, match=r"no service writes 'report.cvs'; did you mean 'report.csv'\?"):
        shop(SHOP.replace("reads: report.csv", "reads: report.cvs"))


def test_a_large_system_is_walked_once() -> None:
    """300 services in a chain of cliques: every walk in both directions, then again from memory."""
    names = [f"s{i}" for i in range(300)]
    graph = SystemGraph(dict.fromkeys(names, "http"), {n: names[i + 1 : i + 6] for i, n in enumerate(names)})
    started = time.process_time()
    for name in names:
        graph.callers([name]), graph.dependencies([name])
    walked = time.process_time() - started
    again = time.process_time()
    for name in names:
        graph.callers([name]), graph.dependencies([name])
    again = time.process_time() - again
    assert again < walked / 5, (walked, again)
