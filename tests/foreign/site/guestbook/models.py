from django.db import models


class Entry(models.Model):
    token = models.UUIDField(unique=True)
    guest = models.CharField(max_length=80)
    words = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.guest}: {self.words[:40]}"
