from django.db import migrations, models


class Migration(migrations.Migration):
    """What was counted before is of no known system, and speaks for none."""

    dependencies = [("knowledge", "0002_lesson_absent")]

    operations = [
        migrations.RemoveConstraint(model_name="outcomestat", name="one_stat_per_cause_action"),
        migrations.AddField(
            model_name="outcomestat",
            name="system_slug",
            field=models.CharField(blank=True, default="", max_length=80),
        ),
        migrations.AddConstraint(
            model_name="outcomestat",
            constraint=models.UniqueConstraint(
                fields=("system_slug", "cause", "action"), name="one_stat_per_system_cause_action"
            ),
        ),
    ]
