"""Fetches the record of an event from its agent, over a connection of its own. Blocks; for a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.evidence.json_form import read
from drsn.agent.tools.operator.client import Client
from drsn.agent.tools.web.guard import Refusal
from drsn.model.errors import BadDataError, UnavailableError

if TYPE_CHECKING:
    from drsn.agent.evidence.record import Record
    from drsn.agent.mqtt.broker_address import BrokerAddress


def fetched(broker: BrokerAddress, prefix: str, sensor: str, event_id: str) -> Record:
    """Ask the agent of a sensor for a record.

    Raises:
        Refusal: 504, there is no connection or no answer; 409, the agent has no such record, or it is not valid.
    """
    try:
        with Client(broker, prefix, event_id, sensor=sensor) as client:
            return read(client.evidence(sensor, event_id))
    except UnavailableError as error:
        raise Refusal(504, str(error)) from None
    except BadDataError as error:
        raise Refusal(409, str(error)) from None
