"""Incidents sampled from the model itself, under stress: the figures are printed, the floors are asserted."""

from __future__ import annotations

from tests.agent.reasoner import simulate


def test_accuracy_and_calibration_under_stress() -> None:
    score = simulate.run(250, seed=7)
    print(f"\nsimulated stress: {score}")
    assert score.right > score.counting + 0.1
    assert score.right >= 0.62
    assert score.sure >= 60
    assert score.sure_right >= 0.93
    assert score.calibration_error <= 0.08
    assert score.pairs_found >= score.pairs * 0.3
