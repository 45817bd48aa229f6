from datetime import UTC, datetime

from django.db import migrations

from systems.partitions import READINGS, ROLLUPS, create_statements

CREATE = """
create table systems_reading (
    system_id bigint not null,
    at timestamptz not null,
    service varchar(80) not null,
    metric varchar(80) not null,
    label varchar(200) not null default '',
    value double precision,
    text varchar(500) not null default ''
) partition by range (at);
create index systems_reading_series on systems_reading (system_id, metric, service, at);
create table systems_rollup (
    system_id bigint not null,
    minute timestamptz not null,
    service varchar(80) not null,
    metric varchar(80) not null,
    label varchar(200) not null default '',
    count integer not null,
    mean double precision not null,
    low double precision not null,
    high double precision not null,
    primary key (system_id, metric, service, label, minute)
) partition by range (minute);
"""
DROP = "drop table systems_reading; drop table systems_rollup;"


def first_partitions(apps, schema_editor):
    for statement in create_statements(datetime.now(UTC), (READINGS, ROLLUPS)):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("systems", "0001_initial")]

    operations = [
        migrations.RunSQL(CREATE, DROP),
        migrations.RunPython(first_partitions, migrations.RunPython.noop),
    ]
