"""Proof that the audit log is whole: the walk along the chain, and the signed anchors outside the database."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from actions.audit import GENESIS, digest
from actions.models import AuditEntry

ANCHOR_EVERY_S = 60.0
MAX_PROBLEMS = 50


@dataclass(slots=True)
class Report:
    """`anchored`: the newest row the anchors vouch for."""

    rows: int = 0
    head: int = 0
    anchored: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    def add(self, text: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)


def _folder() -> Path:
    folder = Path(settings.OPSPORTAL_DATA) / "audit"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def anchor_file() -> Path:
    return _folder() / "anchors.jsonl"


def _key() -> bytes:
    path = _folder() / "key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(32))
        file.flush()
        os.fsync(file.fileno())
    return path.read_bytes()


def _sign(seq: int, row_hash: str, at: float) -> str:
    return hmac.new(_key(), f"{seq}|{row_hash}|{at:.3f}".encode(), hashlib.sha256).hexdigest()


def export_anchor(*, force: bool = False) -> dict[str, Any] | None:
    """Sign the head and append it to the anchor file; None when it is anchored already, or was less than a minute
    ago (`force` anchors at once)."""
    head = AuditEntry.objects.order_by("-seq").values_list("seq", "hash").first()
    if head is None:
        return None
    with anchor_file().open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        last = _last(file.read())
        now = time.time()
        if last is not None and (last["seq"] >= head[0] or (not force and now - last["at"] < ANCHOR_EVERY_S)):
            return None
        at = round(now, 3)
        anchor = {"seq": head[0], "hash": head[1], "at": at, "hmac": _sign(head[0], head[1], at)}
        file.write(json.dumps(anchor) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return anchor


def _last(text: str) -> dict[str, Any] | None:
    lines = text.splitlines()
    try:
        found: dict[str, Any] | None = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return found


def verify(*, on_rows: Callable[[int], object] | None = None, every: int = 1000) -> Report:
    """Walk the whole chain and compare it with every anchor. `on_rows` hears how far it is, each `every` rows."""
    report = Report()
    anchors = _anchors(report)
    previous, expected = GENESIS, 1
    for entry in AuditEntry.objects.order_by("seq").iterator(chunk_size=1000):
        report.rows += 1
        report.head = entry.seq
        if entry.seq != expected:
            gap = (
                f"rows {expected} to {entry.seq - 1} are missing"
                if entry.seq > expected
                else "a number is used twice"
            )
            report.add(f"before row {entry.seq}: {gap}")
        if entry.prev_hash != previous:
            report.add(f"row {entry.seq} does not follow the row before it")
        if not hmac.compare_digest(entry.hash, digest(entry)):
            report.add(f"row {entry.seq} was changed")
        anchored = anchors.pop(entry.seq, None)
        if anchored is not None and anchored != entry.hash:
            report.add(f"row {entry.seq} is not the one that was anchored")
        previous, expected = entry.hash, entry.seq + 1
        if on_rows is not None and report.rows % every == 0:
            on_rows(report.rows)
    for seq in sorted(anchors):
        report.add(f"row {seq} was anchored and is gone")
    return report


def _anchors(report: Report) -> dict[int, str]:
    """seq -> hash of the anchors whose signature holds; the others are problems."""
    found: dict[int, str] = {}
    try:
        lines = anchor_file().read_text().splitlines()
    except FileNotFoundError:
        return found
    for number, line in enumerate(lines, 1):
        try:
            item = json.loads(line)
            seq, row_hash, at = int(item["seq"]), str(item["hash"]), float(item["at"])
            genuine = hmac.compare_digest(str(item["hmac"]), _sign(seq, row_hash, at))
        except (ValueError, KeyError, TypeError):
            genuine = False
        if not genuine:
            report.add(f"{anchor_file().name}:{number}: the anchor's signature does not hold")
            continue
        found[seq] = row_hash
        report.anchored = max(report.anchored, seq)
    return found
