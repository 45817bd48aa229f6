from django.apps import AppConfig
from django.db.models.signals import post_migrate


class OpsportalConfig(AppConfig):
    """The composition root: the only app that may import every other one."""

    name = "opsportal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from opsportal import celery, wiring  # every process that queues a task needs the Celery app
        from opsportal.doors import making
        from opsportal.pages import boards

        celery.app.set_default()
        wiring.connect()
        boards.connect()
        post_migrate.connect(making.make, sender=self, dispatch_uid="roles")
