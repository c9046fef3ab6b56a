"""One condition of one sensor, in the terms of OPC UA Part 9: documents in, states out. No clock, no I/O."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from drsn.agent.tools.opcua.quality import Quality
from drsn.model.iso8601 import unix_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

SEVERITIES: Final[Mapping[str, int]] = MappingProxyType({"minor": 300, "major": 600, "critical": 900})
"""Severity of an agent -> severity of OPC UA, 1 to 1000. Part 5 calls 1 to 333 low, 334 to 666 medium, above high."""

MAX_CHARS: Final = 500
"""Characters of a text of a document: any client of the broker may have written it."""

_UNKNOWN_SEVERITY: Final = 900
"""Of a severity that a later version of the agent may add: it is not hidden below the others."""

_LATEST_NS: Final = 4_102_444_800 * 1_000_000_000
"""2100-01-01; a later time is not one of an agent, and far later ones do not fit into a `datetime`."""


class ConditionKey(NamedTuple):
    """What a condition is about."""

    agent: str
    sensor: str
    condition: str


@dataclass(frozen=True, slots=True)
class ConditionState:
    """A condition after one of its changes."""

    key: ConditionKey
    event_id: str
    """The agent's id of the last event; `ack` needs it."""
    seq: int
    """Number of the last event of the sensor that the state includes."""
    state: str
    """As in the documents: `normal`, `active_unacked`, `active_acked`, `cleared_unacked`."""
    severity: int
    last_severity: int
    """Before the last change."""
    label: str = ""
    latched: bool = False
    suppressed_by: str | None = None
    shelved_until: datetime | None = None
    confidence: float | None = None
    since: datetime | None = None
    decided_at: datetime | None = None
    comment: str = ""
    user: str = ""
    """The operator of the last change."""
    quality: Quality = Quality.GOOD
    revision: int = 0
    """Counts what the bridge itself has changed since the agent's event: the quality, a comment."""

    @property
    def active(self) -> bool:
        """Whether the alarm stands: its cause is present, or it is latched."""
        return self.state.startswith("active")

    @property
    def acked(self) -> bool:
        """Whether there is nothing to acknowledge."""
        return not self.state.endswith("unacked")

    @property
    def retain(self) -> bool:
        """Whether an operator must see the condition: a refresh includes it."""
        return self.active or not self.acked

    @property
    def shelved(self) -> bool:
        """Whether an operator has shelved it."""
        return self.shelved_until is not None

    @property
    def notification_id(self) -> bytes:
        """EventId: of each change another one, and after a restart of the bridge the same ones."""
        try:
            event = uuid.UUID(self.event_id)
        except ValueError:
            event = uuid.uuid5(uuid.NAMESPACE_OID, "/".join((*self.key, self.event_id)))
        return (uuid.uuid5(event, str(self.revision)) if self.revision else event).bytes


def state_of(
    key: ConditionKey, document: Mapping[str, Any], seq: int, quality: Quality, before: ConditionState | None
) -> ConditionState:
    """The state of a condition after an event, or as an alarm document has it.

    Args:
        key: of the condition.
        document: fields of an event or of one of the `conditions` of an alarm. Its four texts were validated.
        seq: number of the last event that it includes.
        quality: of the sensor now.
        before: the state before it; None: unknown.
    """
    severity = SEVERITIES.get(document["severity"], _UNKNOWN_SEVERITY)
    event_id = text(document.get("event_id"))
    return ConditionState(
        key=key,
        event_id=event_id,
        seq=seq,
        state=text(document["state"]),
        severity=severity,
        last_severity=severity if before is None else before.severity,
        label=text(document.get("label")),
        latched=document.get("latched") is True,
        suppressed_by=text(document.get("suppressed_by")) or None,
        shelved_until=moment(document.get("shelved_until")),
        confidence=_number(document.get("confidence")),
        since=moment(document.get("since")),
        decided_at=moment(document.get("decided_at")),
        comment=text(document.get("comment")),
        user=text(document.get("by")),
        quality=quality,
        revision=before.revision + 1 if before is not None and before.event_id == event_id else 0,
    )


def ended(before: ConditionState, seq: int) -> ConditionState:
    """The state of a condition that an alarm document no longer has, without an event that tells why."""
    return replace(
        before,
        seq=seq,
        state="normal",
        latched=False,
        suppressed_by=None,
        shelved_until=None,
        comment="",
        user="",
        revision=before.revision + 1,
    )


def moment(value: object) -> datetime | None:
    """A time of a document; None: it has none, or it is no time."""
    if not isinstance(value, str):
        return None
    try:
        ns = unix_ns(value, "UTC")
    except ValueError:
        return None
    return datetime.fromtimestamp(ns / 1e9, timezone.utc) if 0 <= ns < _LATEST_NS else None


def text(value: object, max_chars: int = MAX_CHARS) -> str:
    """A text of a document, cut, without half surrogates: JSON may hold them, UTF-8 not. Empty: it is no text."""
    return value[:max_chars].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1e300 else None
