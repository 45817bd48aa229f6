"""Stop a job and keep it from being started again."""

from __future__ import annotations

from actions.catalogue.jobs._jobs import JobAction
from actions.models import Risk


class PauseJob(JobAction):
    slug = "pause-job"
    title = "Pause a job"
    risk = Risk.LOW
    ended_by, over_when = "resume-job", "unchanged"
    verb, inverse, paused_after = "pause", "Resume", True
