"""tls.*: how many days the certificates last that are shown for a service, and whether they are believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from systems import trust
from systems.manifest import Service
from systems.probes import certificates
from systems.probes.base import Clock, FileProbe, Probe, error_kind
from systems.readings import Reading, clean
from systems.services import LoadedSystem

FRESH_S = 9.0  # a look of the ledger's that is not older is taken


class TlsProbe(FileProbe):
    """One label for each host:port: tls.days_left, tls.in_force (0: not yet, or no longer) and tls.valid (0: nobody who
    checks will believe it)."""

    name = "tls"
    interval_s = 10.0
    timeout_s = 8.0
    main = ("tls.days_left",)

    def __init__(
        self,
        clock: Clock = time.monotonic,
        ends: dict[str, list[certificates.End]] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(clock)
        self.ends, self.now = ends or {}, now

    @classmethod
    def build(cls, system: LoadedSystem, clock: Clock) -> list[Probe]:
        return [cls(clock, certificates.ends(system))]

    def applies(self, service: Service) -> bool:
        return service.name in self.ends

    def read(self, system: LoadedSystem, service: Service) -> list[Reading]:
        return [r for end in self.ends[service.name] for r in self._of(system, service.name, end)]

    def _of(self, system: LoadedSystem, service: str, end: certificates.End) -> Iterator[Reading]:
        try:
            found = certificates.look(system, end, FRESH_S)
        except (OSError, trust.Unusable) as error:
            yield Reading(service, "tls.days_left", None, clean(error_kind(error), 200), end.at)
            return
        now = self.now()
        days, told = (found.ends() - now) / certificates.DAY_S, clean(certificates.told(found, now))
        in_force = found.begins() <= now < found.ends()
        yield Reading(service, "tls.days_left", round(days, 2), told, end.at)
        yield Reading(service, "tls.in_force", float(in_force), told, end.at)
        if end.is_judged:
            value, why = certificates.doubts(found, end)
            yield Reading(service, "tls.valid", value, clean(why, 300), end.at)
