"""Reads a command from a message, or refuses it with a reason."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from pydantic import ValidationError

from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.schema.documents import REQUEST_ID, CommandDocument

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Message

MAX_BYTES = 49_152
"""Longest payload of a command: a baseline, and room for the rest."""


def name_of(message: Message) -> str | None:
    """The `request_id` of a message, whatever else is wrong with it; None: it has none that a topic may end in."""
    if len(message.payload) > MAX_BYTES:
        return None
    try:
        name = json.loads(message.payload)["request_id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return name if isinstance(name, str) and REQUEST_ID.fullmatch(name) else None


def sensor_of(command: CommandDocument) -> str:
    """The sensor that a command is about.

    Raises:
        RefusedError: the command names no sensor.
    """
    if command.sensor is None:
        raise RefusedError("sensor: missing; name the sensor")
    return command.sensor


def read(message: Message) -> CommandDocument:
    """The command in a message.

    Raises:
        RefusedError: the message is retained, too long, no command, or expired.
    """
    if message.retained:
        raise RefusedError("retained: commands must not be retained, because the broker would repeat them")
    if len(message.payload) > MAX_BYTES:
        raise RefusedError(f"the command is longer than {MAX_BYTES} bytes")
    try:
        command = CommandDocument.model_validate_json(message.payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RefusedError(f"{where}: {first['msg']}" if where else first["msg"]) from None
    received = datetime.fromtimestamp(message.received_unix_ns / 1e9, tz=timezone.utc)
    if command.expires is not None and received >= command.expires:
        raise RefusedError(f"expired at {command.expires.isoformat()}; the agent's clock is {received.isoformat()}")
    return command
