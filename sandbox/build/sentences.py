"""More of what the shop says, and other ways to say it: of names, clocks, payments and certificates."""

from __future__ import annotations

DOORS: dict[str, tuple[str, ...]] = {
    "token refused: %s: %s": ("turned a login away: %s: %s", "credential not accepted: %s: %s"),
    "name lookup failed: %s": ("could not look up a host: %s", "host not resolved: %s"),
    "resolver is up with %d names": ("name service ready, %d entries", "serving %d names"),
    "names are asked of %s first": ("lookups go to %s now", "first resolver is %s"),
    "NXDOMAIN for %s": ("asked for %s: NXDOMAIN", "NXDOMAIN told for %s"),
    "no address for %s: %s": ("cannot follow %s: %s", "entry %s leads nowhere: %s"),
    "payment %s is not what was told: %s": ("told wrongly of payment %s: %s", "payment %s does not fit: %s"),
    "delivery of %s, attempt %d: %s": ("could not tell of %s (try %d): %s", "notice %s, try %d: %s"),
    "certificate not taken over: %s": ("kept the old certificate: %s", "no new certificate: %s"),
}
