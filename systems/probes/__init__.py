"""Probes. Adding one: a file with a Probe, its line in PROBES, and its case in tests/systems/test_probe_contract.py."""

from __future__ import annotations

from systems.probes.base import Clock, Probe
from systems.probes.consistency import ConsistencyProbe
from systems.probes.declared import DeclaredProbe
from systems.probes.disk import DiskProbe
from systems.probes.files import ConfigProbe, EnvProbe, ReleaseProbe
from systems.probes.host import HostProbe
from systems.probes.http import HttpProbe
from systems.probes.journeys import JourneyProbe
from systems.probes.links import LinkProbe
from systems.probes.logs import LogsProbe
from systems.probes.metrics import MetricsProbe
from systems.probes.postgres import PostgresProbe
from systems.probes.process import ProcessProbe, UnitProbe
from systems.probes.prometheus import PrometheusProbe
from systems.probes.ready import ReadyProbe
from systems.probes.redis import RedisProbe
from systems.probes.tcp import TcpProbe
from systems.probes.tls import TlsProbe
from systems.services import LoadedSystem

PROBES: dict[str, type[Probe]] = {
    "unit": UnitProbe,
    "process": ProcessProbe,
    "http": HttpProbe,
    "ready": ReadyProbe,
    "tcp": TcpProbe,
    "tls": TlsProbe,
    "postgres": PostgresProbe,
    "redis": RedisProbe,
    "metrics": MetricsProbe,
    "prometheus": PrometheusProbe,
    "declared": DeclaredProbe,
    "disk": DiskProbe,
    "config": ConfigProbe,
    "env": EnvProbe,
    "release": ReleaseProbe,
    "logs": LogsProbe,
    "journeys": JourneyProbe,
    "consistency": ConsistencyProbe,
    "links": LinkProbe,
    "host": HostProbe,
}


def build_all(system: LoadedSystem, clock: Clock) -> list[Probe]:
    """Fresh instances of every probe for one system, but for those that are switched off."""
    kinds = [kind for name, kind in PROBES.items() if name not in system.blind]
    return [probe for kind in kinds for probe in kind.build(system, clock)]
