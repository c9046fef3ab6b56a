"""When a sensor's conditions are raised and cleared, and when nobody judges its machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from drsn.agent.decision.rule import Terms
from drsn.agent.decision.running_gate import GateLimits
from drsn.agent.decision.severity import Urgency
from drsn.agent.decision.voting import Quorum

SENSOR_FAULT_TERMS = Terms(Quorum(4, 8), Quorum(8, 8))
"""Half of the windows: a cable that is knocked for a moment is no work order, and windows with a fault decide nothing
meanwhile. It is over when eight in a row are well."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Of one sensor."""

    machine: Terms
    """Of the bundle's conditions."""
    unknown: Terms
    """By votes: that the model abstains has no likelihood."""
    sensor_fault: Terms = SENSOR_FAULT_TERMS
    limits: GateLimits = field(default_factory=GateLimits)
    """When the machine runs."""

    silent_after_s: float = 30.0
    """Without a window, at the earliest; 0: never."""

    require_ack: bool = False
    """An alarm that nobody has acknowledged stays in sight when it is over."""

    latch: bool = False
    """A fault that the model found stays until it is reset."""

    urgency: Urgency = field(default_factory=Urgency)

    @classmethod
    def votes(cls, rise: Quorum, fall: Quorum) -> Policy:
        """Plain votes, no gate."""
        return cls(Terms(rise, fall), Terms(rise, fall))
