"""Check a network on signals that no machine made: of noise, hum and tones a model has nothing to diagnose.

A training with `augmentation.noise_only_share` uses noise, noise through resonances and shuffled windows as examples of
no fault (drsn.model.training.augmentation). It never uses hum, tones, sweeps, random impulses or a loose contact: on
these the check tests what the network has not seen. Of them, hum decides.

The decision is the agent's own at its default settings: probabilities by condition, abstention, parent conditions, and
votes of 6 of 8 windows. Monitors, sensor faults and gates take no part.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.reading import Reading
from drsn.agent.acquisition.window_batch import WindowBatch
from drsn.agent.backends.onnx import OnnxBackend
from drsn.agent.decision.alarm_engine import AlarmEngine
from drsn.agent.decision.diagnosis import UNKNOWN, Interpreter
from drsn.agent.decision.policy import Policy
from drsn.agent.decision.voting import Quorum
from drsn.model.conditioning import Conditioner
from drsn.model.contract import NORMAL, NoiseCheck, SignalCheck
from drsn.model.errors import BundleError
from drsn.model.foreign_signals import STRANGERS
from drsn.model.shaft_angle import shaft_angle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from drsn.agent.backends.backend import Backend
    from drsn.agent.decision.batch_feed import Decisions
    from drsn.model.bundle import Bundle
    from drsn.model.contract import ModelContract

NOISE_COLUMNS = ("signal", "fault named, % of windows", "unknown, %", "streams with an alarm", "alarm")

STREAMS, WINDOWS = 8, 48
"""Streams of each signal, each a sensor of its own, and windows of each stream: 6 of 8 windows raise an alarm, so 48
show what a share of 50 % and more of windows leads to."""

RISE, FALL = Quorum(6, 8), Quorum(7, 8)
"""The defaults of `alarms.raise_after` and `alarms.clear_after` (drsn.agent.settings.sections)."""

SHUFFLED = "shuffled windows"
"""The samples of the golden windows in random order: values as a machine's, without its rhythm."""

REPORTED = ("tone", "sweep", "random impulses", "loose contact")
"""A machine can have them: a gear mesh, a whistle, impacts at random times. So an alarm on them is reported and does
not refuse the bundle."""

RPM = (600.0, 3600.0)
"""Speeds of the streams, for a network of the order domain."""


def check_on_noise(
    backend: Backend, contract: ModelContract, recorded: NDArray[np.float32], seed: int = 0
) -> NoiseCheck:
    """Run a network on foreign signals, and count the faults that it names and the alarms that these raise.

    Args:
        backend: runs the network, `STREAMS` windows in a call.
        contract: of the network.
        recorded: float32[n, input channels, window], windows of machines; they are shuffled.
        seed: of the signals.
    """
    rng = np.random.default_rng(seed)
    return NoiseCheck(
        raise_after=str(RISE),
        signals=tuple(_checked(name, x, backend, contract) for name, x in signals(contract, recorded, rng)),
    )


def check_network(
    model: bytes, contract: ModelContract, recorded: NDArray[np.float32], where: str, *, force: bool
) -> NoiseCheck:
    """Check an ONNX file; refuse one that names noise.

    Raises:
        BundleError: noise raises alarms, and `force` is not given.
    """
    with OnnxBackend(model, contract, STREAMS) as backend:
        found = check_on_noise(backend, contract, recorded)
    refuse_misled(found, where, force=force)
    return found


def check_bundle(bundle: Bundle) -> NoiseCheck:
    """Check the network of a bundle; the bundle is not changed."""
    with OnnxBackend(bundle.read("model.onnx"), bundle.contract, STREAMS) as backend:
        return check_on_noise(backend, bundle.contract, bundle.golden().x)


def refuse_misled(found: NoiseCheck, where: str, *, force: bool) -> None:
    """Raise if noise raises an alarm, unless the user builds the bundle all the same.

    Raises:
        BundleError: nothing was written.
    """
    if found.refused and not force:
        raise BundleError(
            f"{where}: not exported, nothing was written: {found}; set augmentation.noise_only_share = 0.3 in the "
            "recipe (if it is there: more optimisation.steps, or more recordings) and train again, or build it all the "
            "same with --force"
        )


def noise_table(found: NoiseCheck) -> list[list[str]]:
    """Rows of text under `NOISE_COLUMNS`."""
    return [
        [
            signal.signal,
            f"{100 * signal.named:.1f}",
            f"{100 * signal.abstained:.1f}",
            f"{signal.alarms} of {signal.streams}",
            signal.condition or "",
        ]
        for signal in found.signals
    ]


def noise_lines(found: NoiseCheck) -> list[str]:
    """The check as a table of plain text, and its verdict."""
    rows = [list(NOISE_COLUMNS), *noise_table(found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(NOISE_COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*lines, f"{'warning: ' if found.misled else ''}{found}"]


def signals(
    contract: ModelContract, recorded: NDArray[np.float32], rng: np.random.Generator
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Each signal's name, and its streams: float32[streams, windows, input channels, window], conditioned."""
    shape = (STREAMS, WINDOWS, contract.channels, contract.window)
    condition = Conditioner(contract.window, contract.sample_rate_hz, contract.bandwidth_hz, contract.sample_rate_hz)
    for name, make in STRANGERS.items():
        x = np.empty(shape, np.float32)
        for stream in x:
            for channel in range(contract.channels):
                samples = make(WINDOWS * contract.window, contract.sample_rate_hz, rng)
                stream[:, channel] = samples.reshape(WINDOWS, contract.window)
        yield name, _input(x, condition, contract, rng)
    chosen = recorded[rng.integers(len(recorded), size=shape[:2]), : contract.channels]
    yield SHUFFLED, _input(rng.permuted(chosen, axis=-1), condition, contract, rng)


def _input(
    x: NDArray[np.float32], condition: Conditioner, contract: ModelContract, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The streams as the network gets them: conditioned and, in the order domain, with the shaft's angle."""
    full = np.zeros((*x.shape[:2], contract.input_channels, contract.window), np.float32)
    for stream, out in zip(x, full, strict=True):
        condition(stream, out[:, : contract.channels])
    if contract.domain == "order":
        full[:, :, -1] = shaft_angle(rng.uniform(*RPM, len(x)), contract.window, contract.sample_rate_hz)[:, np.newaxis]
    return full


def _checked(name: str, x: NDArray[np.float32], backend: Backend, contract: ModelContract) -> SignalCheck:
    """Count what the network makes of the streams of one signal."""
    counts, raised = Counter[str](), dict[str, str]()
    for decisions in _decisions(x, backend, contract):
        counts.update(decisions.names[code] for code in decisions.condition.tolist())
        for _, outcome in decisions.outcomes:
            for change in outcome.changes:
                if change.name != UNKNOWN and change.condition.state.active:
                    raised.setdefault(outcome.name, change.name)
    windows = counts.total()
    return SignalCheck(
        signal=name,
        windows=windows,
        named=round((windows - counts[NORMAL] - counts[UNKNOWN]) / windows, 4),
        abstained=round(counts[UNKNOWN] / windows, 4),
        streams=len(x),
        alarms=len(raised),
        decisive=name not in REPORTED,
        condition=next((condition for condition, _ in Counter(raised.values()).most_common(1)), None),
    )


def _decisions(x: NDArray[np.float32], backend: Backend, contract: ModelContract) -> Iterator[Decisions]:
    """The agent's decisions, one batch for each window of the streams."""
    interpret = Interpreter(contract)
    engine = AlarmEngine(contract, "", lambda _sensor: Policy.votes(RISE, FALL))
    window_ns = round(contract.window / contract.sample_rate_hz * 1e9)
    for number in range(x.shape[1]):
        batch, end_ns = WindowBatch(len(x)), (number + 1) * window_ns
        for stream in range(len(x)):
            batch.append(Reading(f"stream-{stream}", end_ns, window_ns, fresh=number == 0, rms=1.0, peak=1.0,
                                 unit=None, clock_synced=True, advance_ns=window_ns))  # fmt: skip
        outputs = backend.infer(np.ascontiguousarray(x[:, number]))
        yield engine.feed_batch(interpret.columns(batch, outputs), [end_ns] * len(x))
