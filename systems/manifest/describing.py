"""The manifest as a page for people (docs/manifest.md) and as a JSON Schema for editors (docs/manifest.schema.json),
made from the models: `python -m systems.manifest.describing`, and with `--schema`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from systems.manifest.kinds import KINDS, RULE
from systems.manifest.types import Manifest
from systems.manifest.web import Asked

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
HEAD = """# The manifest

A manifest says of one running system what there is and where it answers. It is a YAML file of your own, and all that
the portal knows of the system: nothing is added to your services. Write the few lines that you need, then

    ./ops register path/to/manifest.yaml --check    # registers nothing; says what cannot be reached, and what to mend
    ./ops register path/to/manifest.yaml

A mistake is answered with its line, and with the word that was probably meant. This page is made from the code
(`python -m systems.manifest.describing > docs/manifest.md`), and so is the JSON Schema that lets an editor complete and
check what you write (`./ops register --schema > manifest.schema.json`, or `docs/manifest.schema.json`). The first line
of the example tells it to most editors.

```yaml
# yaml-language-server: $schema=manifest.schema.json
system: orders
runtime: {driver: none}                     # only watched; `process` and `docker` can be driven, too
secrets: secrets.env                        # KEY=VALUE; used below as ${KEY}
ca: etc/our-ca.pem                          # only where your certificates are of an authority of your own
services:
  web:
    kind: proxy
    depends_on: [api]
    http: {url: "https://orders.example/healthz", expect: 2xx}
  api:
    kind: http
    depends_on: [db, mail]
    http: {url: "https://[fd00::10]:8443/healthz", bearer: "${TOKEN}"}
    metrics: "http://api.internal:9000/metrics"
    logs: [{file: "/var/log/orders/*.log"}]
  db: {kind: postgres, postgres: {dsn: "postgresql://prober:${DB_PASSWORD}@db.internal:5432/orders"}}
  mail: {kind: external, tcp: "smtp.example:25"}
journeys:
  - name: see their orders                  # named after "customers cannot ..."
    steps:
      - {get: "https://orders.example/login", expect: [200, 303]}
      - {get: "https://orders.example/orders", contains: "Your orders"}
```

- **Secrets** stand in the file that `secrets` names, or in the environment, and are written `${NAME}` wherever they are
  needed. Values are never shown: not in texts, not in logs, not in the message that tells of a mistake.
- **Addresses** may be names, IPv4 or IPv6; an IPv6 address stands in brackets: `[::1]:8080`, `http://[::1]:8080/`.
- **https**: certificates are checked against what the machine knows, and against `ca` beside it. `insecure: true` at an
  address switches that off for it alone. How many days a certificate lasts is counted of every https address.
- **Readings, words and actions of your own** have pages with examples: [declared.md](declared.md) and
  [declared-actions.md](declared-actions.md).
- **Known products**, such as nginx and PostgreSQL, bring theirs: `profile: nginx` and an `address` are all that is
  written ([profiles.md](profiles.md)).
- **Paths** are relative to the folder of the manifest.
"""
WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
}


class _Plain(GenerateJsonSchema):
    """Without the titles that are only the keys once more."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema() -> Schema:
    """The JSON Schema of a manifest as it is written."""
    made = Manifest.model_json_schema(schema_generator=_Plain)
    for part in made.get("$defs", {}).values():  # their titles are the names of the sections once more
        part.pop("title", None)
    service = made["$defs"]["Service"]  # its kind is said by its profile where it has one
    service["required"] = [key for key in service["required"] if key != "kind"]
    service["anyOf"] = [{"required": ["kind"]}, {"required": ["profile"]}]
    made["$schema"], made["title"] = DIALECT, "Manifest of a system under care"
    return made


def schema_text() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def page() -> str:
    """The whole page, in Markdown."""
    found = schema()
    lines = [HEAD, "## At the top", "", *_table(found, found)]
    lines += ["", "## Kinds", "", f"{RULE}", "", "| kind | what it is |", "|---|---|"]
    lines += [f"| `{kind}` | {what} |" for kind, what in KINDS.items()]
    for name, where in _sections(found).items():
        part = found["$defs"][name]
        at = ", ".join(f"`{place}`" for place in where)
        lines += [
            "",
            f"## {name}",
            "",
            f"At {at}. {_one_line(part.get('description', ''))}",
            "",
            *_table(found, part),
        ]
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _table(found: Schema, part: Schema) -> Iterator[str]:
    """A row for each key of a section; what many sections have comes last."""
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    needed = part.get("required", [])
    either = [key for one in part.get("anyOf", []) for key in one.get("required", [])]
    for key, spec in sorted(
        part.get("properties", {}).items(), key=lambda item: item[0] in Asked.model_fields
    ):
        default = "**needed**" if key in needed else _default(spec)
        if key in either:
            default = f"**needed**, or {' or '.join(f'`{other}`' for other in either if other != key)}"
        yield f"| `{key}` | {_cell(_words(spec))} | {default} | {_cell(_one_line(_meaning(found, spec)))} |"


def _meaning(found: Schema, spec: Schema) -> str:
    """Its own words, or the first sentence of the section that stands there."""
    if "description" in spec:
        return str(spec["description"])
    name = next(iter(_refs(spec)), "")
    return re.split(r"(?<=\.) ", _one_line(found["$defs"][name].get("description", "")))[0] if name else ""


def _default(spec: Schema) -> str:
    value = spec.get("default")
    if value is None or value in ([], {}, ""):
        return ""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return f"`{json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value}`"


def _words(spec: Schema) -> str:
    """What may stand there: `text`, `list of LogSpec`, `200 or 2xx`."""
    if "$ref" in spec:
        name = spec["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in spec or "const" in spec:
        return ", ".join(f"`{value}`" for value in spec.get("enum", [spec.get("const")]))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in spec:
            told = dict.fromkeys(_words(one) for one in spec[several] if one.get("type") != "null")
            return " or ".join(told)
    if "title" in spec:
        return str(spec["title"])
    if spec.get("type") == "array":
        return f"list of {_words(spec.get('items', {}))}"
    if spec.get("type") == "object":
        values = [*spec.get("patternProperties", {}).values(), spec.get("additionalProperties")]
        return f"map of {next((_words(v) for v in values if isinstance(v, dict)), 'anything')}"
    return WORDS.get(str(spec.get("type")), "anything")


def _sections(found: Schema) -> dict[str, list[str]]:
    """The sections in the order in which they are met from the top, and where each stands: `services.NAME.http`."""
    met: dict[str, list[str]] = {}
    todo: list[tuple[str, Schema]] = [("", found)]
    while todo:
        at, part = todo.pop(0)
        for key, spec in part.get("properties", {}).items():
            for name in _refs(spec):
                place = f"{at}{key}" + (".NAME" if "additionalProperties" in spec else "")
                if name not in met:
                    todo.append((f"{place}.", found["$defs"][name]))
                met.setdefault(name, []).append(place)
    return met


def _refs(item: Any) -> Iterator[str]:
    """The sections that may stand there."""
    if isinstance(item, list):
        for one in item:
            yield from _refs(one)
    elif isinstance(item, dict):
        if "$ref" in item:
            yield item["$ref"].rpartition("/")[2]
        for one in item.values():
            yield from _refs(one)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(schema_text() if "--schema" in sys.argv else page(), end="")
