"""Finds events by their id: in the alarm states, in the journal, and among the records of evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drsn.agent.decision.operator_action import RefusedError
from drsn.agent.evidence.record_files import FOLDER, find
from drsn.agent.schema.documents import EventDocument, parsed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drsn.agent.rpc.context import CommandContext

NEWEST: Final = 10_000
"""Events of a sensor that are searched, from the newest back. An id takes 2 µs, so this is 20 ms at most."""

NO_SUCH_EVENT: Final = "no such event here: no record of it is kept; name its sensor to search the journal too"


def sensor_of_event(context: CommandContext, event_id: str) -> str:
    """The sensor of an event whose evidence is kept.

    Raises:
        RefusedError: none is kept of such an event.
    """
    path = None if context.state_dir is None else find(context.state_dir / FOLDER, event_id)
    if path is None:
        raise RefusedError(NO_SUCH_EVENT)
    return path.parent.name


def event_of(context: CommandContext, sensor: str, event_id: str) -> EventDocument:
    """The event of a sensor from the journal.

    Raises:
        RefusedError: the sensor or the event is unknown, or the event is damaged.
    """
    last = context.engine.state(sensor).seq
    ids = ((seq, context.renderer.event_id(sensor, seq)) for seq in range(last, max(0, last - NEWEST), -1))
    seq = next((seq for seq, each in ids if each == event_id), None)
    if seq is None:
        raise RefusedError(f"no event of {sensor} has this id; `drsn-agent events {sensor}` lists them")
    found = dict(context.journal.events(sensor, seq, 1))
    event = parsed(EventDocument, found[seq]) if seq in found else None
    if event is None:
        raise RefusedError(f"the journal has lost event {seq} of {sensor}")
    return event


def with_evidence(context: CommandContext, sensor: str, seqs: Iterable[int]) -> str | None:
    """The id of the first of these events whose record is kept; None: none is."""
    if context.state_dir is None:
        return None
    ids = (context.renderer.event_id(sensor, seq) for seq in seqs)
    return next((each for each in ids if find(context.state_dir / FOLDER, each) is not None), None)
