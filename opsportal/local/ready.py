"""Waiting for the portal that was just started, and then for its sandbox: counted in what is seen, not in seconds."""

from collections.abc import Callable

from opsportal.local.probe import look

LOOK_S = 0.2
REMIND_LOOKS = 300  # about a minute
SANDBOX_LOOK_S = 1.0  # the watcher looks once a second
UNCHANGED_LOOKS = 20

Say = Callable[[str], None]
Wait = Callable[[float], None]  # looks after the children; raises LocalError when one of them is hopeless


def await_portal(url: str, say: Say, wait: Wait) -> None:
    """Until /healthz answers 200. A portal that is merely slow is waited for: what does not start at all ends in
    `wait`."""
    said, looks = "", 0
    while True:
        seen = look(url)
        if seen.ready:
            return
        looks += 1
        if seen.missing and ((seen.missing != said and said) or looks % REMIND_LOOKS == 0):
            say(f"waiting for {seen.missing}")
        said = seen.missing or said
        wait(LOOK_S)


def await_system(url: str, slug: str, wait: Wait) -> str:
    """Wait for the system to have been whole once, as long as something about it changes. How it is when it does not
    get there: it is ill, which is for the pages to show; empty when it is whole."""
    told, unchanged = "", 0
    while unchanged < UNCHANGED_LOOKS:
        found = look(url).systems.get(slug, {})
        if found.get("whole_once"):
            return ""
        state = str(found.get("state", "not seen yet"))
        unchanged = unchanged + 1 if state == told else 0
        told = state
        wait(SANDBOX_LOOK_S)
    return told
