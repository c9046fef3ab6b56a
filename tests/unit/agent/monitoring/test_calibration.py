from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.monitoring.calibration import LogOdds, calibrated, label_factors
from drsn.model.contract import Label, ModelContract

LABELS = (
    Label(name="ok", condition="normal", healthy=True),
    Label(name="ball_007", condition="ball"),
    Label(name="ball_014", condition="ball"),
    Label(name="outer", condition="outer_race"),
)
CONTRACT = ModelContract(labels=LABELS, window=64, sample_rate_hz=12_000, bandwidth_hz=5_300)


def test_log_odds_are_of_conditions_against_normal():
    log_odds = LogOdds(CONTRACT)
    assert log_odds.conditions == ("ball", "outer_race")
    odds = log_odds(np.array([[0.2, 0.1, 0.3, 0.4], [1.0, 0.0, 0.0, 0.0]], np.float32))
    assert odds[0] == pytest.approx(np.log([2, 2]), abs=1e-5)
    assert np.isfinite(odds[1]).all()


@given(st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4), st.floats(0, 30))
def test_the_log_odds_fall_by_what_the_model_says_too_much(parts: list[float], nats: float):
    probabilities = np.array([parts], np.float32)
    result = calibrated(probabilities, label_factors(CONTRACT, {"ball": nats})[np.newaxis])
    assert result.sum() == pytest.approx(1, abs=1e-5)
    assert (result >= 0).all()
    if min(parts) > 1e-3 and nats < 10:
        before, after = LogOdds(CONTRACT)(probabilities)[0], LogOdds(CONTRACT)(result)[0]
        assert after[0] == pytest.approx(before[0] - nats, abs=1e-2)
        assert after[1] == pytest.approx(before[1], abs=1e-2)
