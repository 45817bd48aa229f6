from django.apps import AppConfig


class OpsportalConfig(AppConfig):
    """The composition root: the only app that may import every other one."""

    name = "opsportal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from opsportal import celery, wiring  # every process that queues a task needs the Celery app
        from opsportal.pages import boards

        celery.app.set_default()
        wiring.connect()
        boards.connect()
