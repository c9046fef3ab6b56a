"""What tests of every kind share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from drsn.model.contract import Label, ModelContract, Severity

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("plant", "servers")

TINY: dict[str, Any] = {
    "name": "tiny",
    "version": "1",
    "labels": [
        {"name": "normal", "condition": "normal", "healthy": True},
        {"name": "inner_race", "condition": "inner_race"},
        {"name": "outer_race", "condition": "outer_race"},
    ],
    "signal": {"window": 512, "sample_rate_hz": 12_000, "bandwidth_hz": 5_300},
    "data": {
        "source": "synthetic",
        "train_machines": 6,
        "validation_machines": 2,
        "test_machines": 2,
        "train_s": 0.3,
        "test_s": 0.3,
    },
    "network": {"stages": [{"channels": 16}]},
    "optimisation": {"steps": 8, "batch": 16},
    "evaluation": {"snr_db": [0.0], "noises": ["gaussian", "pink"], "accepted_snr_db": [0.0]},
}


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


@pytest.fixture
def tiny() -> dict[str, Any]:
    """The document of a recipe that trains in a second."""
    return {**TINY}


@pytest.fixture(scope="session")
def checkpoint_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `drsn-train` leaves of the tiny recipe; needs torch."""
    from drsn.model.recipe import recipe_from
    from drsn.model.training.train import train

    path = tmp_path_factory.mktemp("trained") / "checkpoint.pt"
    train(recipe_from(TINY, "tiny"), lambda _step, _loss: None).checkpoint.save(path)
    return path
