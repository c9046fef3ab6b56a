"""A recipe that trains in a second, and the folder of real data."""

import os
from pathlib import Path
from typing import Any

import pytest

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
    "evaluation": {"snr_db": [0.0], "noises": ["gaussian", "pink"], "acceptance_snr_db": [0.0]},
}


@pytest.fixture
def tiny() -> dict[str, Any]:
    """The document of the tiny recipe."""
    return {**TINY}


@pytest.fixture
def cwru_folder() -> Path:
    """The official CWRU files; missing is a skip on a laptop and a failure in CI."""
    folder = Path(os.environ.get("DRSN_DATA_DIR", "missing")) / "cwru"
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail("CI must set DRSN_DATA_DIR to the folder that holds cwru/")
        pytest.skip("no CWRU data: set DRSN_DATA_DIR to the folder that holds cwru/")
    return folder
