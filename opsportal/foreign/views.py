"""The page. The right is asked for before anything that was sent is looked at."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from actions import audit
from opsportal.foreign import drawing, upload
from opsportal.inputgate import MOST_UPLOADED
from systems.doors import needs

RIGHT = "incidents.diagnose_bundle"


@csrf_exempt  # the inner view is protected: the check reads the whole body, which only who has the right may send
@require_http_methods(["GET", "POST"])
@needs(RIGHT)
def diagnose(request: HttpRequest) -> HttpResponse:
    """Choose files; or, of those that were sent, the case."""
    return _allowed(request)


@csrf_protect
def _allowed(request: HttpRequest) -> HttpResponse:
    context: dict[str, Any] = {"most": MOST_UPLOADED // 1_000_000}
    if request.method == "POST":
        files = [f for f in request.FILES.getlist("bundle") if isinstance(f, UploadedFile)]
        names = [str(f.name)[:80] for f in files]
        try:
            found = upload.diagnose(files)
        except upload.Refused as error:
            return render(request, "opsportal/diagnose.html", {**context, "refused": str(error)}, status=400)
        size = sum(f.size or 0 for f in files)
        audit.append(
            request.user.get_username(), "bundle.diagnosed",
            data={"files": len(files), "bytes": size, "verdict": found["verdict"]},
        )  # fmt: skip
        context |= _case(found) | {"names": names}
    return render(request, "opsportal/diagnose.html", context)


def _case(found: dict[str, Any]) -> dict[str, Any]:
    for suspect in found["suspects"]:
        suspect["since"] = drawing.moment(suspect["since"])
    lanes, ends = drawing.lanes(found)
    for change in [*found["changes"], *(s["change"] for s in found["suspects"] if s["change"])]:
        change["at"] = drawing.moment(change["at"])
    map_ = drawing.graph(
        found["edges"], found["suspects"][:1] if found["verdict"] == "cause" else found["suspects"]
    )
    lead = found["suspects"][0]["component"] if found["suspects"] and found["verdict"] == "cause" else ""
    touched = {lane.name for lane in lanes}
    return {"found": found, "lanes": lanes, "ends": ends, "map": map_, "lead": lead, "touched": touched}
