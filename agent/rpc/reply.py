"""What a command led to, and the answer to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from drsn.agent.decision.alarm_engine import Outcome
    from drsn.agent.mqtt.message import Message
    from drsn.agent.schema.documents import CommissionDocument, EventDocument, ReplyDocument
    from drsn.agent.schema.evidence import SnapshotDocument
    from drsn.agent.schema.trend import TrendDocument

FAILED: Final = "internal error, nothing was changed; please report the line in the agent's log"
LOST: Final = (
    "the command was carried out before, but the stored reply is damaged; check the alarm, then use another request_id"
)


@dataclass(frozen=True, slots=True)
class Work:
    """What a command led to, before it is put into an answer."""

    outcomes: tuple[Outcome, ...] = ()
    """To be committed; their changes are the events of the answer."""
    events: tuple[EventDocument, ...] = ()
    """Older events that the command asked for."""
    more: bool = False
    """There are later events than those."""
    unreadable: tuple[int, ...] = ()
    """`seq` of the events asked for whose rows are damaged."""
    pending: str | None = None
    """Progress of a command that takes time; other answers follow. None: this is the last answer."""
    commission: CommissionDocument | None = None
    """The baseline that was shown or undone."""
    baseline: str | None = None
    """The text of its file, to be shown."""
    unknown_state: int | None = None
    """Windows in none of its operating states, to be shown."""
    trend: TrendDocument | None = None
    """Of the sensor, which the command asked for."""
    snapshot: SnapshotDocument | None = None
    """The newest window of the sensor, which the command asked for."""
    sensor: str | None = None
    """Of the event, where the command names no sensor."""
    evidence: str | None = None
    """Id of an event of the alarm whose record is kept."""
    publish: tuple[tuple[str, bytes], ...] = ()
    """Topics and payloads that go out before the answer, at QoS 1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one message. It is sent when its outcomes are committed."""

    message: Message
    reply: ReplyDocument | None
    """None: the message has neither a `request_id` nor a response topic."""
    outcomes: tuple[Outcome, ...] = ()
    kept: bool = False
    """The reply is stored; the same command is answered with it again."""
    publish: tuple[tuple[str, bytes], ...] = ()
    commits: bool = True
    """False: nothing is committed for it, so that it goes out at once."""
