"""The profiles as a page for people (docs/profiles.md): `python -m systems.profiles.describing`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from systems.profiles.reading import named
from systems.profiles.types import NAMED, Profile

HEAD = """# Profiles

What is known of a product, as data: its readings, the words of its log, its files, and what can be done to it. A
manifest names the product and says where it answers; that is all that a person writes.

```yaml
system: mine
services:
  edge: {profile: nginx, address: "127.0.0.1:8080"}
  db: {profile: postgres, address: "postgresql://prober:${DB_PASSWORD}@db.internal/orders", unit: null}
  cache: {profile: valkey, address: "redis://:${REDIS_PASSWORD}@cache.internal/0", unit: null}
```

`./ops register MANIFEST --check` tells what came from the profile, what was left out and why, what each reading
answered, and for what cannot be read the line that mends it.

## In a manifest

| key | says |
|---|---|
| `profile` | the product, by one of its names |
| `address` | where it answers: host, host:port or a URL, with its login where it needs one |
| `with` | settings that are otherwise here: `{conf: /opt/nginx.conf}`; `null`: none, and what rests on it is left out |
| `without` | readings, words and actions that are not wanted, by name |

**What the manifest itself says wins.** A section that it has (`http`, `postgres`, `state`) keeps its keys, and gets
those that it lacks; another value, also a list or `null`, stays as it is. A reading, word or action of the same name
that says how it is asked (`http`, `sql`, `redis`, `exec`), its `pattern` or what it does (`do`) stands alone; one
that does not changes only the keys that it has, and a judgement replaces the judgement: `readings: [{name: dropped,
above: 5}]`.

Left out, and told by `--check`:

- what runs a command, where the service has no unit to run it in;
- files (logs, configuration), where the product may be on another machine than the watcher: where the address is no
  loopback one and there is no unit, and with `runtime: {driver: docker}`, whose logs come from the containers. `with`
  says where they can be read here;
- what rests on a setting that is `null`.

## To add one

A file in `systems/profiles/`, `NAME.yaml`, and `python -m systems.profiles.describing > docs/profiles.md`. No Python
is touched; the tests of `tests/systems/profiles/test_contract.py` take it from there. Try it against the real
product, and add a test that does.

```yaml
title: Mailer
also: [postman]                       # other names of it
kind: mailer
about: What has to be so that all of it can be read.
address: {schemes: {http: 80}, example: "mail.internal:80"}     # by scheme its port; the first is meant
settings:
  stats: {default: "${url}/stats", says: where its page of numbers is}
rated:                                # optional: how risky calls of it are that no table can know; `*` is one word
  - {exec: [mailer, --check, "*"], risk: low, because: it reads the configuration and changes nothing}
service:                              # what would stand in a manifest
  tcp: "${address}"
  readings:
    - name: backlog
      title: "{service} has {value} mails to send"
      http: "${stats}"
      find: 'queue (\\d+)'
      class: flow
      above: 1000
      mend: "mailer.conf needs `stats: on`"
```

- `${...}` is filled by the address (`address`: host:port, `url`, `host`, `port`) and by the settings; one that is all
  of a text keeps its type, and a list in a list is its items. `{...}` are the blanks of readings and actions, as
  always.
- [declared.md](declared.md) and [declared-actions.md](declared-actions.md) have the keys. `find`, `minus`,
  `percent_of`, `rate` and `absent` make a figure of what a product tells as it is; `exits` makes the failure of a
  test an answer.
- A reading that the portal has for every service of the kind (connections of a Postgres, evictions of a Redis), and a
  word that is in `incidents/signals/catalogue/words.yaml`, is not said again.
- An action of a name that two profiles share is one action with two targets: `params`, `risk` and whether it has an
  `undo` must agree.
- `rated` is the portal's own word for a call, instead of the [floors](declared-actions.md#risk); it holds for exactly
  that call, without a blank in it.
"""


def page() -> str:
    """The whole page, in Markdown."""
    lines = [HEAD]
    for profile in named().values():
        lines += _profile(profile)
    return "\n".join(lines).rstrip() + "\n"


def _profile(profile: Profile) -> Iterator[str]:
    names = " or ".join(f"`{name}`" for name in (profile.name, *profile.also))
    rest = ", ".join(f"`{key}`" for key in profile.service if key not in NAMED)
    yield f"## {profile.title}"
    yield ""
    yield f"`profile:` {names}; kind `{profile.kind}`; `address: {profile.address.example}`. {profile.about}"
    yield ""
    yield f"It fills {rest}."
    yield from _table("setting", "", ((n, _default(s.default), s.says) for n, s in profile.settings.items()))
    yield from _table("reading", "class", map(_reading, profile.service.get("readings", [])))
    yield from _table(
        "word", "class", ((w["name"], w["class"], _told(w)) for w in profile.service.get("words", []))
    )
    yield from _table(
        "action", "risk", ((a["name"], a["risk"], a["title"]) for a in profile.service.get("actions", []))
    )
    yield ""


def _table(head: str, second: str, rows: Any) -> Iterator[str]:
    second = second or "default"
    last = {"setting": "what it is", "reading": "what it tells", "word": "what it is a sign of"}.get(
        head, "what it does"
    )
    yield from ("", f"| {head} | {second} | {last} |", "|---|---|---|")
    for name, between, words in rows:
        yield f"| `{name}` | {between} | {words} |"


def _reading(reading: dict[str, Any]) -> tuple[str, str, str]:
    limits = [
        f"{key.replace('_', ' ')} {_short(reading[key])}"
        for key in ("above", "below", "is", "is_not")
        if key in reading
    ]
    limits += [f"far {reading['baseline']} what is usual"] if "baseline" in reading else []
    judged = f" (wrong: {limits[0]})" if limits else " (recorded)"
    return reading["name"], reading.get("class", "own"), f"{_told(reading)}{judged}"


def _told(item: dict[str, Any]) -> str:
    return str(item.get("title", item["name"])).replace("|", "\\|")


def _short(value: Any) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _default(value: Any) -> str:
    many = value if isinstance(value, list) else [] if value is None else [value]
    return ", ".join(f"`{one}`" for one in many)


if __name__ == "__main__":
    print(page(), end="")
