"""The one gate that every request passes, pages and API alike, before anything reads it.

What no column, parser or person can make use of (NUL, half a character, depth, numbers beyond counting, sizes) is
refused here with a sentence. What a single field means is the view's to check, with `systems/asked.py`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    BadRequest,
    FieldDoesNotExist,
    ObjectDoesNotExist,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import DataError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from systems.asked import MAX_NUMBER

log = logging.getLogger(__name__)

MAX_QUERY = 8_000  # characters of an address's query, and fields in it
MAX_FIELDS = 200
MAX_DEPTH = 20
MAX_JSON_NUMBER = 2**53
MOST_UPLOADED = 50_000_000  # bytes of files, at the one address that takes such
UPLOADS = "/diagnose/"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
UNKEPT = "something in it is too long, too big or not of the kind that is kept there"


class InputGate(MiddlewareMixin):
    """4xx with a sentence, as a page or as JSON, whichever was asked for."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        try:
            _check(request)
        except RequestDataTooBig:
            return refuse(request, 413, f"more than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes were sent")
        except BadRequest as error:
            return refuse(request, 400, str(error))
        except SuspiciousOperation as error:  # too many fields, a form that cannot be taken apart
            return refuse(request, 400, f"the form cannot be read: {error}")
        return None

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        if any(isinstance(v, int) and v > MAX_NUMBER for v in kwargs.values()):
            return refuse(request, 404, "there is nothing with a number that big")
        return None

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """A bare "no" of the framework's gets a sentence as well."""
        if 400 <= response.status_code < 500 and not response.streaming and not response.content.strip():
            words = "this address does not take that kind of request"
            told = refuse(
                request, response.status_code, words if response.status_code == 405 else "it is refused"
            )
            if allowed := response.headers.get("Allow"):
                told.headers["Allow"] = allowed
            return told
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, DataError):
            return refuse(request, 400, UNKEPT)
        if isinstance(error, FieldDoesNotExist):
            return refuse(request, 400, "it names a field that is not there")
        if isinstance(
            error, ObjectDoesNotExist
        ):  # a number or id that nothing has, or a mistake of ours: told, and noted
            log.warning("%s found nothing: %s", request.path, error, exc_info=error)
            return refuse(request, 404, "there is no such thing (any more)")
        return refuse(request, 400, str(error)) if isinstance(error, BadRequest) else None


def refuse(request: HttpRequest, status: int, words: str) -> HttpResponse:
    """The sentence, in the form that the caller reads."""
    wants = request.headers.get("Authorization", "") + request.headers.get("Accept", "")
    if (
        "Bearer" in wants
        or "json" in wants + (request.content_type or "")
        or request.path.startswith("/api/")
    ):
        return JsonResponse({"detail": words}, status=status)
    return render(request, "400.html", {"words": words, "code": status}, status=status)


def _check(request: HttpRequest) -> None:
    if len(request.META.get("QUERY_STRING", "")) > MAX_QUERY:
        raise BadRequest(f"the address is too long: at most {MAX_QUERY:,} characters after the question mark")
    _texts("the address", [request.path])
    _texts("a cookie", request.COOKIES.values())
    _fields(request.GET.lists(), "the address")
    size = int(request.META.get("CONTENT_LENGTH") or 0)
    if request.method == "POST" and request.path == UPLOADS and request.content_type == FORMS[1]:
        if size > MOST_UPLOADED:
            raise BadRequest(f"more than {MOST_UPLOADED:,} bytes: use ./ops diagnose, which takes more")
        return  # its body is read once it is known who sends it
    if size > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise RequestDataTooBig
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    if request.content_type in FORMS:
        if request.method == "POST":
            _fields(request.POST.lists(), "the form")
            _texts("the form", request.FILES)
    elif request.body:
        _json(request.body)


def _fields(fields: Iterable[tuple[str, list[Any]]], place: str) -> None:
    count = 0
    for name, values in fields:
        count += len(values)
        if count > MAX_FIELDS:
            raise BadRequest(f"too many fields in {place}: at most {MAX_FIELDS}")
        _texts(f"{place}: {name[:40]!a}", [name, *values])


def _texts(place: str, texts: Iterable[Any]) -> None:
    for text in texts:
        if "\x00" in text:
            raise BadRequest(f"{place} holds a NUL character, which is no text: leave it out")
        if any("\ud800" <= c <= "\udfff" for c in text):
            raise BadRequest(f"{place} holds half a character (a lone surrogate): send whole ones")


def _json(body: bytes) -> None:
    """Bounds of a JSON body. What is no JSON at all is left to the view, which knows what it expects."""
    if _depth(body) > MAX_DEPTH:
        raise BadRequest(f"the JSON is nested too deeply: at most {MAX_DEPTH} levels")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        if "integer string conversion" in str(error):
            raise BadRequest("the JSON holds a number beyond counting") from None
        return
    todo = [data]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            todo += item
        elif isinstance(item, str):
            _texts("the JSON", [item])
        elif isinstance(item, int | float) and not abs(item) <= MAX_JSON_NUMBER:  # NaN is not, either
            raise BadRequest("the JSON holds a number that is too big, or none at all")


def _depth(body: bytes) -> int:
    """Brackets open at once at most, those in strings included: an upper bound that needs no parser."""
    depth = most = 0
    for sign in body:
        if sign in b"[{":
            depth += 1
            most = max(most, depth)
        elif sign in b"]}":
            depth -= 1
    return most
