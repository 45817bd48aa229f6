from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def settle(apps: Any, schema_editor: Any) -> None:
    """What was being rolled back by the version before is read back from its target, like any outcome not known."""
    requests = apps.get_model("actions", "ActionRequest")
    requests.objects.filter(status="rolling_back").update(status="unknown", lease_until=None)


class Migration(migrations.Migration):
    dependencies = [("actions", "0006_grants")]

    operations = [
        migrations.RunPython(settle, migrations.RunPython.noop),
        migrations.RemoveField(model_name="actionrequest", name="undo_asked_by"),
        migrations.AddField(
            model_name="actionrequest",
            name="undo_of",
            field=models.ForeignKey(
                blank=True,
                help_text="the request whose effect this one takes back; slug, target and parameters are its own",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="undos",
                to="actions.actionrequest",
            ),
        ),
        migrations.AlterField(
            model_name="actionrequest",
            name="status",
            field=models.CharField(
                choices=[
                    ("waiting", "Waiting for approval"),
                    ("approved", "Approved"),
                    ("refused", "Refused by policy"),
                    ("rejected", "Rejected"),
                    ("expired", "Expired"),
                    ("cancelled", "Cancelled"),
                    ("running", "Running"),
                    ("succeeded", "Succeeded"),
                    ("failed", "Failed"),
                    ("unknown", "Outcome unknown"),
                    ("rolled_back", "Rolled back"),
                ],
                max_length=20,
            ),
        ),
        migrations.RemoveConstraint(
            model_name="actionrequest", name="one_uncompleted_action_per_target"
        ),
        migrations.AddConstraint(
            model_name="actionrequest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["running", "unknown"])),
                fields=("system", "target"),
                name="one_uncompleted_action_per_target",
            ),
        ),
        migrations.AddConstraint(
            model_name="actionrequest",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["waiting", "approved", "running", "unknown"])),
                fields=("undo_of",),
                name="one_live_undo_per_request",
            ),
        ),
    ]
