"""Every way to attack, in the order in which they run."""

from __future__ import annotations

from opsportal.attack.base import Part
from opsportal.attack.parts import approvals, input, kills, messages, patient_down, silence, starved

PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part(
            "kills",
            "each own process and store killed, alone and in pairs, in the middle of incidents",
            kills.run,
        ),
        Part("approvals", "the gate from all sides", approvals.run),
        Part("messages", "forged, repeated and lost messages", messages.run),
        Part("input", "nasty values everywhere", input.run),
        Part("starved", "busy loops beside the portal", starved.run),
        Part("patient-down", "every system under care is ill", patient_down.run),
        Part("silence", "nobody answers an approval", silence.run),
    )
}
