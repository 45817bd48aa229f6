"""Administration interfaces: a value is set by the call that the manifest declares for it, and by no other."""

from __future__ import annotations

import re
from urllib.parse import quote

from systems.services import LoadedSystem
from systems.state.inverses.types import Call, Inverse, NoInverse, Wanted


def inverse(system: LoadedSystem, wanted: Wanted) -> Inverse:
    state = system.service(wanted.component).state
    page = next((p for p in (state.http if state else []) if p.url == wanted.area), None)
    for pattern, url in (page.sets if page else {}).items():
        found = re.fullmatch("(.*)".join(map(re.escape, pattern.split("*"))), wanted.what)
        if found is None:
            continue
        if wanted.then is None or wanted.now is None:
            raise NoInverse(
                f"{wanted.what} of {wanted.component} came or went, and only how it is set is declared"
            )
        names = {str(number): text for number, text in enumerate(found.groups(), 1)} | {"value": wanted.then}
        return Inverse((Call(wanted.component, _filled(url, names)),))
    raise NoInverse(
        f"nobody has declared how {wanted.what} of {wanted.component} is set (`sets` of its page in the manifest): an"
        " action of its own may do it"
    )


def _filled(url: str, names: dict[str, str]) -> str:
    """Each name by its text, which stays one piece of the address."""
    wanted = set(re.findall(r"\{(\w+)\}", url))
    if not wanted <= names.keys():
        raise NoInverse(f"{url} has names that mean nothing here: {', '.join(sorted(wanted - names.keys()))}")
    return re.sub(r"\{(\w+)\}", lambda m: quote(names[m[1]], safe=""), url)
