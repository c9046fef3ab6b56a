"""Whether a value may be used, from what the broker and the agent report."""

from __future__ import annotations

from enum import Enum


class Quality(Enum):
    """Status code of the values of a sensor, by the name that OPC UA gives it."""

    GOOD = "Good"
    NOT_WATCHED = "UncertainLastUsableValue"
    """The agent does not diagnose the sensor; the status code `UncertainLastUsableValue`."""
    NO_BROKER = "UncertainNoCommunicationLastUsableValue"
    """The bridge has no connection to the broker."""
    NO_AGENT = "BadNoCommunication"
    """The agent is offline, was stopped, or has no status: its alarms are not valid (docs/reference/mqtt.md)."""


_VALID_STATES = ("online", "degraded")


def quality_of(agent_state: str | None, *, connected: bool, watched: bool) -> Quality:
    """The quality of a sensor's values.

    Args:
        agent_state: state of its agent's status; None: there is no status.
        connected: the bridge has a connection to the broker.
        watched: the agent diagnoses the sensor.
    """
    if not connected:
        return Quality.NO_BROKER
    if agent_state not in _VALID_STATES:
        return Quality.NO_AGENT
    return Quality.GOOD if watched else Quality.NOT_WATCHED
