"""Kinds: known ones, those of one's own, and slips."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from actions.losses import KNOWN_KINDS
from systems.graph import HOST
from systems.manifest import ManifestError, parse_manifest
from systems.manifest.kinds import KINDS, slip

ONE = "system: s\nservices:\n  db: {kind: %s}\n"


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ("postgress", "postgres"),
        ("postgresql", "postgres"),
        ("Postgres", "postgres"),
        ("htttp", "http"),
        ("htpp", "http"),
        ("https", "http"),
        ("valkey", "redis"),
        ("job", "jobs"),
        ("frontent", "frontend"),
    ],
)
def test_a_slip_is_refused_with_what_was_meant(kind: str, meant: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(ONE % kind)
    assert caught.value.problems == [
        f"manifest.yaml:3: services.db.kind: unknown kind; did you mean {meant!r}?"
    ]
    assert parse_manifest(ONE % kind, in_use=True).services["db"].kind == kind, "what is in use goes on"


@pytest.mark.parametrize(
    "kind", [*KINDS, "mysql", "mailer", "queue", "x", "nginx", "identity-provider", "sink", "cron"]
)
def test_known_kinds_and_those_of_ones_own_are_taken(kind: str) -> None:
    assert slip(kind) == ""
    assert parse_manifest(ONE % kind).services["db"].kind == kind


def test_what_the_product_speaks_of_are_known_kinds() -> None:
    seeds = Path("knowledge/seed").glob("*.md")
    named = {
        kind for seed in seeds for kind in yaml.safe_load(seed.read_text().split("---")[1])["applies_to"]
    }
    assert named and named - {"any", HOST} <= set(KINDS), "the machine is a part that no manifest names"
    assert set(KINDS) >= KNOWN_KINDS
