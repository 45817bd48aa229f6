"""Shared by the faults whose cause is a bad line in a service's configuration."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from chaos.faults.base import Fault, Part, Undo
from chaos.site import Site

Edit = tuple[str, str, Any]  # (unit, dotted key, value)


class ConfigFault(Fault):
    """Nothing but some values in the configuration of some units, read by them as after a deployment. `restarts`: they
    read it at their start only."""

    edits: ClassVar[tuple[Edit, ...]]
    restarts: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.culprits = cls.culprits or tuple((unit, key) for unit, key, _ in getattr(cls, "edits", ()))

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(unit for unit, _, _ in self.edits))

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {**remember(site, self.units), "edits": [[*edit] for edit in self._edits(params)]}

    def _edits(self, params: dict[str, Any]) -> list[Edit]:
        """As hard as it was chosen."""
        if self.intensity is None:
            return list(self.edits)
        value, key = self.strength(params), self.intensity.key
        return [
            (unit, name, value if name.rpartition(".")[2] == key else old) for unit, name, old in self.edits
        ]

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        write(site, undo.get("edits", self.edits))
        for unit in self.units:
            (site.hands.bounce if self.restarts else site.hands.reload)(unit)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return restore(site, undo, restarts=self.restarts)

    def still_broken(self, site: Site, undo: Undo) -> str:
        return still(site, undo.get("edits", self.edits))


class JobFault(ConfigFault):
    """A job of the batch service with other settings. Its run is ended when they are put back."""

    job: ClassVar[str]
    settings: ClassVar[dict[str, Any]]

    def __init_subclass__(cls) -> None:
        cls.edits = tuple((BATCH, f"jobs.{cls.job}.{key}", value) for key, value in cls.settings.items())
        cls.culprits = cls.culprits or ((BATCH, cls.job), ("postgres", cls.job))
        super().__init_subclass__()

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        super().inject(site, params, undo)
        site.run_anew(self.job)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [
            *super().parts(site, undo),
            Part(f"the run of {self.job} ends", lambda: site.job(self.job, "pause")),
            Part(f"{self.job} is scheduled", lambda: site.job(self.job, "resume")),
        ]

    def still_broken(self, site: Site, undo: Undo) -> str:
        """A job that does not run breaks nothing."""
        wrong = super().still_broken(site, undo)
        return wrong if wrong and not site.is_paused(self.job) else ""


BATCH = "batch"


def remember(site: Site, units: tuple[str, ...]) -> Undo:
    """The present text of each unit's configuration."""
    return {"texts": {unit: site.config_path(unit).read_text() for unit in units}}


def put(site: Site, edits: list[Edit]) -> None:
    """Write the values and have the services read them, as a deployment would."""
    write(site, edits)
    for unit in dict.fromkeys(unit for unit, _, _ in edits):
        site.hands.reload(unit)


def write(site: Site, edits: Sequence[Edit]) -> None:
    """The values, which nobody has read yet."""
    for unit, key, value in edits:
        site.edit_config(unit, key, value)


def restore(site: Site, undo: Undo, *, restarts: bool = False) -> list[Part]:
    """Put the remembered texts back, then have the services read them; one that reads them already is left alone.

    Who has not read its own text again is noted in undo["unread"]: when a service cannot be told, its file is right and
    the next attempt would take it for mended.
    """
    texts: dict[str, str] = undo.get("texts", {})
    unread: list[str] = undo.setdefault("unread", [])
    unread += [unit for unit, text in texts.items() if unit not in unread and not _is_back(site, unit, text)]
    files = [
        Part(f"the configuration of {u}", partial(_write_back, site, u, text)) for u, text in texts.items()
    ]
    readers = [
        Part(f"{u} runs on its own configuration", partial(_have_read, site, undo, u, text, restarts))
        for u, text in texts.items()
    ]
    return files + readers


def _is_back(site: Site, unit: str, text: str) -> bool:
    try:
        return site.config_path(unit).read_text(errors="replace") == text
    except FileNotFoundError:
        return False


def _write_back(site: Site, unit: str, text: str) -> None:
    if not _is_back(site, unit, text):
        site.write_atomic(site.config_path(unit), text)


def _have_read(site: Site, undo: Undo, unit: str, text: str, restarts: bool) -> None:
    if not _is_back(site, unit, text):
        raise OSError("the file is not back yet")
    if unit in undo["unread"]:
        (site.hands.bounce if restarts else site.hands.reload)(unit)
        undo["unread"].remove(unit)
    site.start_if_dead(unit)


def still(site: Site, edits: Sequence[Edit]) -> str:
    """Which of the bad values are still in the files."""
    bad = [
        f"{unit}: {key} is {value!r}" for unit, key, value in edits if site.config_value(unit, key) == value
    ]
    return "; ".join(bad)
