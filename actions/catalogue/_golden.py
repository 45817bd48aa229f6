"""What restore-config and regenerate-env share: put a golden copy in a file's place, keep the old one in the vault."""

from __future__ import annotations

import difflib
from typing import Any

from actions import effects, vault
from actions.base import ActionContext, ActionFailed, ActionRefused, ReadBack
from systems import yamlsafe

Pair = tuple[str, str, str]  # service, file, golden


def check(ctx: ActionContext, pairs: list[Pair]) -> None:
    if not pairs:
        raise ActionRefused(f"{ctx.target} has no golden copy in the manifest")
    for name, _, golden in pairs:
        if not ctx.system.path(golden).is_file():
            raise ActionRefused(f"the golden copy of {name} is missing: {golden}")


def prepare(ctx: ActionContext, pairs: list[Pair]) -> dict[str, Any]:
    old = {file: effects.read_or_none(ctx.system.path(file)) for _, file, _ in pairs}
    return {
        "vault": vault.put({"files": old}),
        "files": sorted(old),
        "pids": effects.pids(ctx, [p[0] for p in pairs]),
    }


def apply(ctx: ActionContext, pairs: list[Pair]) -> None:
    for name, file, golden in pairs:
        content = ctx.system.path(golden).read_bytes()
        ctx.guard()
        effects.write_whole(ctx.system.path(file), content)
        if ctx.system.path(file).read_bytes() != content:
            raise ActionFailed(f"the config of {name} was changed again while it was written")


def put_back(ctx: ActionContext, undo: dict[str, Any]) -> None:
    try:
        files = vault.get(str(undo["vault"]))["files"]
    except FileNotFoundError:
        raise ActionFailed("the copy of the old files is gone") from None
    effects.put_files(ctx, files)


def is_back(ctx: ActionContext, undo: dict[str, Any]) -> ReadBack:
    try:
        return "applied" if effects.has_files(ctx, vault.get(str(undo["vault"]))["files"]) else "not_applied"
    except FileNotFoundError:
        return "unknown"


def puts_back(ctx: ActionContext, pairs: list[Pair], undo: dict[str, Any]) -> list[str]:
    """How the files would change, for a preview."""
    try:
        old = vault.get(str(undo["vault"]))["files"]
    except FileNotFoundError:
        raise ActionRefused("the copy of the old files is gone") from None
    lines: list[str] = []
    for name, file, _ in pairs:
        now, then = effects.read_or_none(ctx.system.path(file)), old.get(file)
        if then is None:
            lines.append(f"{name}: the file was not there before, and is taken away")
        elif now == then:
            lines.append(f"{name}: the file is as it was before already")
        else:
            lines += text_changes(name, now, then)
    return lines


def lost_by_undo(ctx: ActionContext, pairs: list[Pair]) -> dict[str, int | None]:
    """What somebody has written since the golden copy was put there: the old file would go over it."""
    lines: list[str] = []
    for name, file, golden in pairs:
        now, put = effects.read_or_none(ctx.system.path(file)), ctx.system.path(golden).read_bytes()
        if now is not None and now != put:
            lines += text_changes(name, now, put)
    return {"later changes": len(lines)} if lines else {}


def known_bad(ctx: ActionContext, pairs: list[Pair], undo: dict[str, Any]) -> str | None:
    """The files before are those that were replaced because they were not as they should be."""
    try:
        old = vault.get(str(undo["vault"]))["files"]
    except FileNotFoundError:
        return "the copy of the old files is gone"
    bad = [n for n, file, golden in pairs if old.get(file) != effects.read_or_none(ctx.system.path(golden))]
    return (
        f"the file of {', '.join(bad)} was not the golden copy before: it would be wrong again"
        if bad
        else None
    )


def same(ctx: ActionContext, pairs: list[Pair]) -> bool:
    return all(
        effects.read_or_none(ctx.system.path(file)) == effects.read_or_none(ctx.system.path(golden))
        for _, file, golden in pairs
    )


def text_changes(name: str, old: bytes | None, new: bytes) -> list[str]:
    """A diff for people: dotted keys where both are YAML, else changed lines."""
    if old is None:
        return [f"{name}: the file is missing and is written anew"]
    if old == new:
        return [f"{name}: the file is the golden copy already"]
    try:
        before, after = yamlsafe.load(old.decode(), aliases=True), yamlsafe.load(new.decode(), aliases=True)
        if isinstance(before, dict) and isinstance(after, dict):
            return _dotted(name, flat(before), flat(after)) or [f"{name}: only comments or layout differ"]
    except (yamlsafe.Refused, UnicodeDecodeError):
        pass
    lines = difflib.unified_diff(
        old.decode(errors="replace").splitlines(),
        new.decode(errors="replace").splitlines(),
        "now",
        "golden",
        n=0,
        lineterm="",
    )
    return [f"{name}: {line}" for line in list(lines)[2:42]]


def flat(item: Any, prefix: str = "") -> dict[str, str]:
    """Nested mappings as dotted keys."""
    if not isinstance(item, dict):
        return {prefix: str(item)}
    found: dict[str, str] = {}
    for key, value in item.items():
        found |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def _dotted(name: str, before: dict[str, str], after: dict[str, str]) -> list[str]:
    keys = [k for k in {**before, **after} if before.get(k) != after.get(k)]
    return [f"{name}: {k}: {before.get(k, '(absent)')} -> {after.get(k, '(absent)')}" for k in keys[:40]]
