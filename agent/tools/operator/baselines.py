"""Files of health baselines at the command line: show, write, read, and compare two."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from drsn.agent.monitoring.baseline_features import ENVELOPE, LEVEL, MODEL, SPECTRUM, BaselineFeatures
from drsn.agent.monitoring.baseline_file import MAX_BYTES, BaselineFile
from drsn.agent.monitoring.baseline_labels import feature_names
from drsn.model.contract import Label, ModelContract
from drsn.model.errors import BadDataError, StorageError, UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drsn.agent.monitoring.baseline_features import BaselineSignal
    from drsn.agent.monitoring.baseline_model import HealthBaseline, OperatingState

DB_PER_NAT = 10 / math.log(10)
"""Decibels of power in a nat; a level is the logarithm of an amplitude and has twice as many."""


def read_baseline(path: Path) -> BaselineFile:
    """Read a file.

    Raises:
        StorageError: it cannot be read.
        BadDataError: it is no baseline.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise BadDataError(f"{path}: not a baseline; export one with `commission --export`") from None
    return BaselineFile.of_text(text, str(path))


def write_baseline(path: Path, sensor: str, text: str | None) -> None:
    """Write the text of a sensor's baseline to a new file.

    Raises:
        BadDataError: the sensor's baseline is of an earlier version and has no file.
        UsageError: the file exists.
        StorageError: it cannot be written.
    """
    if text is None:
        raise BadDataError(f"{sensor}: learnt by an earlier version, there is nothing to export; commission it again")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except FileExistsError:
        raise UsageError(f"{path}: exists; name another file") from None
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None


def shown_lines(text: str | None, unknown_state: int | None) -> Iterator[str]:
    """A baseline in a few lines: its states, and what the model overstates."""
    if text is None:
        yield "  no health baseline: learnt by an earlier version, commission the machine again"
        return
    file = BaselineFile.of_text(text)
    baseline = file.baseline
    yield f"  {printable(file.source)}: windows of {file.signal}"
    for state in baseline.states:
        yield f"  state: {_middle(baseline, state)}, {state.windows} windows"
    too_much = [f"{name} by {nats:.1f} nats" for name, nats in baseline.fault_nats.items() if nats]
    yield f"  the model overstates: {', '.join(too_much) or 'nothing'}"
    if unknown_state is not None:
        yield f"  unknown operating state: {unknown_state} windows since the agent's start"


def differences(first: BaselineFile, second: BaselineFile) -> list[dict[str, Any]]:
    """The features of the second file's states that differ from the nearest state of the first.

    Raises:
        BadDataError: the files are of different signals, or one has a speed and the other has none.
    """
    if first.signal != second.signal or first.baseline.by_speed != second.baseline.by_speed:
        raise BadDataError(
            f"{first.source} and {second.source} cannot be compared: {_kind(first)}, and {_kind(second)}"
        )
    one, other = first.baseline, second.baseline
    names = feature_names(BaselineFeatures(_contract(first.signal)), by_speed=one.by_speed)
    found = []
    for state in other.states:
        nearest = min(one.states, key=lambda each: abs(each.middle - state.middle))
        by = np.nan_to_num(state.location - nearest.location)
        beyond = np.abs(by) > one.margin + np.maximum(state.scale, nearest.scale)
        if abs(state.middle - nearest.middle) > one.width:
            found.append({"state": _middle(other, state), "what": "no such state in the first", "by": 0.0, "unit": ""})
        for feature in np.flatnonzero(beyond).tolist():
            size, unit = _in_unit(feature, float(by[feature]))
            found.append({"state": _middle(other, state), "what": names[feature], "by": size, "unit": unit})
    return found


def _in_unit(feature: int, nats: float) -> tuple[float, str]:
    if LEVEL.start <= feature < LEVEL.stop:
        return round(2 * DB_PER_NAT * nats, 1), "dB"
    if SPECTRUM.start <= feature < ENVELOPE.stop:
        return round(DB_PER_NAT * nats, 1), "dB"
    return (round(nats, 1), "nats") if feature == MODEL.start else (round(100 * math.expm1(nats), 1), "%")


def _middle(baseline: HealthBaseline, state: OperatingState) -> str:
    value = math.exp(state.middle)
    return f"{value:.0f} rpm" if baseline.by_speed else f"RMS {value:.3g}"


def _kind(file: BaselineFile) -> str:
    return f"{file.signal}, {'with' if file.baseline.by_speed else 'without'} a speed"


def _contract(signal: BaselineSignal) -> ModelContract:
    """A contract with the signal; it has no model."""
    labels = (Label(name="normal", condition="normal", healthy=True), Label(name="fault", condition="fault"))
    return ModelContract(
        labels=labels,
        window=signal.window,
        channels=signal.channels,
        sample_rate_hz=signal.sample_rate_hz,
        bandwidth_hz=signal.bandwidth_hz,
    )
