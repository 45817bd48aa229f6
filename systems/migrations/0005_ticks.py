from datetime import UTC, datetime

from django.db import migrations

from systems.partitions import TICKS, create_statements

CREATE = """
create table systems_tick (
    system_id bigint not null,
    at timestamptz not null,
    mini boolean not null,
    starved boolean not null,
    readings bytea not null
) partition by range (at);
create index systems_tick_at on systems_tick (system_id, at);
"""


def first_partitions(apps, schema_editor):
    for statement in create_statements(datetime.now(UTC), (TICKS,)):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("systems", "0004_watch_only")]

    operations = [
        migrations.RunSQL(CREATE, "drop table systems_tick;"),
        migrations.RunPython(first_partitions, migrations.RunPython.noop),
    ]
