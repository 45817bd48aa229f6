from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('systems', '0010_blind'),
    ]

    operations = [
        migrations.CreateModel(
            name='Retention',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20, unique=True)),
                ('hours', models.PositiveIntegerField(help_text='empty: for ever', null=True)),
                ('by', models.CharField(max_length=120)),
                ('at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.AddIndex(
            model_name='changerow',
            index=models.Index(fields=['-first_new', '-id'], name='changes_newest'),
        ),
    ]
