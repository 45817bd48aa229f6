"""The signals of catalogue/words.yaml: what parts say in their logs. To add one, or a pattern: there, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from incidents.signals.base import ALWAYS, Hold, Severity, Signal
from incidents.signals.detectors import LogMatch
from incidents.signals.entries import FOLDER, TIMING
from systems import yamlsafe

FILE = FOLDER / "words.yaml"


@dataclass(frozen=True, slots=True)
class Spec:
    """One entry of words.yaml. `calm`: patterns that count at information level, too."""

    id: str
    title: str
    category: str
    patterns: tuple[str, ...]
    calm: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    times: int = 1
    window_s: float = 8.0
    opens: bool = False
    severity: Severity = "medium"
    outright: bool = False
    outlives_restart: bool = False
    timing: str | None = None
    moved_by: tuple[str, ...] = ()
    by_name: str = ""
    tried_by: str = ""
    tried_texts: str = ALWAYS

    def signal(self) -> Signal:
        """As an entry of the catalogue."""
        return Signal(
            self.id,
            self.title,
            "log.template",
            LogMatch(self.times, self.window_s),
            self.category,
            klass="words",
            source="log",
            severity=self.severity,
            clear=Hold(1),
            opens=self.opens,
            settle=True,
            trust=0.75,
            outright=self.outright,
            outlives_restart=self.outlives_restart,
            timing=self.timing,
            moved_by=self.moved_by,
            by_name=self.by_name,
            tried_by=self.tried_by,
            tried_texts=self.tried_texts,
        )


_KNOWN = frozenset(f.name for f in fields(Spec))


def spec_of(entry: Mapping[str, Any]) -> Spec:
    """ValueError: the entry has something that no entry has, or lacks something."""
    if unknown := entry.keys() - _KNOWN:
        raise ValueError(f"words.yaml, {entry.get('id')}: there is no field {', '.join(sorted(unknown))}")
    given = dict(entry)
    for name in ("patterns", "calm", "but", "moved_by"):
        given[name] = tuple(given.get(name, ()))
    if "timing" in given:
        given["timing"] = TIMING.get(given["timing"], given["timing"])
    try:
        return Spec(**given)
    except TypeError as error:
        raise ValueError(f"words.yaml, {entry.get('id')}: {error}") from None


@lru_cache(maxsize=1)
def specs() -> tuple[Spec, ...]:
    """All entries, in their order."""
    return tuple(spec_of(entry) for entry in yamlsafe.load(FILE.read_text()))


SIGNALS = [spec.signal() for spec in specs()]
