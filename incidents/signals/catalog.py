"""Every signal there is. To add one: its entry in the file of its area, nothing else; for a new area a line here.
What people add in the browser is in `CATALOG`, too, and nowhere else (`added.py`)."""

from incidents.signals import (
    certificates,
    checks,
    config,
    declared,
    host,
    http,
    journeys,
    links,
    logs,
    metrics,
    postgres,
    redis,
    units,
    words,
)
from incidents.signals.added import Catalogue
from incidents.signals.base import Signal

_AREAS: list[list[Signal]] = [
    units.SIGNALS,
    http.SIGNALS,
    postgres.SIGNALS,
    redis.SIGNALS,
    logs.SIGNALS,
    words.SIGNALS,
    config.SIGNALS,
    journeys.SIGNALS,
    links.SIGNALS,
    certificates.SIGNALS,
    metrics.SIGNALS,
    host.SIGNALS,
    checks.SIGNALS,
    declared.SIGNALS,
]

CATALOG = Catalogue({signal.id: signal for area in _AREAS for signal in area})
assert len(CATALOG) == sum(map(len, _AREAS)), "two signals have the same id"
