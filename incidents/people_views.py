"""The buttons by which a person responds to an incident. What they do is in incidents/people.py."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from incidents import people
from incidents.models import Incident
from incidents.people import NotPossible
from systems.doors import needs

MAX_NUMBER = 2**31 - 1
SAID = {
    "resolve": "Resolved. Its postmortem is written.",
    "merge": "Merged: its symptoms are there now.",
    "assign": "Assigned.",
    "severity": "The severity is what you say now.",
    "reopen": "Opened again.",
}


@require_POST
@needs("incidents.respond_incident")
def respond(request: HttpRequest, number: int, verb: str) -> HttpResponse:
    """Do one of SAID, and go to where it goes on."""
    if verb not in SAID:
        raise Http404
    try:
        incident = _do(request, number, verb)
    except Incident.DoesNotExist:
        if verb != "merge":
            raise Http404 from None
        messages.error(request, "There is no such incident.")
    except NotPossible as error:
        messages.error(request, f"Not done: {error}.")
    else:
        messages.success(request, SAID[verb])
        number = incident.merged_into_id or number
    return redirect("incident", number=number)


def _do(request: HttpRequest, number: int, verb: str) -> Incident:
    given, who = request.POST, request.user
    assert isinstance(who, User)  # login is required
    note = given.get("note", "")
    if verb == "resolve":
        return people.resolve(number, who, note)
    if verb == "merge":
        return people.merge(number, _number(given.get("into", "")), who, note)
    if verb == "assign":
        return people.assign(number, who, named(given.get("to", "")))
    if verb == "severity":
        return people.set_severity(number, who, given.get("severity", ""), note)
    return people.reopen(number, who, note, given.get("to", "me"))


def _number(text: str) -> int:
    text = text.strip().lstrip("#")
    if not (text.isascii() and text.isdigit() and int(text[:12]) <= MAX_NUMBER):
        raise NotPossible("say the number of the incident it belongs to")
    return int(text[:12])


def named(name: str) -> User | None:
    """The person of that name; None for an empty one. NotPossible when there is none."""
    if not name.strip():
        return None
    found = get_user_model().objects.filter(username=name.strip().replace("\x00", "")).first()
    if found is None:
        raise NotPossible(f"there is nobody called {name.strip()[:80]!r}")
    return found
