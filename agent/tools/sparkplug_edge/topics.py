"""Topics of an edge node (Sparkplug 3.0, chapter 4): its messages, its commands and the state of its primary host."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from drsn.agent.acquisition.codecs.sparkplug import NAMESPACE
from drsn.agent.mqtt.utf8 import flaw

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ID_CHARS: Final = 128

_RESERVED: Final = re.compile(r"[+/#]")

Kind = Literal["NBIRTH", "NDEATH", "DBIRTH", "DDEATH", "DDATA", "NCMD", "DCMD"]
"""Kinds of messages; the last two are commands. There is no NDATA: the node's own metrics do not change."""


class CommandTarget(NamedTuple):
    """Who a command is for."""

    device: str | None
    """None: the edge node itself (NCMD)."""


class EdgeTopics(NamedTuple):
    """The topics of one edge node.

    The id of a device is the sensor id, unchanged: a sensor id has no character that Sparkplug reserves (`+`, `/`,
    `#`), and an unchanged id has no collisions.
    """

    group: str
    node: str

    def of(self, kind: Kind, device: str | None = None) -> str:
        """The topic of a message."""
        levels = (NAMESPACE, self.group, kind, self.node, *(() if device is None else (device,)))
        return "/".join(levels)

    @property
    def command_filters(self) -> tuple[str, ...]:
        """Topic filters of the commands."""
        return self.of("NCMD"), self.of("DCMD", "+")

    def command(self, topic: str) -> CommandTarget | None:
        """Who a command is for; None: the topic is not one of this node's commands."""
        levels = topic.split("/")
        if levels[:2] != [NAMESPACE, self.group] or levels[3:4] != [self.node]:
            return None
        if levels[2] == "NCMD" and len(levels) == 4:
            return CommandTarget(None)
        if levels[2] == "DCMD" and len(levels) == 5:
            return CommandTarget(levels[4])
        return None


def checked_id(text: str) -> str:
    """Return an id of a group, a node or a host.

    Raises:
        ValueError: it is empty or too long, or has a character that Sparkplug or MQTT forbids.
    """
    if not text or len(text) > MAX_ID_CHARS:
        raise ValueError(f"must have 1 to {MAX_ID_CHARS} characters")
    if (found := _RESERVED.search(text)) is not None:
        raise ValueError(f"{text[:40]!r} contains {found[0]!r}, which Sparkplug reserves")
    if (wrong := flaw(text)) is not None:
        raise ValueError(wrong)
    return text


def host_filters(host: str) -> Sequence[str]:
    """Topics of a primary host's state: that of Sparkplug 3.0, and that of 2.2."""
    return f"{NAMESPACE}/STATE/{host}", f"STATE/{host}"
