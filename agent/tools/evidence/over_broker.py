"""The record of an event as text, from its agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.evidence.json_form import read
from drsn.agent.tools.evidence.cli import summary, text_of
from drsn.agent.tools.operator.client import Client

if TYPE_CHECKING:
    from drsn.agent.mqtt.broker_address import BrokerAddress


def evidence_text(broker: BrokerAddress, prefix: str, sensor: str, event_id: str) -> str:
    """Request a record over a connection of its own, and return it as text.

    Raises:
        UnavailableError: no connection or no answer in time.
        BadDataError: the agent has no such record, or it is not valid.
    """
    with Client(broker, prefix, event_id, sensor=sensor) as client:
        record = read(client.evidence(sensor, event_id))
    return text_of(record, summary(record))
