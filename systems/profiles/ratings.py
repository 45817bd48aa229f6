"""How risky calls are that a profile knows: the portal's own data, never a manifest's."""

from __future__ import annotations

from collections.abc import Sequence

from systems.profiles.reading import named
from systems.profiles.types import Rated

ONE = "*"


def rating(exec: Sequence[str] | None = None, redis: Sequence[str] | None = None) -> str | None:
    """`low` or `medium` where exactly this call is known, with no blank in it; None where it is not."""
    for profile in named().values():
        for rated in profile.rated:
            if _is(rated, exec, redis):
                return rated.risk
    return None


def _is(rated: Rated, exec: Sequence[str] | None, redis: Sequence[str] | None) -> bool:
    if rated.exec is not None and exec is not None:
        return len(exec) == len(rated.exec) and all(map(_fits, rated.exec, exec))
    if rated.redis is not None and redis is not None:
        return [word.lower() for word in redis] == [word.lower() for word in rated.redis]
    return False


def _fits(known: str, word: str) -> bool:
    """A word of the manifest's own is no option, and nothing that is filled in later."""
    return word == known or (known == ONE and word[:1] not in ("-", "") and "{" not in word)
