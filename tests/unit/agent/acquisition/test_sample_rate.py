from __future__ import annotations

import pytest

from drsn.agent.acquisition.codecs import PacketError, Reason
from drsn.agent.acquisition.sample_rate import (
    MAX_WINDOW_SAMPLES,
    RATE_TOLERANCE,
    check_rate,
    declared_rate_hz,
    steady_rate_hz,
)


def test_the_packet_s_own_rate_comes_before_the_input_s():
    assert declared_rate_hz(12_000.0, 8_000.0) == 12_000.0
    assert declared_rate_hz(None, 8_000.0) == 8_000.0
    with pytest.raises(PacketError, match="no sample rate") as refused:
        declared_rate_hz(None, None)
    assert refused.value.reason is Reason.WRONG_RATE


@pytest.mark.parametrize(
    ("rate_hz", "text"), [(8_000.0, "holds no 5300 Hz"), (2e6, "is above 1e\\+06 Hz"), (12_000.0, None), (1e6, None)]
)
def test_a_rate_that_the_model_can_not_use_is_refused(contract, rate_hz: float, text: str | None):
    if text is None:
        check_rate(rate_hz, contract)
        return
    with pytest.raises(PacketError, match=text) as refused:
        check_rate(rate_hz, contract)
    assert refused.value.reason is Reason.WRONG_RATE


def test_a_rate_whose_window_would_be_too_long_is_refused(contract):
    slow = contract.model_copy(update={"sample_rate_hz": 60.0, "bandwidth_hz": 20.0})
    assert 1e6 * slow.window > MAX_WINDOW_SAMPLES * slow.sample_rate_hz
    with pytest.raises(PacketError, match="a window has more than"):
        check_rate(1e6, slow)


def test_a_rate_that_hardly_differs_is_the_same():
    assert steady_rate_hz(12_000 * (1 + 0.9 * RATE_TOLERANCE), 12_000.0) == 12_000.0
    assert steady_rate_hz(12_000 * (1 + 1.1 * RATE_TOLERANCE), 12_000.0) != 12_000.0
    assert steady_rate_hz(12_000.0, None) == 12_000.0
