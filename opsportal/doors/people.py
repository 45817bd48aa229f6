"""The page of people: who may come in, with which roles, and since when they were last here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model, password_validation
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from actions import audit
from opsportal.doors import roles
from systems.doors import needs

SEE, ADD, CHANGE = "auth.view_user", "auth.add_user", "auth.change_user"


class NewPerson(forms.Form):
    """An account, its first password and its roles."""

    username = forms.CharField(max_length=150, validators=[User.username_validator])
    password = forms.CharField(widget=forms.PasswordInput)
    roles: Any = forms.ModelMultipleChoiceField(Group.objects.all(), required=False)

    def clean_username(self) -> str:
        name = str(self.cleaned_data["username"])
        if get_user_model()._default_manager.filter(username__iexact=name).exists():
            raise ValidationError(f"there is an account {name} already")
        return name

    def clean_password(self) -> str:
        text = str(self.cleaned_data["password"])
        password_validation.validate_password(text)
        return text


@require_GET
@needs(SEE)
def index(request: HttpRequest) -> HttpResponse:
    """Everybody with an account, and what each role may."""
    return _page(request, NewPerson())


def _page(request: HttpRequest, form: NewPerson, status: int = 200) -> HttpResponse:
    people = User.objects.prefetch_related("groups").order_by("-is_active", "username")
    context = {
        "people": people,
        "roles": roles.ROLES,
        "groups": Group.objects.order_by("pk"),
        "form": form,
        "may_add": request.user.has_perm(ADD),
        "may_change": request.user.has_perm(CHANGE),
    }
    return render(request, "opsportal/people.html", context, status=status)


@require_POST
@needs(SEE, ADD, CHANGE)
def new(request: HttpRequest) -> HttpResponse:
    """Make an account."""
    form = NewPerson(request.POST)
    if not form.is_valid():
        return _page(request, form, 422)
    with transaction.atomic():
        name = form.cleaned_data["username"]
        user = User.objects.create_user(name, password=form.cleaned_data["password"])
        user.groups.set(form.cleaned_data["roles"])
        _tell(request, "user.made", name, {"roles": _names(user)})
    messages.success(request, f"{name} can log in with that password now.")
    return redirect("people")


@require_POST
@needs(SEE, CHANGE)
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Give and take roles, or let somebody in no more. Nobody changes themselves: whoever locks themselves out could
    not undo it; and who may do everything without a role is not changed here."""
    with transaction.atomic():
        user = get_object_or_404(User.objects.select_for_update(of=("self",)), pk=pk)
        if user.pk == request.user.pk:
            messages.error(request, "Nobody changes their own roles: ask another administrator.")
        elif user.is_superuser:
            messages.error(
                request, f"{user.username} may do everything: that is changed with ./ops manage only."
            )
        elif request.POST.get("do") in ("let_in", "shut_out"):
            user.is_active = request.POST["do"] == "let_in"
            user.save(update_fields=["is_active"])
            _tell(request, "user.let_in" if user.is_active else "user.shut_out", user.username, {})
            messages.success(
                request,
                f"{user.username} {'can log in again' if user.is_active else 'cannot log in any more'}.",
            )
        else:
            _give(request, user)
    return redirect("people")


def _give(request: HttpRequest, user: User) -> None:
    before = _names(user)
    wanted = [int(n) for n in request.POST.getlist("roles") if n.isdecimal()]
    user.groups.set(Group.objects.filter(pk__in=wanted))
    after = _names(user)
    if after != before:
        _tell(request, "user.roles", user.username, {"before": before, "after": after})
    messages.success(request, f"{user.username} has {', '.join(after) or 'no role'} now.")


def _names(user: User) -> list[str]:
    return sorted(user.groups.values_list("name", flat=True))


def _tell(request: HttpRequest, verb: str, target: str, data: dict[str, Any]) -> None:
    audit.append(request.user.get_username(), verb, target=target[:80], data=data)
