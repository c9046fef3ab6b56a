"""The verb `commission`, and what it needs of the network: how novel noise and hum are to it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.decision.commissioning import Commissioner, CommissionRequest
from drsn.agent.observability.logs import fields
from drsn.agent.rpc.dispatcher import Work, sensor_of
from drsn.model.conditioning import Conditioner
from drsn.model.foreign_signals import STRANGERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.backends.backend import Backend
    from drsn.agent.decision.alarm_engine import AlarmEngine
    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.schema.documents import CommandDocument
    from drsn.agent.settings.sections import CommissionSection
    from drsn.model.bundle import Bundle
    from drsn.model.contract import ModelContract

NOISES = ("gaussian noise", "pink noise", "hum")
"""What a sensor brings that has come off its machine; whatever is commissioned, that stays unknown."""

WINDOWS = 256
"""Of each; 0.4 s once, for the network of `cwru` on one core of a PC."""

REFUSED = 0.99
"""Of each of them, at the largest allowance; of a thousand others it was 98 % at least (benchmarks/commission.py)."""

log = logging.getLogger(__name__)


def commissioner_of(
    section: CommissionSection, bundle: Bundle, backend: Backend, max_batch: int, sensors: Mapping[str, SensorState]
) -> Commissioner:
    """For one agent; names in the log those sensors whose commissioning was for another bundle."""
    others = [n for n, s in sensors.items() if s.commission and s.commission.bundle_sha256 != bundle.sha256]
    if others:
        log.warning(
            "commissioned for another bundle: not in use, commission them again",
            extra=fields(sensors=len(others), first=others[0]),
        )
    contract, most = bundle.contract, [float("nan")]

    def asked_once() -> float:
        if np.isnan(most[0]):
            most[0] = most_allowance(contract, backend, max_batch)
        return most[0]

    return Commissioner(
        bundle.sha256, contract.abstention_threshold, asked_once, section.seconds, section.give_up_after_s
    )


def verb(pipeline: AlarmEngine, seconds: float) -> Callable[[CommandDocument, int], Work]:
    """What does `commission`."""

    def commission(command: CommandDocument, _now_unix_ns: int) -> Work:
        name = sensor_of(command)
        if command.undo:
            was = pipeline.commission(name)
            outcome = pipeline.undo_commission(name, command.by)
            return Work() if outcome is None else Work((outcome,), commission=was)
        pipeline.begin_commission(
            name, CommissionRequest(command.request_id, command.by, command.comment, command.gate)
        )
        return Work(pending=f"0 of {seconds:g} s")

    return commission


def most_allowance(contract: ModelContract, backend: Backend, max_batch: int) -> float:
    """The largest allowance of novelty at which noise and hum are still refused; 0 at least.

    Args:
        contract: of the model; it has an abstention threshold.
        backend: that runs it.
        max_batch: windows that it takes at once.
    """
    assert contract.abstention_threshold is not None
    rng, rate_hz = np.random.default_rng(0), contract.sample_rate_hz
    condition = Conditioner(contract.window, rate_hz, contract.bandwidth_hz, rate_hz)
    x = np.empty((WINDOWS, contract.channels, contract.window), np.float32)
    least = np.inf
    for kind in NOISES:
        for row in x:
            native = [STRANGERS[kind](contract.window, rate_hz, rng) for _ in range(contract.channels)]
            condition(np.stack(native), row)
        said = [backend.infer(x[at : at + max_batch]).novelty.copy() for at in range(0, WINDOWS, max_batch)]
        # One that is no number is refused whatever is allowed.
        novelty = np.nan_to_num(np.concatenate(said), nan=np.inf)
        least = min(least, float(np.quantile(novelty, 1 - REFUSED, method="lower")))
    return max(0.0, least - contract.abstention_threshold)
