"""disk.*: bytes and inodes of a service's volumes."""

from __future__ import annotations

import os

from systems.machine.disks import used_pct
from systems.manifest import Service
from systems.probes.base import FileProbe
from systems.readings import Reading
from systems.services import LoadedSystem


class DiskProbe(FileProbe):
    name = "disk"
    interval_s = 2.0
    timeout_s = 1.5
    main = ("disk.used_pct",)

    def applies(self, service: Service) -> bool:
        return bool(service.volumes)

    def read(self, system: LoadedSystem, service: Service) -> list[Reading]:
        readings = []
        for volume in service.volumes:
            try:
                found = os.statvfs(system.path(volume.path))
            except OSError as error:
                reason = error.strerror or str(error)
                readings.append(Reading(service.name, "disk.used_pct", None, reason, volume.path))
                readings.append(Reading(service.name, "disk.inodes_pct", None, reason, volume.path))
                continue
            free_mb = found.f_bavail * found.f_frsize / 1e6
            readings.append(
                Reading(
                    service.name,
                    "disk.used_pct",
                    used_pct(found.f_blocks, found.f_bfree, found.f_bavail),
                    f"{free_mb:.0f} MB free",
                    volume.path,
                )
            )
            inodes = used_pct(found.f_files, found.f_ffree, found.f_favail)
            readings.append(
                Reading(service.name, "disk.inodes_pct", inodes, f"{found.f_favail} inodes free", volume.path)
            )
        return readings
