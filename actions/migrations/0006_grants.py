import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models.functions import Now


def end_what_names_nobody(apps, schema_editor):
    """A grant of before says neither whose requests it approves nor for what: it ends. Its actions stay readable."""
    grants = apps.get_model("actions", "PolicyGrant").objects.all()
    grants.filter(revoked_at=None).update(revoked_at=Now())
    for grant in grants.exclude(action="*"):
        grants.filter(pk=grant.pk).update(actions=[grant.action])
    grants.filter(scope_id="demo").update(scope="demo")
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else the table cannot be altered in this transaction


class Migration(migrations.Migration):
    dependencies = [
        ("actions", "0005_stop"),
    ]

    operations = [
        migrations.RenameField("policygrant", "name", "scope_id"),
        migrations.AddField(
            model_name="policygrant",
            name="requester",
            field=models.CharField(default="", help_text="whose requests, and nobody else's", max_length=120),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="policygrant",
            name="scope",
            field=models.CharField(
                choices=[
                    ("game_day", "game day"),
                    ("demo", "demo"),
                    ("schedule", "chaos schedule"),
                    ("incident", "incident"),
                ],
                default="game_day",
                help_text="but for `incident`: incidents that open while it lives",
                max_length=20,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="policygrant",
            name="actions",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=80),
                default=list,
                help_text="slugs; never a pattern",
                size=None,
            ),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="policygrant",
            name="scope_id",
            field=models.CharField(help_text="the incident's number, or a name of the run", max_length=80),
        ),
        migrations.RunPython(end_what_names_nobody, migrations.RunPython.noop, elidable=True),
        migrations.RemoveField("policygrant", "action"),
        migrations.AddConstraint(
            model_name="policygrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("actions__contains", ["*"]), _negated=True), name="a_grant_lists_actions"
            ),
        ),
    ]
