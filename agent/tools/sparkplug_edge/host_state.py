"""Whether the primary host is online: the STATE messages of Sparkplug 3.0 and of 2.2. It reads no clock."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, Field, ValidationError

from drsn.agent.tools.sparkplug_edge.topics import host_filters

_PLAIN: Final = {b"ONLINE": True, b"OFFLINE": False}
"""Payloads of Sparkplug 2.2."""


class _State(BaseModel, strict=True):
    """Payload of Sparkplug 3.0; other fields are allowed."""

    online: bool
    timestamp: int = Field(ge=0)


class PrimaryHost:
    """The state of one host. Until its first message, it is offline.

    Args:
        name: its id.
    """

    def __init__(self, name: str) -> None:
        self.topic, self.plain_topic = host_filters(name)
        self.online = False
        self.malformed = 0
        """Messages that are not a state."""
        self._timestamp_ms: int | None = None  # of the last message of 3.0; with one, those of 2.2 do not count

    def take(self, topic: str, payload: bytes) -> bool:
        """Take a message; return whether it is one of this host's state topics."""
        if topic == self.topic:
            self._take_json(payload)
        elif topic == self.plain_topic:
            self._take_plain(payload)
        return topic in (self.topic, self.plain_topic)

    def _take_json(self, payload: bytes) -> None:
        try:
            state = _State.model_validate_json(payload)
        except ValidationError:
            self.malformed += 1
            return
        # A will of an older session of the host may come after the birth of a newer one.
        if self._timestamp_ms is None or state.timestamp >= self._timestamp_ms:
            self.online, self._timestamp_ms = state.online, state.timestamp

    def _take_plain(self, payload: bytes) -> None:
        online = _PLAIN.get(payload)
        if online is None:
            self.malformed += 1
        elif self._timestamp_ms is None:
            self.online = online
