from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('systems', '0011_retention'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='system',
            options={'ordering': ['slug'], 'permissions': [('view_logs', 'Can read what the parts of a system write')]},
        ),
    ]
