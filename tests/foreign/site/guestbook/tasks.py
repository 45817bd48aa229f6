from pathlib import Path

from celery import shared_task
from django.conf import settings

from guestbook.models import Entry

KEPT = 200


@shared_task
def write(token: str, guest: str, words: str) -> None:
    """One entry into the book, with a copy in the spool; of both the newest are kept."""
    spool = Path(settings.SPOOL)
    spool.mkdir(parents=True, exist_ok=True)
    (spool / f"{token}.txt").write_text(f"{guest}\n{words}\n" * 40)
    Entry.objects.create(token=token, guest=guest, words=words)
    old = Entry.objects.order_by("-pk").values_list("pk", flat=True)[KEPT:]
    Entry.objects.filter(pk__in=list(old)).delete()
    for file in sorted(spool.iterdir(), key=lambda f: f.stat().st_mtime)[:-KEPT]:
        file.unlink()
