"""Asks one declared reading, once."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from systems.declared import calls
from systems.declared.answers import NothingThere
from systems.declared.figuring import figured
from systems.declared.series import Series, series, value_of
from systems.manifest import Service
from systems.manifest.watched import ReadingSpec
from systems.readings import clean
from systems.services import LoadedSystem

MOST_LABELS = 30

log = logging.getLogger(__name__)


def ask(system: LoadedSystem, service: Service, spec: ReadingSpec) -> Series | str:
    """Ask once, blocking: what was answered, or why it is not known. Never raises."""
    try:
        return _asked(system, service, spec)
    except calls.CallFailed as error:
        return clean(str(error), 300)
    except Exception as error:  # of a library: one reading is no other's trouble
        log.warning("the reading %s of %s failed", spec.name, service.name, exc_info=True)
        return f"it cannot be asked ({type(error).__name__})"


def _asked(system: LoadedSystem, service: Service, spec: ReadingSpec) -> Series:
    try:
        found = series(figured(spec, calls.whole(system, service, spec)))
    except NothingThere:
        if spec.absent is None:
            raise
        found = {}
    return found if found or spec.absent is None else {"": value_of(spec.absent)}


def bounded(found: Series, known: Iterable[str]) -> Series:
    """At most so many labels, those known already before others: none goes because another came."""
    if len(found) <= MOST_LABELS:
        return found
    order = [*(label for label in known if label in found), *found]
    return {label: found[label] for label in list(dict.fromkeys(order))[:MOST_LABELS]}
