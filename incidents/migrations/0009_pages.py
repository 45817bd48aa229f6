from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('incidents', '0008_openings'),
        ('systems', '0010_blind'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(condition=models.Q(('state__in', ['detecting', 'diagnosing', 'waiting', 'acting', 'verifying', 'handed_over'])), fields=['-number'], name='open_incidents'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['component', '-number'], name='incidents_by_component'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['system', 'cause', '-number'], name='incidents_by_cause'),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['system', 'opened_at'], name='incidents_by_opening'),
        ),
        migrations.AddIndex(
            model_name='symptom',
            index=models.Index(fields=['service', 'incident'], name='symptoms_by_service'),
        ),
        migrations.AddIndex(
            model_name='timelineevent',
            index=models.Index(fields=['incident', 'kind', '-seq'], name='timeline_by_kind'),
        ),
    ]
