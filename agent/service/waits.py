"""Waits and limits of the service, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from drsn.agent.delivery.alarm_publisher import ALARMS_IN_FLIGHT
from drsn.agent.delivery.outbox import DEFAULT_LIMITS, OutboxLimits
from drsn.agent.storage.group_commit import GROUP_S, LULL_S


@dataclass(frozen=True)
class Waits:
    """The defaults are what the service runs with; tests shorten them."""

    messages_a_turn: int = 32
    """Messages taken in one turn: few, so that the deadline of a batch is kept and a stop is seen soon: 10 ms at 0.3 ms
    a window. A turn has a fixed cost of about one window."""
    overlap: bool = True
    """The network runs a full batch on a thread of its own, while the next batch is received."""
    commands_a_turn: int = 8
    """Commands done in one turn: a flood of commands must not delay the windows."""
    idle_wait_s: float = 0.5
    """The loop turns at least this often: for the watchdog, a lost connection and the health document."""
    drain_s: float = 2.0
    """An ordered stop works this long on the inbox; the broker keeps the other QoS 1 packets for the next run."""
    farewell_s: float = 2.0
    """An ordered stop waits this long for the broker to confirm the last events and the status."""
    ack_age_s: float = 60.0
    """A packet that is not done after this time is given up: the connection is closed, and the broker sends it again
    with all packets behind it. A packet normally takes one batch deadline, one call of the network and one commit."""
    quiet_s: float = 0.5
    """A broker sends retained messages at once; after a pause of this length there are none (lease_acquisition)."""
    group_s: float = GROUP_S
    lull_s: float = LULL_S
    outbox: OutboxLimits = DEFAULT_LIMITS
    alarms_in_flight: int = ALARMS_IN_FLIGHT
