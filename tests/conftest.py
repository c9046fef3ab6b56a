"""What tests of every kind share."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from drsn.model.contract import Label, ModelContract, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest_plugins = ("plant", "servers", "other_brokers")

# For torch, numpy and every process that a test starts. Threads that spin while they wait take the cores from the tests
# beside this one: a training of two seconds took 35.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Networks this small gain nothing by a second thread, and wait for cores that others use: a seventh of the processor.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Property tests: few examples at a desk, many in CI, where they are the same in each run. No deadline for one example:
# the machine may be busy.
settings.register_profile("desk", deadline=None, max_examples=25)
settings.register_profile("ci", deadline=None, max_examples=200, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")

SLOW_S = 10.0
"""A test that takes longer carries the marker `slow`, or is made faster."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

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
    "selection": {"compare": "none"},
    "optimisation": {"steps": 8, "batch": 16},
    "evaluation": {"snr_db": [0.0], "noises": ["gaussian", "pink"], "accepted_snr_db": [0.0]},
}


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    """A command that runs within a test sets the level of the root logger; the next test has that of pytest."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


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


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are made and saved, but not drawn, which takes a second for each; one test of each picture draws it."""

    def savefig(_figure: object, path: Path, **_options: object) -> None:
        path.write_bytes(PNG_SIGNATURE)

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", savefig)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that took long and carry no marker. A report, never a failure: another machine may be slower."""
    seconds: dict[str, float] = {}
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if isinstance(report, pytest.TestReport) and "slow" not in report.keywords:
            seconds[report.nodeid] = seconds.get(report.nodeid, 0.0) + report.duration
    if long := {test: duration for test, duration in seconds.items() if duration > SLOW_S}:
        terminalreporter.section(f"more than {SLOW_S:g} s, and not marked slow")
        for test, duration in sorted(long.items(), key=lambda pair: -pair[1]):
            terminalreporter.line(f"{duration:6.1f} s  {test}")
