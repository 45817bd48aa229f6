import json
import time
import uuid

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from guestbook.models import Entry
from guestbook.tasks import write

WAIT_S = 3.0


def healthz(_: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def book(request: HttpRequest) -> HttpResponse:
    cache.add("readers", 0)
    readers = cache.incr("readers")
    entries = Entry.objects.order_by("-pk")[:20]
    return render(request, "guestbook/book.html", {"entries": entries, "readers": readers})


@csrf_exempt
@require_POST
def sign(request: HttpRequest) -> HttpResponse:
    """What a guest writes is taken at once and written by the worker."""
    sent = json.loads(request.body)
    token = str(uuid.uuid4())
    write.delay(token, str(sent["guest"])[:80], str(sent["words"])[:2000])
    return JsonResponse({"entry": token}, status=202)


def entry(request: HttpRequest, token: uuid.UUID) -> HttpResponse:
    """One entry; waits a moment for one that is still to be written."""
    ends = time.monotonic() + WAIT_S
    while (found := Entry.objects.filter(token=token).first()) is None:
        if time.monotonic() > ends:
            return HttpResponse("not written yet", status=404)
        time.sleep(0.1)
    return JsonResponse({"guest": found.guest, "words": found.words})
