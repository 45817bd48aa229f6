"""GET /healthz: the state of each part; 200 only when all of them are ready."""

from django.http import HttpRequest, JsonResponse


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "starting"}, status=503)
