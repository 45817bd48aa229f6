"""The roles that are shipped."""

from __future__ import annotations

from dataclasses import dataclass

from systems.doors import LOGS, VIEW

ADMIN = "admin"


@dataclass(frozen=True)
class Role:
    """`rights`: app.codename, beside those of `like`. `may`: in words, for people."""

    name: str
    may: str
    rights: tuple[str, ...]
    like: str = ""


ROLES = (
    Role(
        "viewer",
        "sees incidents, postmortems, runbooks, what changed and what was done; changes nothing",
        (VIEW, "systems.view_changes"),
    ),
    Role(
        "responder",
        "takes incidents over, notes, closes them; reads logs; has actions of low and medium risk done and asks for the"
        " rest; reports deploys and maintenance",
        (
            LOGS, "incidents.respond_incident", "incidents.export_incident", "incidents.diagnose_bundle",
            "actions.run_action", "systems.report_change",
        ),
        "viewer",
    ),
    Role("approver", "decides on what a person has to decide on", ("actions.approve_action",), "responder"),
    Role(
        "chaos engineer",
        "breaks things on purpose: the panel, chaos mode, game days",
        ("chaos.inject_fault",),
        "viewer",
    ),
    Role(
        ADMIN,
        "settings, policies, freezes, runbooks, signals, systems, people, and all of the above",
        (
            "chaos.inject_fault", "actions.export_audit", "actions.add_policyrule", "actions.change_policyrule",
            "actions.delete_policyrule", "knowledge.add_runbook", "knowledge.change_runbook",
            "knowledge.add_vocabularyentry", "knowledge.change_vocabularyentry", "systems.change_system",
            "auth.view_user", "auth.add_user", "auth.change_user", "auth.view_group",
        ),
        "approver",
    ),
)  # fmt: skip
BY_NAME = {role.name: role for role in ROLES}


def rights(name: str) -> frozenset[str]:
    """All that a role has."""
    role = BY_NAME[name]
    return frozenset(role.rights) | (rights(role.like) if role.like else frozenset())
