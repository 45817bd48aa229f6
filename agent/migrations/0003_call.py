import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agent", "0002_case"),
        ("incidents", "0004_closing"),
    ]

    operations = [
        migrations.CreateModel(
            name="Call",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("run_id", models.BigIntegerField(blank=True, null=True)),
                ("role", models.CharField(max_length=20)),
                ("player", models.CharField(help_text="who played the role", max_length=80)),
                ("asked", models.CharField(help_text="SHA-256 of the question", max_length=64)),
                ("answer", models.JSONField()),
                ("seconds", models.FloatField()),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "incident",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="incidents.incident"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("incident", "role", "asked"), name="one_answer_per_question")
                ],
            },
        ),
    ]
