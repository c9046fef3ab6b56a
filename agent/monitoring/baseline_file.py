"""A health baseline as a file: JSON that can be shown, exported, compared, and carried to a twin machine."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from drsn.agent.monitoring.baseline_features import FEATURES, BaselineSignal
from drsn.agent.monitoring.baseline_model import MAX_STATES, MOST_DEPENDENCE, HealthBaseline, OperatingState
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


FORMAT: Final = "drsn-baseline"
VERSION: Final = 1
MAX_BYTES: Final = 40_000
"""Eight states are 24 kB. A command holds one (drsn.agent.rpc.request)."""

_DIGITS = 4  # after the point; all numbers are logarithms, or nats


@dataclass(frozen=True, slots=True, eq=False)
class BaselineFile:
    """A health baseline and where it comes from."""

    baseline: HealthBaseline
    signal: BaselineSignal
    bundle_sha256: str
    """Of the model whose log-odds were learnt; of another model they say nothing."""
    source: str
    """The sensor, or the folder of recordings."""

    def to_text(self) -> str:
        """JSON, read by `of_text`."""
        baseline = self.baseline
        document = {
            "format": FORMAT,
            "version": VERSION,
            "source": self.source,
            "bundle_sha256": self.bundle_sha256,
            "signal": {
                "window": self.signal.window,
                "sample_rate_hz": self.signal.sample_rate_hz,
                "bandwidth_hz": self.signal.bandwidth_hz,
                "channels": self.signal.channels,
            },
            "by_speed": baseline.by_speed,
            "states": [_state(state) for state in baseline.states],
            "elsewhere": _state(baseline.elsewhere),
            "fault_nats": {name: round(nats, _DIGITS) for name, nats in baseline.fault_nats.items()},
        }
        return json.dumps(document, separators=(",", ":"))

    @classmethod
    def of_text(cls, text: str, name: str = "the baseline") -> BaselineFile:
        """Read a file's text.

        Args:
            text: as `to_text` gives it.
            name: of the file, for the message.

        Raises:
            BadDataError: it is not such a file, or of another version.
        """
        if len(text) > MAX_BYTES:
            raise BadDataError(f"{name}: {len(text)} bytes are not a baseline; export one with `commission --export`")
        try:
            document = json.loads(text)
            if document["format"] != FORMAT:
                raise BadDataError(f"{name}: not a baseline; export one with `commission --export`")
            if document["version"] != VERSION:
                raise BadDataError(
                    f"{name}: a baseline of version {document['version']}, version {VERSION} is needed; export it again"
                )
            return _read(document)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise BadDataError(f"{name}: not a baseline ({str(error)[:80]}); export it again") from None


def _state(state: OperatingState) -> dict[str, Any]:
    numbers: dict[str, Any] = {"middle": round(state.middle, 6), "windows": state.windows}
    for name in ("location", "scale", "dependence"):
        numbers[name] = [_number(value) for value in getattr(state, name).tolist()]
    numbers["cost"] = [[_number(value) for value in row] for row in state.cost.tolist()]
    return numbers


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, _DIGITS)


def _read(document: dict[str, Any]) -> BaselineFile:
    signal, states = document["signal"], [_read_state(state) for state in document["states"]]
    if not 1 <= len(states) <= MAX_STATES:
        raise ValueError(f"{len(states)} states")
    if not isinstance(document["by_speed"], bool):
        raise TypeError("by_speed")
    fault_nats = {str(name): _finite(nats) for name, nats in document["fault_nats"].items()}
    if any(nats < 0 for nats in fault_nats.values()):
        raise ValueError("fault_nats below 0")
    return BaselineFile(
        HealthBaseline(document["by_speed"], tuple(states), _read_state(document["elsewhere"]), fault_nats),
        BaselineSignal(
            int(signal["window"]), _finite(signal["sample_rate_hz"]), _finite(signal["bandwidth_hz"]),
            int(signal["channels"]),
        ),
        str(document["bundle_sha256"]),
        str(document["source"])[:200],
    )  # fmt: skip


def _read_state(document: dict[str, Any]) -> OperatingState:
    location, scale, dependence = (_floats(document[name]) for name in ("location", "scale", "dependence"))
    cost = np.stack([_floats(row) for row in document["cost"]])
    if cost.shape != (2, FEATURES) or not (cost >= 0).all():
        raise ValueError("cost")
    if not (scale > 0).all() or not ((dependence >= 1) & (dependence <= MOST_DEPENDENCE)).all():
        raise ValueError("scale or dependence")
    if np.isinf(location).any():
        raise ValueError("location")
    return OperatingState(_finite(document["middle"]), int(document["windows"]), location, scale, dependence, cost)


def _floats(values: list[float | None]) -> NDArray[np.float32]:
    array = np.array([np.nan if value is None else value for value in values], np.float32)
    if array.shape != (FEATURES,):
        raise ValueError(f"{array.shape} numbers, {FEATURES} expected")
    return array


def _finite(value: float) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is not a number")
    return number
