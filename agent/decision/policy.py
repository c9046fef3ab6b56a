"""The alarm policy of a sensor: its rules, its running gate, its severities."""

from __future__ import annotations

from dataclasses import dataclass, field

from drsn.agent.decision.cusum import threshold_nats
from drsn.agent.decision.rule import AlarmRule
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.severity import Urgency
from drsn.agent.decision.voting import Quorum

SENSOR_FAULT_RULE = AlarmRule(Quorum(4, 8), Quorum(8, 8))
"""Raised by half of the windows: a cable that is knocked for a moment is no work order, and windows with a fault decide
nothing about the machine meanwhile. Cleared when eight in a row have no fault."""

CHANGED_RULE = AlarmRule(Quorum(6, 8), Quorum(7, 8), round(threshold_nats(0.1, 0.17, 1), 1))
"""A false alarm in ten sensor-years, for windows of 0.17 s; the votes are not used."""

VIBRATION_LEVEL_RULE = AlarmRule(Quorum(6, 8), Quorum(7, 8), None, 10_000_000_000, 10_000_000_000)
"""Ten seconds, so that a start or a passing load raises no alarm."""


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

    changed: AlarmRule = CHANGED_RULE
    """Rule of `changed`."""

    vibration_level: AlarmRule = VIBRATION_LEVEL_RULE
    """Rule of `vibration_level`."""

    @classmethod
    def votes(cls, rise: Quorum, fall: Quorum) -> Policy:
        """Plain votes, no gate."""
        return cls(AlarmRule(rise, fall), AlarmRule(rise, fall))
