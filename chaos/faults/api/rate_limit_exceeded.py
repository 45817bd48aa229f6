"""A partner's synchronisation asks for more than everybody together may."""

from __future__ import annotations

from chaos.faults import _config
from chaos.faults.base import Expected, Intensity

KEY = "partner-17"


class RateLimitExceeded(_config.JobFault):
    id = "rate_limit_exceeded"
    title = "Rate limit exceeded"
    category = "api"
    targets = ("gateway", _config.BATCH)
    description = "One client sends 60 requests a second into an allowance of 40 that all share."
    blast_radius = "everybody at the front door: they are turned away with 429"
    reverts = "puts the job's settings back and ends its run"
    expected = Expected(("gateway", _config.BATCH), ("quota_hog", "config_changed"))
    intensity = Intensity("requests a second", 60, 45, 200, key="rps")
    job = "partner-sync"
    settings = {"rps": 60, "requests": 1_000_000, "every_s": 5}
    culprits = ((_config.BATCH, job), ("gateway", KEY))
