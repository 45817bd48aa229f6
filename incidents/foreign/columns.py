"""Names that hold a component and a metric (`cart_cpu`), taken apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from incidents.foreign import kinds


def split_columns(header: Sequence[str]) -> dict[str, tuple[str, str]]:
    """(component, metric) of each column `<component>_<metric>`. Where a name may be split in several places, the place
    whose two halves occur with the most others wins; a whole name that is only a metric has no component."""
    ways: dict[str, list[tuple[str, str]]] = {h: _ways(h) for h in header}
    before = Counter(a for found in ways.values() for a, _ in found)
    after = Counter(b for found in ways.values() for _, b in found)
    out = {}
    for name, found in ways.items():
        best = max(
            found,
            key=lambda w: (
                _is_metric(w[1]) and not is_metric_only(w[0]),
                before[w[0]] * after[w[1]],
                len(w[1]),
            ),
            default=("", name),
        )
        alone = before[best[0]] <= 1 and after[best[1]] <= 1 and is_metric_only(best[0])
        out[name] = ("", name) if alone else best
    return out


def _ways(name: str) -> list[tuple[str, str]]:
    """Every place where a name may be split."""
    for separator in ("::", "|", " ", "/", "."):
        if separator in name.strip():
            places = [m.start() for m in re.finditer(re.escape(separator), name)][:12]
            found = [(name[:p].strip(), name[p + len(separator) :].strip()) for p in places]
            found = [(a, b) for a, b in found if a and b]
            if found and separator != ".":
                return found
            if found:
                return found + [(name[: m.start()], name[m.end() :]) for m in re.finditer("_", name)][:12]
    found = [(name[: m.start()], name[m.end() :]) for m in re.finditer("_", name)][:12]
    return [(a, b) for a, b in found if a and b]


def _is_metric(text: str) -> bool:
    return kinds.measure(text).kind != "other"


def is_metric_only(text: str) -> bool:
    """Whether a would-be component is rather a word of measures (`cpu`, `http_request`)."""
    return all(kinds.measure(word).kind != "other" for word in kinds.words(text)) if text else True
