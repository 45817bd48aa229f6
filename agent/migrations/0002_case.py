"""`Run.memory`, a dict of string keys, becomes the typed case file. Runs under way go on from where they were."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

NAMES = {"signal", "service", "value", "text"}


def carry_over(apps: Any, schema_editor: Any) -> None:
    runs = apps.get_model("agent", "Run").objects
    for run in runs.exclude(phase="done").iterator():
        runs.filter(pk=run.pk).update(case=case_of(run.memory))


def case_of(old: dict[str, Any]) -> dict[str, Any]:
    """The case file, version 1, of a run's memory. What was being measured begins anew: it costs some looks."""
    case: dict[str, Any] = {
        "version": 1,
        "looks": {
            "all": old.get("healed", 0), "ill": old.get("looks", 0), "closed": old.get("closed", 0),
            "since_closed": old.get("since_no", 0), "leader": old.get("leader") or "", "steady": old.get("steady", 0),
        },
        "opinion": {"findings": old.get("findings", [])},
        "answers": [{k: v for k, v in a.items() if k in NAMES} for a in old.get("answers", [])],
        "before": old.get("before", []),
        "tried": old.get("tried", []),
        "acted": old.get("acted", []),
        "waiting": {"leader": old.get("asked_leader", ""), "held": old.get("held", "")},
        "errors": old.get("errors", 0),
    }  # fmt: skip
    if path := old.get("path"):
        case["attempt"] = {
            "path": {"finding": path["finding"], "steps": path["steps"]},
            "cursor": old.get("cursor", 0), "requests": old.get("requests", []), "acted_at": old.get("acted_at"),
        }  # fmt: skip
    if old.get("put_back"):
        why = str(old.get("put_back_why", ""))
        case["put_back"] = {"requests": old["put_back"], "why": why, "undo": old.get("undo")}
    if again := old.get("again"):
        case["again"] = {"why": again["why"], "relapsed": again["relapsed"]}
    return case


class Migration(migrations.Migration):
    dependencies = [("agent", "0001_initial")]

    operations = [
        migrations.AddField("run", "case", models.JSONField(default=dict)),
        migrations.RunPython(carry_over, migrations.RunPython.noop),
        migrations.RemoveField("run", "memory"),
    ]
