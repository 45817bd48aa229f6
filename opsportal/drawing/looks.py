"""How each value looks: its word, its tone and its icon; and the words of categories."""

from __future__ import annotations

from systems.state.types import KINDS

# word, tone, icon: colour never stands alone
Look = tuple[str, str, str]
HEALTH: dict[str, Look] = {
    "ok": ("Healthy", "ok", "ok"),
    "degraded": ("Degraded", "warn", "warn"),
    "down": ("Down", "bad", "bad"),
    "unknown": ("Not known", "idle", "idle"),
}
SEVERITY: dict[str, Look] = {
    "low": ("Low", "idle", "info"),
    "medium": ("Medium", "warn", "warn"),
    "high": ("High", "bad", "warn"),
    "critical": ("Critical", "bad", "bad"),
}
STATE: dict[str, Look] = {
    "detecting": ("Detecting", "accent", "eye"),
    "diagnosing": ("Diagnosing", "accent", "scale"),
    "waiting": ("Waiting for you", "warn", "hand"),
    "acting": ("Acting", "accent", "wrench"),
    "verifying": ("Verifying", "accent", "pulse"),
    "handed_over": ("Handed over", "violet", "user"),
    "resolved": ("Resolved", "ok", "ok"),
}
RISK: dict[str, Look] = {
    "low": ("Low risk", "idle", "info"),
    "medium": ("Medium risk", "warn", "warn"),
    "high": ("High risk", "bad", "warn"),
}
REQUEST: dict[str, Look] = {
    "waiting": ("Waiting for approval", "warn", "hand"),
    "approved": ("Approved", "ok", "check"),
    "refused": ("Refused by policy", "bad", "stop"),
    "rejected": ("Rejected", "bad", "x"),
    "expired": ("Expired", "idle", "clock"),
    "cancelled": ("Cancelled", "idle", "x"),
    "running": ("Running", "accent", "play"),
    "succeeded": ("Succeeded", "ok", "ok"),
    "failed": ("Failed", "bad", "bad"),
    "unknown": ("Outcome unknown", "warn", "idle"),
    "rolled_back": ("Rolled back", "violet", "undo"),
}
INJECTION: dict[str, Look] = {
    "running": ("Running", "warn", "bolt"),
    "reverted": ("Reverted", "ok", "undo"),
    "failed": ("Failed", "bad", "bad"),
}
FOLLOW_UP: dict[str, Look] = {
    "standing": ("Standing", "warn", "clock"),
    "asked": ("Being ended", "accent", "play"),
    "ended": ("Ended", "ok", "ok"),
    "kept": ("For a person", "violet", "hand"),
}
VERDICT: dict[str, Look] = {
    "run": ("Runs alone", "ok", "play"),
    "ask": ("Asks a person", "warn", "hand"),
    "refuse": ("Refused", "bad", "stop"),
}
EVENT: dict[str, Look] = {
    "symptom": ("Symptom", "bad", "warn"),
    "cleared": ("Cleared", "ok", "check"),
    "unread": ("Not read", "idle", "idle"),
    "state": ("State", "idle", "flag"),
    "hypotheses": ("Hypotheses", "accent", "scale"),
    "check": ("Check", "accent", "search"),
    "runbook": ("Runbook", "accent", "book"),
    "plan": ("Plan", "accent", "plan"),
    "approval": ("Approval", "warn", "hand"),
    "action": ("Action", "violet", "wrench"),
    "verify": ("Verification", "ok", "pulse"),
    "rollback": ("Rollback", "warn", "undo"),
    "note": ("Note", "idle", "note"),
    "handover": ("Hand-over", "violet", "user"),
    "postmortem": ("Postmortem", "ok", "doc"),
}
CHANGE: dict[str, Look] = {kind: (kind.capitalize(), "idle", "edit") for kind in KINDS} | {
    "env": ("Environment", "idle", "edit"),
    "deploy": ("Deploy", "violet", "down"),
    "flag": ("Flag", "violet", "flag"),
    "commit": ("Commit", "violet", "chain"),
    "maintenance": ("Maintenance", "violet", "wrench"),
    "act": ("Done", "accent", "play"),
    "deadline": ("Ran out", "warn", "clock"),
    "crossing": ("At its limit", "warn", "warn"),
    "invariant": ("Promise", "warn", "scale"),
}
LOOKS: dict[str, dict[str, Look]] = {
    "health": HEALTH,
    "severity": SEVERITY,
    "state": STATE,
    "risk": RISK,
    "request": REQUEST,
    "injection": INJECTION,
    "followup": FOLLOW_UP,
    "verdict": VERDICT,
    "event": EVENT,
    "change": CHANGE,
}


def look(kind: str, value: str) -> Look:
    """(word, tone, icon) of a value; an unknown value shows itself."""
    return LOOKS[kind].get(value, (str(value).replace("_", " ").capitalize() or "Unknown", "idle", "idle"))


_CATEGORY = {
    "api": "API",
    "cache-queue": "Cache and queue",
    "config": "Configuration",
    "external": "Outside services",
}


def category(value: str) -> str:
    """The heading of a category."""
    return _CATEGORY.get(value, value.replace("_", " ").replace("-", " ").capitalize())
