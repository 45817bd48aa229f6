"""The session by which pictures are read has ended, and the job that renews it is off."""

from __future__ import annotations

import sys
import time
from typing import Any

from chaos.faults import _config
from chaos.faults.base import Expected, FaultFailed, Part, Undo
from chaos.site import Site

CLOUD, SHORT_S = "cloud", 1
STOPS_WITHIN_S, ENDS_S = 1.0, 1.5


class CloudCredsExpired(_config.JobFault):
    id = "cloud_creds_expired"
    title = "Expired cloud credentials"
    category = "external"
    targets = (CLOUD, _config.BATCH)
    description = "The job that renews the session with the cloud was turned off, and the session has ended."
    blast_radius = "the pictures of all products"
    reverts = "puts the job's settings back and has it renew the session"
    label = "real protocol (STS and S3, signed) against a small stand-in of our own"
    expected = Expected((CLOUD, _config.BATCH), ("credentials_expired", "config_changed"))
    job = "cloud-refresh"
    settings = {"every_s": 0}
    culprits = ((_config.BATCH, f"jobs.{job}.every_s"), (_config.BATCH, job), (CLOUD, "session"))
    may_touch = ("api", "api-1", "api-2")

    def inject(self, site: Site, params: dict[str, Any], undo: Undo) -> None:
        """What is put in its place is a session like any other, that lasted for a second."""
        _config.put(site, list(self.edits))
        time.sleep(STOPS_WITHIN_S)
        code, said = site.hands.run_beside(_config.BATCH, [*_program(site), "rotate", str(SHORT_S)])
        if code:
            raise FaultFailed(f"no session could be had: {' '.join(said)[-200:]}")
        time.sleep(SHORT_S + ENDS_S)

    def parts(self, site: Site, undo: Undo) -> list[Part]:
        return [*super().parts(site, undo), Part("the session with the cloud", lambda: _renew(site))]

    def still_broken(self, site: Site, undo: Undo) -> str:
        """With a good session it is at most going to break."""
        return "the session with the cloud has ended" if _said(site, "session") == "expired" else ""


def _renew(site: Site) -> None:
    if _said(site, "session") != "valid":
        site.hands.run_beside(_config.BATCH, [*_program(site), "rotate"])


def _said(site: Site, what: str) -> str | None:
    """What the shop's people are told of the outside."""
    return site.told(_config.BATCH, "/outside").get(what)


def _program(site: Site) -> list[str]:
    python = (
        [sys.executable] if site.facts["driver"] != "docker" else ["python", "-m", "shop.kit.start", "python"]
    )
    return [*python, "-m", site.names.text("shop.ops.assets")]
