"""Every profile that is shipped: a new file here needs nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from systems.manifest import Service, parse_manifest
from systems.manifest.kinds import slip
from systems.profiles.describing import page
from systems.profiles.ratings import rating
from systems.profiles.reading import BadProfile, find, named, names, read
from systems.profiles.types import Profile, blanks

DOCS = Path(__file__).parents[3] / "docs"
EVERY = list(named().values())


def used(profile: Profile, driver: str = "fake") -> Service:
    address = re.sub(r"\$\{\w+\}", "x", profile.address.example)
    given = {
        "system": "s",
        "runtime": {"driver": driver},
        "services": {"it": {"profile": profile.name, "address": address}},
    }
    return parse_manifest(json.dumps(given)).services["it"]


@pytest.mark.parametrize("profile", EVERY, ids=lambda p: p.name)
def test_its_example_makes_a_good_service_of_all_that_it_has(profile: Profile) -> None:
    found = used(profile)
    assert slip(profile.kind) == "" and found.kind == profile.kind
    for key in ("readings", "words", "actions"):
        assert [i.name for i in getattr(found, key)] == [i["name"] for i in profile.service.get(key, [])]
    assert set(profile.service) <= found.model_fields_set
    assert not {*blanks(json.loads(found.model_dump_json()))}, "every blank is filled"


@pytest.mark.parametrize("profile", EVERY, ids=lambda p: p.name)
def test_where_nothing_has_a_unit_it_runs_no_command(profile: Profile) -> None:
    found = used(profile, "none")
    calls = [*found.readings, *(call for spec in found.actions for _, call in spec.calls())]
    assert not any(call.exec for call in calls)


@pytest.mark.parametrize("profile", EVERY, ids=lambda p: p.name)
def test_what_it_judges_is_told_in_a_sentence(profile: Profile) -> None:
    found = used(profile)
    for item in (*(r for r in found.readings if r.judgements()), *found.words):
        assert "{service}" in item.title and len(item.title) > 20, item.name
    assert all(setting.says for setting in profile.settings.values())


@pytest.mark.parametrize("profile", EVERY, ids=lambda p: p.name)
def test_every_setting_is_used(profile: Profile) -> None:
    assert profile.settings.keys() <= {*blanks(profile.service)}


def test_no_name_is_anothers() -> None:
    assert len(names()) == len(set(names()))
    assert all(find(name) is not None for name in names()) and find("nginy") is None


def test_the_page_in_the_repository_is_up_to_date() -> None:
    how = "python -m systems.profiles.describing > docs/profiles.md"
    assert (DOCS / "profiles.md").read_text() == page(), how


def test_the_page_tells_all_that_they_bring() -> None:
    for profile in EVERY:
        for key in ("readings", "words", "actions"):
            for item in profile.service.get(key, []):
                assert f"`{item['name']}`" in page(), (profile.name, item["name"])


@pytest.mark.parametrize(
    ("exec", "redis", "risk"),
    [
        (["nginx", "-t", "-c", "/etc/nginx/nginx.conf"], None, "low"),
        (["nginx", "-s", "reload", "-c", "/x"], None, "medium"),
        (["nginx", "-t"], None, None),
        (["/tmp/nginx", "-t", "-c", "/x"], None, None),
        (["nginx", "-t", "-c", "{file}"], None, None),
        (["nginx", "-t", "-c", "-g"], None, None),
        (["nginx", "-s", "stop", "-c", "/x"], None, None),
        (["nginx", "-t", "-c", "/x", "-g", "daemon on;"], None, None),
        (None, ["bgsave"], "medium"),
        (None, ["BGSAVE", "SCHEDULE"], None),
        (None, ["FLUSHALL"], None),
        (None, None, None),
    ],
)
def test_only_the_very_calls_are_rated(
    exec: list[str] | None, redis: list[str] | None, risk: str | None
) -> None:
    assert rating(exec, redis) == risk


GOOD = """title: Mailer
kind: mailer
about: It has a page of numbers.
address: {schemes: {http: 80}, example: "mail:80"}
settings: {path: {default: /stats, says: the path of its page}}
service:
  tcp: "${address}"
  readings: [{name: sent, http: "${url}${path}"}]
"""


def test_a_good_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "mailer.yaml").write_text(GOOD)
    assert read(tmp_path / "mailer.yaml").name == "mailer"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("${url}", "${ulr}", "nothing fills ${ulr}"),
        ("default: /stats", 'default: "${other}"', "settings.path: a default may name"),
        ("tcp:", "unit: x\n  tcp:", "unit is not a profile's to say"),
        ("settings: {path:", "settings: {port: {says: xxx}, path:", "port is filled by the address"),
        ("title: Mailer\n", "", "title: Field required"),
        ("kind: mailer", "knid: mailer", "knid: Extra inputs"),
        ("kind: mailer", "kind: [", "mailer.yaml:"),
        ("schemes: {http: 80}", "schemes: {}", "address.schemes"),
        (GOOD, "- a\n", "a profile is a mapping"),
    ],
)
def test_mistakes_of_one_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    (tmp_path / "mailer.yaml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(BadProfile) as caught:
        read(tmp_path / "mailer.yaml")
    assert words in str(caught.value) and "mailer.yaml" in str(caught.value)
