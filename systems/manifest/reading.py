"""Reads a manifest: YAML with line numbers, secrets filled in, checked as a whole.

Every problem is reported at once, as `manifest.yaml:14: services.web.kind: what to mend`. Values are never quoted,
because a secret may already stand in them.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from systems import profiles, yamlsafe
from systems.envfile import EnvFileError, read_env_file
from systems.manifest import checks
from systems.manifest.types import Manifest, Service

__all__ = ["Manifest", "ManifestError", "Service", "load_manifest", "parse_manifest"]

Path_ = tuple[str | int, ...]
_SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_MAX_BYTES = 1_000_000


class ManifestError(ValueError):
    """The manifest cannot be used. `problems`: one line each, with file and line number."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Source:
    """A parsed YAML text: plain data plus the line of every key and item."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Path_, int] = {(): 1}
        self.problems: list[str] = []
        self.told: set[Path_] = set()

    def where(self, path: Path_) -> int:
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]

    def problem(self, path: Path_, message: str) -> None:
        self.told.add(path)
        dotted = ".".join(str(part) for part in path)
        self.problems.append(f"{self.name}:{self.where(path)}: {dotted + ': ' if dotted else ''}{message}")

    def raise_if_any(self) -> None:
        if self.problems:
            raise ManifestError(self.problems)


RuntimeCheck = Callable[[dict[str, Any], Path], str]  # options and folder -> what is wrong, "" when nothing


def load_manifest(path: Path) -> Manifest:
    """Read and check the manifest at `path`. ManifestError says what to mend, with line numbers."""
    return parse_manifest(read_manifest(path), name=path.name, base_dir=path.parent)


def read_manifest(path: Path) -> str:
    """The text of the manifest at `path`; ManifestError when it is no text, or too much."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ManifestError([f"{path}: cannot be read: {error.strerror or error}"]) from error
    if len(raw) > _MAX_BYTES:
        raise ManifestError(
            [f"{path.name}:1: larger than {_MAX_BYTES // 1_000_000} MB, this is not a manifest"]
        )
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ManifestError(
            [f"{path.name}:{line}: not UTF-8 (byte {error.start}); save the file as UTF-8"]
        ) from None


def parse_manifest(
    text: str,
    *,
    name: str = "manifest.yaml",
    base_dir: Path = Path(),
    runtime_check: RuntimeCheck | None = None,
    in_use: bool = False,
) -> Manifest:
    """As `load_manifest`, from text. `base_dir` is where the secrets file is looked for. `runtime_check`: it is to be
    activated. `in_use`: it was accepted before, and what only a person who writes one is told is no trouble."""
    source = _Source(name)
    data = _read_yaml(text, source)
    if not isinstance(data, dict):
        raise ManifestError(
            [f"{name}:1: the manifest must be a mapping with the keys system, runtime and services"]
        )
    _fill_secrets(data, source, base_dir)
    _fill_names(data, source)
    for at, words in profiles.fill_in(data):
        source.problem(at, words)
    if runtime_check and (trouble := runtime_check(data.get("runtime") or {}, base_dir)):
        source.problem(("runtime",), trouble)
    try:
        manifest = Manifest.model_validate(data)
    except ValidationError as error:
        for item in error.errors(include_input=False, include_url=False):
            path = tuple(item["loc"])
            if path not in source.told:
                source.problem(path, _plain(item["type"], item["msg"], path))
        raise ManifestError(source.problems) from None
    _check_references(manifest, source)
    for path, words in (*checks.troubles(manifest), *(() if in_use else checks.slips(manifest))):
        source.problem(path, words)
    if runtime_check:
        for path, words in checks.activating(manifest):
            source.problem(path, words)
    source.raise_if_any()
    return manifest


def _read_yaml(text: str, source: _Source) -> Any:
    try:
        node, data = yamlsafe.read(text, words=True)
    except yamlsafe.Refused as error:
        raise ManifestError([f"{source.name}:{error.line}: {error}"]) from None
    if node is not None:
        _note_lines(node, (), source)
    return data


def _note_lines(node: yaml.Node, path: Path_, source: _Source) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            below = (*path, name)
            if name in seen:
                source.lines[below] = key.start_mark.line + 1
                source.problem(below, "this key stands here twice")
            seen.add(name)
            source.lines[below] = key.start_mark.line + 1
            _note_lines(value, below, source)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            source.lines[(*path, index)] = value.start_mark.line + 1
            _note_lines(value, (*path, index), source)


def _fill_secrets(data: dict[Any, Any], source: _Source, base_dir: Path) -> None:
    values: dict[str, str] = dict(os.environ)
    secrets = data.get("secrets")
    if isinstance(secrets, str):
        try:
            values |= read_env_file(base_dir / secrets)
        except (OSError, EnvFileError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            source.problem(("secrets",), f"{secrets}: {reason}")
            return
    _interpolate(data, (), values, source)


def _interpolate(item: Any, path: Path_, values: Mapping[str, str], source: _Source) -> Any:
    """Replace ${NAME} in all strings below `item`, in place for containers; returns the new value of a string."""
    if isinstance(item, dict):
        for key, value in item.items():
            item[key] = _interpolate(value, (*path, str(key)), values, source)
    elif isinstance(item, list):
        for index, value in enumerate(item):
            item[index] = _interpolate(value, (*path, index), values, source)
    elif isinstance(item, str):
        for name in _SECRET.findall(item):
            if name not in values:
                source.problem(path, f"${{{name}}} is neither in the secrets file nor in the environment")
        return _SECRET.sub(lambda match: values.get(match[1], ""), item)
    return item


def _fill_names(data: dict[Any, Any], source: _Source) -> None:
    services, runtime = data.get("services"), data.get("runtime")
    if not isinstance(services, dict):
        return
    watched = isinstance(runtime, dict) and runtime.get("driver") == "none"
    for name, spec in services.items():
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", name):
            source.problem(
                ("services", str(name)), "a service name is letters, digits, dot, dash and underscore"
            )
        elif isinstance(spec, dict):
            if spec.get("name", name) != name:
                source.problem(("services", name, "name"), "must be the same as the key, or left out")
            spec["name"] = name
            spec.setdefault("unit", None if watched else name)
            if watched and spec["unit"] is not None:
                why = "the runtime's driver is none, so there are no units; leave it out"
                source.problem(("services", name, "unit"), why)


def _plain(kind: str, message: str, loc: Path_) -> str:
    if kind == "extra_forbidden":
        known = _known_keys(loc[:-1])
        close = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.6)
        return "unknown key" + (f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}")
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind == "missing":
        return "is missing"
    if kind == "string_pattern_mismatch":
        return f"does not look right ({message[0].lower()}{message[1:]})"
    return message[0].lower() + message[1:]


def _known_keys(loc: Path_) -> list[str]:
    """The keys allowed at `loc`, found by walking the models' annotations."""
    model: type[BaseModel] = Manifest
    for part in loc:
        found = None
        if isinstance(part, str) and (field := _field(model, part)) is not None:
            found = next(_models_in(field), None)
        model = found or model
    return sorted(f.alias or n for n, f in model.model_fields.items())


def _field(model: type[BaseModel], key: str) -> Any:
    for name, field in model.model_fields.items():
        if key in (name, field.alias):
            return field.annotation
    return None


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def _check_references(manifest: Manifest, source: _Source) -> None:
    """Every service named somewhere exists, and has what is expected of it there."""
    for path, name in _named_services(manifest):
        if name is not None and name not in manifest.services:
            close = difflib.get_close_matches(name, manifest.services, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            source.problem(path, f"there is no service {name!r}{hint}")
    written = {what for service in manifest.services.values() for what in service.writes}
    for name, service in manifest.services.items():
        for what in set(service.reads) - written:
            close = difflib.get_close_matches(what, written, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            source.problem(("services", name, "reads"), f"no service writes {what!r}{hint}")
    for i, journey in enumerate(manifest.journeys):
        for j, step in enumerate(journey.steps):
            if (step.get is None) == (step.post is None):
                source.problem(("journeys", i, "steps", j), "a step has exactly one of get and post")
    for i, rule in enumerate(manifest.consistency):
        target = manifest.services.get(rule.sql_service)
        if target is not None and target.postgres is None:
            source.problem(("consistency", i, "sql_service"), f"{rule.sql_service} has no postgres section")


def _named_services(manifest: Manifest) -> Iterator[tuple[Path_, str | None]]:
    for name, service in manifest.services.items():
        for key, value in _named_by(service):
            yield ("services", name, *key), value
    for i, link in enumerate(manifest.links):
        for end in ("service", "source", "target"):
            yield ("links", i, end), getattr(link, end)
    for i, journey in enumerate(manifest.journeys):
        yield ("journeys", i, "service"), journey.service
    for i, rule in enumerate(manifest.consistency):
        yield ("consistency", i, "service"), rule.service
        yield ("consistency", i, "sql_service"), rule.sql_service


def _named_by(service: Service) -> Iterator[tuple[Path_, str | None]]:
    for i, other in enumerate(service.depends_on):
        yield ("depends_on", i), other
    for i, credential in enumerate(service.credentials):
        for j, consumer in enumerate(credential.consumers):
            yield ("credentials", i, "consumers", j), consumer
    for i, queue in enumerate(service.redis.queues if service.redis else []):
        yield ("redis", "queues", i, "worker"), queue.worker
    for i, reading in enumerate(service.readings):
        yield ("readings", i, "on"), reading.on
    if service.fallback:
        for consumer in service.fallback.consumers:
            yield ("fallback", "consumer"), consumer
        yield ("fallback", "service"), service.fallback.service
    if service.migrations:
        yield ("migrations", "service"), service.migrations.service
