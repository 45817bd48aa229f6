"""The provider's suggestions never come, and the api was told to wait for them as long as it takes."""

from __future__ import annotations

from functools import partial
from typing import Any

from chaos.faults import _config, _world
from chaos.faults.base import Expected, Part, Undo
from chaos.site import Site

UNITS = ("api-1", "api-2")


class ThreadStarvation(_config.ConfigFault):
    id = "thread_starvation"
    title = "Thread starvation"
    category = "container"
    targets = (*UNITS, "upstream")
    description = (
        "The limit for waiting was taken out, and the provider stops answering: all threads wait for it."
    )
    blast_radius = "the whole shop, bit by bit: the processes are alive and answer nothing"
    reverts = "puts the configuration back, has the provider answer and restarts the processes"
    expected = Expected(("api", *UNITS, "upstream"), ("thread_starvation", "config_changed"))
    edits = tuple((unit, "upstream.insights_timeout_s", None) for unit in UNITS)
    may_touch = ("fallback", "gateway")

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        return {**super().prepare(site, params), **_world.remember(site, "upstream")}

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        super().inject(site, params, undo)
        _world.put(site, "upstream", {"insights_latency_ms": 3_600_000})

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        waiting = [Part(f"{unit} waits for nobody", partial(site.restart_if_silent, unit)) for unit in UNITS]
        return [*_world.restore(site, undo), *super().parts(site, undo), *waiting]

    def still_broken(self, site: Site, undo: Undo) -> str:
        silent = [why for unit in UNITS if (why := site.answers(unit, "/readyz"))]
        return super().still_broken(site, undo) or "; ".join(silent)
