"""Puts commissioning together from the settings."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from drsn.agent.decision.commissioning import Commissioning
from drsn.agent.decision.largest_allowance import largest_allowance
from drsn.agent.observability.logs import fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drsn.agent.backends.backend import Backend
    from drsn.agent.decision.alarm_state import SensorState
    from drsn.agent.settings.sections import CommissionSection
    from drsn.model.bundle import Bundle

log = logging.getLogger(__name__)


def commissioning_of(
    section: CommissionSection, bundle: Bundle, backend: Backend, max_batch: int, sensors: Mapping[str, SensorState]
) -> Commissioning:
    """The commissioning of one agent. It logs how many sensors have a baseline that was learnt for another bundle."""
    others = [n for n, s in sensors.items() if s.commission and s.commission.bundle_sha256 != bundle.sha256]
    if others:
        log.warning(
            "commissioned for another bundle: not in use, commission them again",
            extra=fields(sensors=len(others), first=others[0]),
        )
    contract = bundle.contract

    @cache  # 0.4 s of the network, and only when the first machine is to be commissioned
    def most() -> float:
        return largest_allowance(contract, backend, max_batch)

    return Commissioning(bundle.sha256, contract.abstention_threshold, most, section.seconds, section.give_up_after_s)
