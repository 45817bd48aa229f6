"""Every signal there is, from the files of `catalogue/`. To add one: its entry in the file of its area, nothing else; a
new area is a name here. What people add in the browser is in `CATALOG`, too, and nowhere else (`added.py`)."""

from incidents.signals import declared, entries, words
from incidents.signals.added import Catalogue
from incidents.signals.base import Signal

_AREAS = (
    *("units", "http", "postgres", "redis", "logs", "words", "config", "journeys", "links", "certificates"),
    *("metrics", "host", "checks"),
)


def _of(area: str) -> list[Signal]:
    return words.SIGNALS if area == "words" else list(entries.read(entries.FOLDER / f"{area}.yaml"))


_ALL: list[Signal] = [signal for area in _AREAS for signal in _of(area)] + declared.SIGNALS

CATALOG = Catalogue({signal.id: signal for signal in _ALL})
assert len(CATALOG) == len(_ALL), "two signals have the same id"

# signal -> the check in systems.checks that answers it
RUNS = {s.id: s.metric.removeprefix("check.") for s in _ALL if s.source == "check"}
