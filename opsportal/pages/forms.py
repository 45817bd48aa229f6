"""Forms of the settings page."""

from __future__ import annotations

from typing import Any

from django import forms

from actions.models import PolicyRule
from systems.models import System


class PolicyRuleForm(forms.Form):
    """One override of the built-in policy."""

    action = forms.CharField(max_length=80, required=False)
    system: Any = forms.ModelChoiceField(System.objects.all(), required=False, empty_label="every system")
    verdict = forms.ChoiceField(choices=PolicyRule.Verdict.choices)
    approval_seconds = forms.IntegerField(min_value=5, max_value=604_800, required=False)
    note = forms.CharField(max_length=300, required=False)

    def clean_action(self) -> str:
        """Slugs are written with dashes; underscores are accepted."""
        return str(self.cleaned_data["action"]).strip().lower().replace("_", "-") or "*"
