"""Changes: commits, deploys, feature flags, settings, as lists or one by one, and `git log` as text."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from incidents.foreign import names, times
from incidents.foreign.facts import Facts, Told
from incidents.foreign.shapes.base import Context, Record, Shape, any_of, first, tags, text, when

TIMES = ("timestamp", "time", "at", "date", "deployed_at", "deployedAt", "committed_at", "committed_date",
"author_date", "authored_date",
         "commit.committer.date", "commit.author.date", "author.date", "committer.date", "finished_at",
         "completed_at", "merged_at",
         "mergedAt", "changed_at", "updated_at", "updatedAt", "started_at", "startedAt", "created_at",
         "createdAt", "start_time", "ts",
         "eventTime", "applied_at", "when", "effective_at", "datetime", "syncedAt", "creationDate")  # fmt: skip
SHA = (
    "sha",
    "commit_sha",
    "commit_hash",
    "hash",
    "commit_id",
    "oid",
    "commit",
    "revision",
    "git_sha",
    "abbreviated_commit",
)
ID = (
    "id",
    "deployment_id",
    "deploy_id",
    "change_id",
    "event_id",
    "_id",
    "uuid",
    "number",
    "pr",
    "key",
    "build_id",
    "release_id",
)
_HEX = re.compile(r"^[0-9a-f]{7,64}$")
_IN_KEYS = re.compile(
    r"commit|deploy|release|change|flag|rollout|config_?history|git|ci|pull_?request|maintenance|audit", re.I
)
_FLAG = ("flag", "flag_key", "flagKey", "feature", "feature_flag", "flag_name", "toggle")
_KINDS = (("flag", r"flag|toggle|feature|experiment"), ("commit", r"commit|merge|pull|push"), ("deploy",
r"deploy|release|rollout|sync|image"),
          ("config", r"config|setting|env|parameter|variable|secret"), ("schema", r"migration|schema|ddl"),
          ("maintenance", r"maintenance|patch|upgrade|reboot"), ("limit", r"scal|limit|quota|replica"))  # fmt: skip


def _hash(record: Record) -> str:
    for key in SHA:
        value = first(record, key)
        if isinstance(value, str) and _HEX.match(value.strip()):
            return value.strip()
    return ""


def _is_commit(record: Record, context: Context) -> bool:
    said = first(record, "message", "subject", "title", "commit.message", "msg", "summary", "commit_message")
    return (
        bool(_hash(record))
        and said is not None
        and not any_of(record, ("trace_id", "traceId", "spans", "severity_text", "level", "labels"))
    )


def _is_change(record: Record, context: Context) -> bool:
    """A flag, deploy or setting that changed: it has a time, and says so itself or by where it stands."""
    if (
        any_of(record, ("span_id", "spanId", "overall_state", "query", "severity", "annotations", "values"))
        or when(record, *TIMES) is None
    ):
        return False
    placed = any(_IN_KEYS.search(k) for k in (*context.keys, context.file.rsplit("/", 1)[-1]))
    if any_of(
        record,
        (
            *_FLAG,
            "deployment_id",
            "deploy_id",
            "deployed_at",
            "change_id",
            "change_type",
            "rollout_id",
            "release_id",
        ),
    ):
        return True
    if any_of(record, ("version", "image", "tag", "new_version", "release")) and any_of(
        record, ("service", "component", "app", "deployment", "name")
    ):
        return placed or "message" not in record
    if any_of(
        record,
        ("before", "after", "old", "new", "old_value", "new_value", "from", "to", "previous", "current"),
    ) and _what(record):
        return True
    return placed and (
        bool(_what(record)) or first(record, "description", "title", "message", "summary") is not None
    )


def _what(record: Record) -> str:
    return text(
        record,
        *_FLAG,
        "key",
        "setting",
        "parameter",
        "path",
        "variable",
        "config",
        "name",
        "what",
        "resource",
        "field",
    )


def _change(record: Record, context: Context, facts: Facts) -> None:
    at = when(record, *TIMES)
    if at is None:
        at = when(context.around, *TIMES)
    if at is None:
        return
    sha = _hash(record)
    said = text(
        record,
        "message",
        "subject",
        "title",
        "commit.message",
        "description",
        "summary",
        "msg",
        "commit_message",
        "notes",
        "words",
    )
    labels = {k: v for k, v in record.items() if isinstance(v, str)}
    component = text(record, "service", "component", "app", "application", "service_name", "workload",
    "deployment.name", "repo", "repository.name",
                     "repository", "project", "target", "cmdb_id",
                     "object.name") or names.of_labels(tags(record.get("labels")))  # fmt: skip
    component = component or text(
        context.around, "service", "component", "app", "repo", "repository", "project"
    )
    before, after = (text(record, *keys) for keys in (
        ("before", "old", "old_value", "from", "previous", "previous_version", "from_version", "prev",
        "previous_image"),
        ("after", "new", "new_value", "to", "current", "version", "new_version", "to_version", "image", "tag",
        "value", "enabled", "state"),
    ))  # fmt: skip
    kind = _kind(record, context, sha)
    what = _what(record)
    facts.add(facts.changes, Told(
        id=(sha if kind == "commit" else "") or text(record, *ID) or sha or _made(component, what, at),
        kind=kind, component=component, what=what or component, words=_words(kind, component, what, said, before,
        after),
        at=at, before=before or None, after=after or None,
        actor=text(record, "author", "author.name", "user", "actor", "by", "commit.author.name", "changed_by",
        "deployed_by")[:80] if labels else "",
        files=_files(record),
    ))  # fmt: skip


def _kind(record: Record, context: Context, sha: str) -> str:
    told = text(record, "kind", "type", "change_type", "event_type", "category", "event")
    places = [
        told,
        " ".join(k for k in record if isinstance(k, str)),
        " ".join(context.keys[-2:]),
        context.file.rsplit("/", 1)[-1],
    ]
    if any_of(record, _FLAG):
        return "flag"
    if (
        sha
        and not any_of(
            record, ("deployed_at", "environment", "deployment_id", "deploy_id", "status", "version", "image")
        )
        and not told
    ):
        return "commit"
    for place in places:
        for kind, pattern in _KINDS:
            if place and re.search(pattern, place, re.I):
                return kind
    return "commit" if sha else "config"


def _made(component: str, what: str, at: float) -> str:
    """An id for a change that has none in its file: the same each time."""
    return hashlib.sha256(f"{component}|{what}|{at}".encode()).hexdigest()[:12]


def _words(kind: str, component: str, what: str, said: str, before: str, after: str) -> str:
    head = f"{kind} {what}".strip() + (f" of {component}" if component and component != what else "")
    if before or after:
        head += f" from {before or 'nothing'} to {after or 'nothing'}"[:200]
    return (head + (f": {said.splitlines()[0][:200]}" if said else ""))[:500]


def _files(record: Record) -> tuple[str, ...]:
    found = first(record, "files", "changed_files", "paths", "modified", "files_changed", "diff.files")
    items = found if isinstance(found, list) else list(found) if isinstance(found, Mapping) else []
    rows = [text(i, "filename", "path", "file", "name") if isinstance(i, Mapping) else str(i) for i in items]
    return tuple(r[:200] for r in rows[:200] if r)


COMMIT = re.compile(r"^commit ([0-9a-f]{7,40})\b")
ONELINE = re.compile(r"^\*?\s*([0-9a-f]{7,40})[ \t|]+(.*)$")


def looks_like(head: str) -> bool:
    """Whether the text is what `git log` writes, in full or with a line and a time each."""
    rows = [r for r in head.splitlines()[:40] if r.strip()]
    if not rows:
        return False
    if COMMIT.match(rows[0]):
        return any(r.startswith(("Author:", "Date:")) for r in rows[1:6])
    return len(rows) > 0 and all(ONELINE.match(r) and _dated(r) for r in rows[:5])


def _dated(row: str) -> float | None:
    found = re.search(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?: ?(?:Z|[+-]\d\d:?\d\d))?|\b1\d{9}\b", row)
    return times.parse(found[0]) if found else None


def read_log(lines: Iterable[str], facts: Facts) -> str:
    open_: dict[str, Any] = {}
    for line in lines:
        if found := COMMIT.match(line):
            _close(open_, facts)
            open_ = {"sha": found[1], "message": [], "files": []}
        elif open_ and line.startswith(("Date:", "AuthorDate:", "CommitDate:")):
            open_["date"] = line.partition(":")[2].strip()
        elif open_ and line.startswith("Author:"):
            open_["author"] = line.partition(":")[2].partition("<")[0].strip()
        elif open_ and line.startswith("    ") and line.strip():
            open_["message"].append(line.strip())
        elif open_ and (
            path := re.match(
                r"^(?:[AMDR]\d*\t|\d+\t\d+\t| )?([\w./@+-]+/[\w./@+-]+|[\w@+-]+\.\w{1,8})(?:\s+\|.*)?\s*$",
                line,
            )
        ):
            open_["files"].append(path[1])
        elif not open_ and (row := ONELINE.match(line)) and (at := _dated(line)) is not None:
            _close({"sha": row[1], "message": [row[2]], "files": [], "date": at}, facts)
    _close(open_, facts)
    return "git log"


def _close(found: dict[str, Any], facts: Facts) -> None:
    at = times.parse(found.get("date")) if found else None
    if found and at is not None:
        said = " ".join(found["message"])
        facts.add(facts.changes, Told(
            found["sha"], "commit", "", said[:120], f"commit {found['sha'][:10]}: {said[:300]}", at,
            actor=found.get("author", ""), files=tuple(found["files"][:200]),
        ))  # fmt: skip


SHAPES = (
    Shape("commits", _is_commit, _change),
    Shape("changes", _is_change, _change),
)
