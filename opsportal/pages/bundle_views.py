"""An incident with all its evidence as a file to take away, for whoever has the right; see docs/bundle.md."""

from __future__ import annotations

import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET

from incidents.bundles import BundleError
from incidents.models import Incident
from opsportal import casebook
from systems.doors import needs

RIGHT = "incidents.export_incident"


@require_GET
@needs(RIGHT)
def download(request: HttpRequest, number: int) -> HttpResponseBase:
    """The bundle as .tar.gz, or back to the incident with the reason why there is none."""
    incident = get_object_or_404(Incident.objects.select_related("system"), pk=number)
    name = f"{incident.system.slug}-{number}"
    try:
        packed = _packed(number, name, request.user.get_username())
    except BundleError as error:
        messages.error(request, f"#{number} cannot be downloaded: {error}.")
        return redirect("incident", number=number)
    packed.seek(0)
    return FileResponse(
        packed, as_attachment=True, filename=f"{name}.tar.gz", content_type="application/gzip"
    )


def _packed(number: int, name: str, by: str) -> IO[bytes]:
    """A file that is gone when it is closed; in it one folder, `name`."""
    packed = TemporaryFile()  # noqa: SIM115 (the response closes it)
    try:
        with TemporaryDirectory() as folder:
            casebook.export_incident(number, Path(folder) / name, by)
            with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=6) as tar:
                tar.add(Path(folder) / name, arcname=name, filter=_nobodys)
    except BaseException:
        packed.close()
        raise
    return packed


def _nobodys(found: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the names and numbers of this machine's users."""
    found.uid = found.gid = 0
    found.uname = found.gname = ""
    found.mode = 0o755 if found.isdir() else 0o644
    return found
