"""What is wrong with a declared action is told by its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from systems.manifest import ManifestError, parse_manifest

GOOD = """\
system: t
services:
  app:
    kind: http
    actions:
      - name: stop-job
        title: Stop a job
        risk: medium
        params:
          job: {from: {http: "http://h/jobs", path: "[].name"}}
          why: {choices: [load, fault]}
          for_s: {number: {least: 1, most: 60}}
        do:
          - {http: {post: "http://h/jobs/{job}/stop", json: {why: "{why}", s: "{for_s}"}}}
          - {redis: "SET note {job}", on: cache}
        check: {http: "http://h/jobs/{job}", path: state, is: on}
        before: {sql: "select state from jobs where name = {job}", on: db}
        undo: {sql: "update jobs set state = {before} where name = {job}", on: db}
        loss: {sql: "select count(*) from runs where job = {job}", on: db, of: runs}
  db: {kind: postgres, unit: null, postgres: {dsn: "postgresql://h/d"}}
  cache: {kind: redis, unit: null, redis: {url: "redis://h"}}
"""


def test_every_key_is_understood() -> None:
    spec = parse_manifest(GOOD).services["app"].actions[0]
    assert [call.way for call in spec.do] == ["http", "redis"]
    assert spec.do[1].on == "cache" and spec.before is not None and spec.before.on == "db"
    assert spec.check is not None and spec.check.value is True and not spec.check.negated
    assert spec.params["for_s"].number is not None and spec.params["for_s"].number.whole
    assert spec.loss is not None and spec.loss.of == "runs"


WRONG = [
    ("stop-job\n", "Stop It\n", r":6: .*name: does not look right"),
    ('{http: {post: "http://h/jobs/{job}/stop"', '{http: {post: "http://h/jobs/{jobb}/stop"',
     r":14: .*nothing fills \{jobb\} here \(there are: \{for_s\}, \{job\}, \{service\}, \{why\}\)"),
    ("is: on}", "is: '{state}'}", r":16: .*check: nothing fills \{state\}"),
    ("where name = {job}\", on: db}\n        undo", "where name = {before}\", on: db}\n        undo",
     r":17: .*before: nothing fills \{before\}"),
    ("http://h/jobs\", path", "http://h/jobs/{why}\", path", r":10: .*from: nothing fills \{why\}"),
    ("on: cache}", "on: cash}", r":15: .*on: there is no service 'cash'"),
    ("on: cache}", "on: db}", r":15: .*on: db has no redis section"),
    (', on: db, of: runs}', ', of: runs}', r":19: .*sql: app has no postgres section.*say `on: SERVICE`"),
    ("{redis: \"SET note {job}\", on: cache}", "{exec: tool, on: db}", r":15: .*on: db has no unit"),
    ("{redis: \"SET note {job}\", on: cache}", "{exec: \"{job} x\"}", r":15: .*a blank cannot be the command of exec"),
    ("http://h/jobs/{job}/stop", "http://{job}/stop", r":14: .*never in the host"),
    ("set state = {before}", "set state = '{before}'", r":18: .*leave out the quotes"),
    ("is: on}", "within_s: 3}", r":16: .*has exactly one of is and is_not"),
    ("is: on}", "is: on, is_not: off}", r":16: .*has exactly one of is and is_not"),
    ("{choices: [load, fault]}", "{}", r":11: .*has exactly one of from, choices and number"),
    ("{choices: [load, fault]}", "{choices: [on, off]}", r":11: .*valid string"),
    ("least: 1, most: 60", "least: 61, most: 60", r":12: .*least is above most"),
    ("why: {choices", "service: {choices", r":11: .*'service' has a meaning of its own"),
    ("why: {choices", "copy: {choices", r":11: .*'copy' has a meaning of its own"),
    ("risk: medium", "risk: none", r":8: .*risk: "),
    ("risk: medium", "rsik: medium", r":8: .*unknown key; did you mean 'risk'"),
    ("undo: {sql: \"update jobs set state = {before} where name = {job}\", on: db}", "undo: []",
     r":17: .*before: is kept for an undo, and there is none"),
    ("post: \"http://h/jobs/{job}/stop\"", "post: \"http://h/x\", get: \"http://h/x\"",
     r":14: .*has exactly one of get"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "words"), WRONG, ids=[w[1][:40] for w in WRONG])
def test_each_mistake_names_its_line(old: str, new: str, words: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(ManifestError, match=words):
        parse_manifest(GOOD.replace(old, new))


ANOTHER = """\
      - name: stop-job
        title: Stop a job
        risk: medium
        do: {http: {post: "http://h/stop"}}
"""


def test_one_name_is_one_action() -> None:
    twice = GOOD.replace("  db: {kind", ANOTHER + "  db: {kind")
    with pytest.raises(ManifestError, match=r":20: .*app declares 'stop-job' twice"):
        parse_manifest(twice)
    elsewhere = GOOD + "  app-2:\n    kind: http\n    actions:\n" + ANOTHER
    with pytest.raises(ManifestError, match=r":25: .*app declares 'stop-job', too, with other params"):
        parse_manifest(elsewhere)
    spec = GOOD[GOOD.index("      - name") : GOOD.index("  db: {kind")]
    same = GOOD + "  app-2:\n    kind: http\n    actions:\n" + spec
    assert parse_manifest(same).services["app-2"].actions[0].name == "stop-job"
    for old, new, words in (("risk: medium", "risk: low", "risk"), ("most: 60", "most: 61", "params")):
        with pytest.raises(ManifestError, match=f"with other {words}"):
            parse_manifest(GOOD + "  app-2:\n    kind: http\n    actions:\n" + spec.replace(old, new))


def test_names_of_the_portals_own_actions_are_taken(tmp_path: Path) -> None:
    def activate(name: str) -> None:
        text = GOOD.replace("name: stop-job", f"name: {name}")
        parse_manifest(text, base_dir=tmp_path, runtime_check=lambda options, base: "")

    activate("stop-job")
    for name in ("restart-service", "purge-cache"):
        with pytest.raises(ManifestError, match=r":6: .*is an action of the portal itself"):
            activate(name)
    for name in ("restart-app", "clear-cache-db"):
        with pytest.raises(ManifestError, match=r":6: .*is how an action of the portal is called"):
            activate(name)
    # what is active stays active when a newer portal knows more names
    parse_manifest(GOOD.replace("name: stop-job", "name: restart-service"), base_dir=tmp_path)


def test_what_a_cause_brings_about_needs_no_parameters() -> None:
    text = GOOD.replace("        risk: medium\n", "        risk: medium\n        mends: [stuck]\n")
    with pytest.raises(ManifestError, match=r":9: .*mends: cannot be said of an action with params"):
        parse_manifest(text)


def test_headers_stand_in_no_repr() -> None:
    text = GOOD.replace('stop", json', 'stop", headers: {Authorization: Bearer hunter2}, json')
    assert "hunter2" not in repr(parse_manifest(text))


def test_the_example_of_the_documentation_is_a_manifest() -> None:
    text = (Path(__file__).parents[2] / "docs" / "declared-actions.md").read_text()
    example = text.split("```yaml\n")[1].split("```")[0]
    manifest = parse_manifest(
        f"system: t\n{example}  db: {{kind: postgres, unit: null, postgres: {{dsn: 'postgresql://h/d'}}}}\n"
    )
    assert [spec.name for spec in manifest.services["batch"].actions] == ["stop-job"]
