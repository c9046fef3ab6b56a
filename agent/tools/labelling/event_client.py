"""Asks agents about an event: which sensor it is of, and the record of its windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from drsn.agent.evidence.json_form import read
from drsn.agent.evidence.npz_form import MAX_BYTES
from drsn.agent.evidence.record_files import EVENT_ID, read_file
from drsn.agent.settings.broker_options import broker_of, prefix_of
from drsn.agent.tools.operator.client import EVIDENCE_S, Client
from drsn.agent.tools.operator.table import LIVE
from drsn.model.errors import BadDataError, UnavailableError, UsageError, printable

if TYPE_CHECKING:
    import argparse

    from drsn.agent.evidence.record import Record
    from drsn.agent.schema.documents import ReplyDocument
    from drsn.agent.tools.operator.retained_state import RetainedState


def request(arguments: argparse.Namespace, verb: str, event_id: str, fields: dict[str, Any]) -> ReplyDocument:
    """Send a command about an event to the agent that has it; without a sensor, to each agent until one has it.

    Args:
        arguments: with the broker, and perhaps the sensor.
        verb: the command.
        event_id: of the event.
        fields: of the command, besides.

    Returns:
        The first positive reply, else the last refusal.

    Raises:
        BadDataError: the broker has no alarm of the sensor.
        UnavailableError: no connection, no agent, or no answer.
    """
    with client_of(arguments, event_id) as client:
        return _ask(client, arguments.sensor, verb, event_id, fields)


def record_of(arguments: argparse.Namespace, event: str) -> Record:
    """The record of an event, from its file or from the agent.

    Raises:
        UsageError: neither an id nor a file.
        BadDataError: nothing is kept of the event, or it is no record.
        StorageError: the file cannot be read.
        UnavailableError: no connection, no agent, or no answer.
    """
    if not EVENT_ID.fullmatch(event):
        if not Path(event).is_file():
            raise UsageError(f"{printable(event[:80])!r}: neither an event's id nor the file of a record")
        return _parsed(read_file(Path(event), MAX_BYTES), event)
    with client_of(arguments, event) as client:
        reply = _ask(client, arguments.sensor, "evidence", event, {"by": "label"})
        if not reply.ok:
            raise BadDataError(f"event {event}: {reply.reason}")
        return _parsed(client.received_evidence(event), event)


def client_of(arguments: argparse.Namespace, event_id: str) -> Client:
    """A client that receives the evidence of this event."""
    return Client(broker_of(arguments), prefix_of(arguments), event_id, sensor=arguments.sensor)


def sensor_of(retained: RetainedState, event_id: str) -> str | None:
    """The sensor whose alarm names the event; None: no alarm does."""
    for sensor, alarm in retained.alarms.items():
        for each in alarm.get("conditions", ()):
            if event_id in (each.get("event_id"), each.get("false_alarm")):
                return sensor
    return None


def _ask(client: Client, sensor: str | None, verb: str, event_id: str, fields: dict[str, Any]) -> ReplyDocument:
    sensor = sensor or sensor_of(client.retained, event_id)
    statuses = client.retained.statuses
    live = sorted(agent for agent, status in statuses.items() if status["state"] in LIVE)
    agents = live if sensor is None else [client.agent_of(sensor)]
    if not agents:
        raise UnavailableError(f"no agent under {client.prefix} at {client.where} is online; check --prefix")
    for agent in agents:
        reply = next(client.call(agent, verb, {**fields, "sensor": sensor, "event_id": event_id}, EVIDENCE_S))
        if reply.ok:
            return reply
    return reply


def _parsed(data: bytes, name: str) -> Record:
    try:
        record = read(data)
    except BadDataError as error:
        raise BadDataError(f"{printable(name[:80])}: no record of evidence: {error}") from None
    if not EVENT_ID.fullmatch(record.event.event_id):
        raise BadDataError(f"{printable(name[:80])}: no agent makes such an event id")
    return record
