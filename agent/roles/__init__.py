"""Which object plays which role. One line each: a model behind the same interface goes here."""

from __future__ import annotations

from agent.roles.base import Diagnoser, Executor, Validator
from agent.roles.diagnoser import ReasoningDiagnoser
from agent.roles.executor import GateExecutor
from agent.roles.validator import MeasuringValidator


def diagnoser() -> Diagnoser:
    return ReasoningDiagnoser()


def executor() -> Executor:
    return GateExecutor()


def validator() -> Validator:
    return MeasuringValidator()
