"""The verb `events`: the journal of a sensor, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drsn.agent.rpc.reply import Work
from drsn.agent.rpc.request import sensor_of
from drsn.agent.schema.documents import EventDocument, parsed

if TYPE_CHECKING:
    from drsn.agent.rpc.context import CommandContext
    from drsn.agent.schema.documents import CommandDocument

EVENTS: Final = 100
"""Events of one answer: 100 kB."""


def events(context: CommandContext, command: CommandDocument, _now_unix_ns: int) -> Work:
    """The events from `from_seq` on; damaged ones are named."""
    sensor = sensor_of(command)
    found = context.journal.events(sensor, command.from_seq, EVENTS + 1)
    documents = {seq: parsed(EventDocument, event) for seq, event in found[:EVENTS]}
    readable = tuple(event for event in documents.values() if event is not None)
    unreadable = tuple(seq for seq, event in documents.items() if event is None)
    if unreadable:
        context.errors.write(("events", sensor), "events of the journal are damaged", sensor=sensor, seq=unreadable)
    return Work(events=readable, more=len(found) > EVENTS, unreadable=unreadable)
