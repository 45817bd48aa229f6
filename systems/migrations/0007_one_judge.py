from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    """The health of a part is judged on the signals' states and kept in the picture of them, not here."""

    dependencies = [("systems", "0006_changes")]
    operations = [migrations.DeleteModel(name="ServiceStatus")]
