"""The api no longer removes the parts of the pictures that customers send: empty files, until no more can be made."""

from __future__ import annotations

import base64
import json
import os
import urllib.request
from typing import Any

from chaos.faults import _config, _volumes
from chaos.faults.base import Expected, FaultFailed, Part, Undo
from chaos.site import Site

UNITS, VOLUME = ("api-1", "api-2"), "scratch"
FULL = 0.9
PICTURES, PICTURE_BYTES = 16, 64_000  # a family's holiday
WAIT_S = 10.0


class InodeExhaustion(_config.ConfigFault):
    id = "inode_exhaustion"
    title = "Out of inodes"
    category = "container"
    targets = UNITS
    description = "A setting keeps the temporary parts of each picture: thousands of empty files."
    blast_radius = "customers' pictures are refused, though there is room for them"
    reverts = "puts the configuration back and removes the files"
    expected = Expected(("api", *UNITS), ("inodes_full", "config_changed"))
    edits = tuple((unit, "upload.keep_tmp", True) for unit in UNITS)
    culprits = tuple((part, what) for part in ("api", *UNITS) for what in ("upload.keep_tmp", VOLUME))
    drivers = ("process",)  # who looks after containers from outside gets at none of their volumes

    def prepare(self, site: Site, params: dict[str, Any]) -> Undo:
        _volumes.check(site, VOLUME)
        return super().prepare(site, params)

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        super().inject(site, params, undo)
        for _ in range(PICTURES):
            _send_picture(site)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        gone = Part("the temporary files are gone", lambda: _volumes.remove(site, VOLUME, "sess_*.tmp"))
        return [*super().parts(site, undo), gone]

    def still_broken(self, site: Site, undo: Undo) -> str:
        """Emptied with the setting as it is, it is full again in minutes."""
        share = _volumes.used(site, VOLUME)[1]
        full = f"{share:.0%} of the files of {VOLUME} are taken" if share > FULL else ""
        return super().still_broken(site, undo) or full


def _send_picture(site: Site) -> None:
    """As a customer does, by the front door."""
    data = json.dumps({"data": base64.b64encode(os.urandom(PICTURE_BYTES)).decode()}).encode()
    headers = {"Content-Type": "application/json", "X-Api-Key": "mobile-2", "User-Agent": "visitor"}
    request = urllib.request.Request(
        site.url("gateway", "/api/upload"), method="POST", data=data, headers=headers
    )
    try:
        urllib.request.urlopen(request, timeout=WAIT_S).close()
    except OSError as error:
        raise FaultFailed(f"pictures cannot be sent: {error}") from error
