"""What a request of the page may hold: paths, numbers and the body of a command."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drsn.agent.mqtt.sensor_id import SENSOR_ID, legal_sensor
from drsn.agent.schema.documents import REQUEST_ID
from drsn.agent.tools.web.guard import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

ID: Final = f"^{SENSOR_ID.pattern}$"


class CommandRequest(BaseModel):
    """Body of `POST /api/command`."""

    model_config = ConfigDict(extra="forbid")

    agent: str = Field(pattern=ID)
    verb: Literal[
        "ack", "reset", "shelve", "unshelve", "out_of_service", "in_service", "false_alarm", "forget"
    ]  # fmt: skip
    sensor: str = Field(pattern=ID)
    by: str = Field(min_length=1, max_length=64)
    condition: str | None = Field(default=None, max_length=64)
    event_id: str | None = Field(default=None, max_length=64)
    comment: str | None = Field(default=None, max_length=500)
    duration_s: float | None = Field(default=None, gt=0, le=28_800)


def command_request(body: bytes) -> CommandRequest:
    """Read the body of a command.

    Raises:
        Refusal: 400, with the field that is wrong.
    """
    try:
        return CommandRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        raise Refusal(400, f"the command is not valid: {where or 'body'}: {first['msg']}") from None


def sensor_in(path: Mapping[str, str]) -> str:
    """The sensor of a path.

    Raises:
        Refusal: 404, no sensor can have this id.
    """
    sensor = path["sensor"]
    if not legal_sensor(sensor):
        raise Refusal(404, f"{sensor[:64]!r} is no sensor's id")
    return sensor


def event_in(path: Mapping[str, str]) -> str:
    """The event of a path.

    Raises:
        Refusal: 404, no event can have this id.
    """
    event_id = path["event_id"]
    if not REQUEST_ID.fullmatch(event_id):
        raise Refusal(404, f"{event_id[:64]!r} is no event's id")
    return event_id


def number_in(query: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    """A number of the query.

    Raises:
        Refusal: 400, it is none, or out of range.
    """
    text = query.get(name)
    try:
        value = default if text is None else float(text[:32])
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise Refusal(400, f"{name}: give a number from {least:g} to {most:g}")
    return value
