"""The alarm policy of a sensor: its rules, its running gate, its severities."""

from __future__ import annotations

from dataclasses import dataclass, field

from drsn.agent.decision.rule import AlarmRule
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.severity import Urgency
from drsn.agent.decision.voting import Quorum

SENSOR_FAULT_RULE = AlarmRule(Quorum(4, 8), Quorum(8, 8))
"""Raised by half of the windows: a cable that is knocked for a moment is no work order, and windows with a fault decide
nothing about the machine meanwhile. Cleared when eight in a row have no fault."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The alarm policy of one sensor. Its fields are stored in evidence records."""

    machine: AlarmRule
    """Rule of the bundle's conditions."""
    unknown: AlarmRule
    """Rule of `unknown`. By votes: an abstention has no likelihood."""
    sensor_fault: AlarmRule = SENSOR_FAULT_RULE
    limits: GateLimits = field(default_factory=GateLimits)
    """When the machine counts as running."""

    silent_after_s: float = 30.0
    """Seconds without a window after which a sensor is silent, at the earliest; 0: never."""

    require_ack: bool = False
    """An alarm that is cleared before it was acknowledged stays `cleared_unacked`."""

    latch: bool = False
    """An alarm about the machine stays until it is reset."""

    urgency: Urgency = field(default_factory=Urgency)

    @classmethod
    def votes(cls, rise: Quorum, fall: Quorum) -> Policy:
        """Plain votes, no gate."""
        return cls(AlarmRule(rise, fall), AlarmRule(rise, fall))
