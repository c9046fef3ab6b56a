"""What tests of every kind share."""

from __future__ import annotations

import pytest

from drsn.model.contract import Label, ModelContract, Severity


pytest_plugins = ("servers",)


@pytest.fixture
def contract() -> ModelContract:
    """A small model: four labels, two fault conditions, windows of 256 samples at 12 kHz."""
    return ModelContract(
        labels=(
            Label(name="normal", condition="normal", healthy=True),
            Label(name="inner_race_007", condition="inner_race", severity=Severity.MINOR),
            Label(name="inner_race_014", condition="inner_race", severity=Severity.CRITICAL),
            Label(name="ball", condition="ball", severity=Severity.MAJOR),
        ),
        window=256,
        sample_rate_hz=12_000,
        bandwidth_hz=5_300,
        abstention_threshold=0.0,
    )
