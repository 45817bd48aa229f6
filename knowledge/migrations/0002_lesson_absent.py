from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="lesson",
            name="absent",
            field=models.JSONField(default=list, help_text="[[signal, service], ...] measured as not holding"),
        ),
    ]
