"""Who may see and do what: every route by every role, from the routes themselves. Writes docs/roles.md:
`python -m opsportal.doors.matrix > docs/roles.md`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import django
from django.urls import URLPattern, URLResolver, get_resolver

from opsportal.doors.guard import API, OPEN, is_open
from opsportal.doors.roles import ROLES, rights
from systems.doors import VIEW, Rule, rule_of

HEAD = """# Who may see and do what

Made from the routes by `python -m opsportal.doors.matrix > docs/roles.md`; a test holds it to them, and a route with no
rule is shut.

A role is a group of Django's; Settings, People gives and takes them. A token may never do more than its person
(`./ops manage create_token`). A superuser may do everything. Who has no role sees a page that says whom to ask, and
nothing else.

"""
SOCKET = ("/ws/live/", Rule((VIEW,)))


@dataclass(frozen=True)
class Route:
    """`rule` None: everybody may, who is logged in or not."""

    path: str
    name: str
    rule: Rule | None

    def lets_in(self, role: str, *, post: bool = False) -> bool:
        if self.rule is None:
            return True
        asked = {*self.rule.rights, *(self.rule.post if post else ())}
        return asked <= rights(role)


def routes() -> list[Route]:
    """Of the pages, in their order; those with doors of their own (API, Django's site) are left out. ValueError for
    one that no rule was written for."""
    return list(_of(get_resolver().url_patterns, "/", ()))


def _of(
    patterns: list[URLPattern | URLResolver], prefix: str, namespaces: tuple[str, ...]
) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern).removeprefix("^").removesuffix("$").replace("\\", "")
        if isinstance(pattern, URLResolver):
            inside = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from _of(pattern.url_patterns, path, inside)
        elif not is_open(pattern.name or "", namespaces):
            if (rule := rule_of(pattern.callback)) is None:
                raise ValueError(f"{path}: no rule says who may see this")
            yield Route(path, pattern.name or "", rule)
        elif not namespaces:
            yield Route(path, pattern.name or "", None)


def text() -> str:
    """The page in Markdown."""
    return HEAD + "\n".join([*_roles(), "", *_table(), "", *_open()]) + "\n"


def _roles() -> Iterator[str]:
    yield "| role | may | and all that this one may |\n|---|---|---|"
    for role in ROLES:
        yield f"| {role.name} | {role.may} | {role.like} |"


def _table() -> Iterator[str]:
    names = [role.name for role in ROLES]
    yield f"| route | asks for | anonymous | {' | '.join(names)} |\n|---|---|{'---|' * (len(names) + 1)}"
    found = [*routes(), Route(SOCKET[0], "socket", SOCKET[1])]
    for route in found:
        marks = [_mark(route, name) for name in names]
        asked = ", ".join(f"`{right}`" for right in route.rule.rights) if route.rule else ""
        if route.rule and route.rule.post:
            asked += "; to change: " + ", ".join(f"`{right}`" for right in route.rule.post)
        yield f"| `{route.path}` | {asked} | {'yes' if route.rule is None else ''} | {' | '.join(marks)} |"


def _mark(route: Route, role: str) -> str:
    if not route.lets_in(role):
        return ""
    return "yes" if route.lets_in(role, post=True) else "reads"


def _open() -> Iterator[str]:
    yield "Open to everybody:\n"
    for name, why in OPEN.items():
        yield f"- `{name}`: {why}"
    yield f"\nThe API (`/api/docs`, namespace `{API}`) asks for a token, and each operation for a right of it."


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "opsportal.settings")
    django.setup()
    print(text(), end="")


if __name__ == "__main__":
    main()
