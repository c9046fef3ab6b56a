"""Codec `sparkplug`: Sparkplug B. A metric of an array type, of bytes or of a data set holds the samples of a packet.

The document has each metric of a message under its name, and the payload's time as `t0` (ms). Births have the names of
aliases. Where the agent reads an edge node's own topics as well, their sequence shows lost messages: the packet after
one has a `seq` that jumps. The sequence of Sparkplug has 8 bits and is shared by all devices of a node, so it is not a
packet's `seq` itself.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.acquisition.codecs.fields import packet_of
from drsn.agent.acquisition.codecs.packet import MAX_U32, Packet, PacketError, PayloadFormat, Reason
from drsn.agent.acquisition.codecs.sparkplug_payload import parsed, value_of

if TYPE_CHECKING:
    from collections.abc import Callable

NAMESPACE: Final = "spBv1.0"
MAX_NODES: Final = 1000
"""Edge nodes that are remembered; the one that was heard of first is dropped for one more."""
MAX_ALIASES: Final = 10_000
"""Aliases of one edge node."""
_SEQUENCE: Final = 256

_DATA: Final = frozenset({"NDATA", "DDATA"})
_BIRTHS: Final = frozenset({"NBIRTH", "DBIRTH"})
_OTHERS: Final = frozenset({"NDEATH", "DDEATH", "NCMD", "DCMD"})


@dataclass(slots=True)
class EdgeNode:
    """What the messages of an edge node said so far."""

    boot_id: int
    aliases: dict[int, tuple[str, int]] = field(default_factory=dict)
    """Alias -> name and data type of the metric."""
    sequence: int | None = None
    """Of the last message; None: before the node's birth, or its own topics are not read."""
    packets: dict[str, int] = field(default_factory=dict)
    """Topic -> number of its last packet; a lost message adds one to each."""


class SparkplugDecoder:
    """Decodes the messages of edge nodes; shared by all inputs of this codec.

    Args:
        draw_boot_id: draws the number of a boot. Packets are counted from a birth, or from the start of the agent: a
            new number keeps a count from being taken for an old one.
    """

    def __init__(self, draw_boot_id: Callable[[], int] = lambda: 1 + secrets.randbelow(MAX_U32)) -> None:
        self._draw_boot_id = draw_boot_id
        self._nodes: dict[tuple[str, str], EdgeNode] = {}

    def decode(self, topic: str, payload: bytes, payload_format: PayloadFormat) -> Packet | None:
        """The packet of a message; None: a birth, a death, a command, or data without the samples of this input.

        Raises:
            PacketError: the message is not Sparkplug B, an alias is unknown, or the samples are invalid.
        """
        levels = topic.split("/")
        kind = levels[2] if len(levels) in (4, 5) and levels[0] == NAMESPACE else ""
        if kind in _OTHERS:
            return None
        if kind not in _DATA and kind not in _BIRTHS:
            raise PacketError(Reason.BAD_DOCUMENT, f"topic {topic[:60]!r} is not {NAMESPACE}/GROUP/TYPE/NODE[/DEVICE]")
        message = parsed(payload)
        node = self._node((levels[1], levels[3]), born=kind == "NBIRTH")
        lost = _advance(node, message.seq if message.HasField("seq") else None, born=kind == "NBIRTH")
        if lost:
            node.packets = {name: (count + 1) & MAX_U32 for name, count in node.packets.items()}
        if kind in _BIRTHS:
            _learn(node, message)
            return None
        return self._packet(node, topic, message, payload_format)

    def _node(self, key: tuple[str, str], *, born: bool) -> EdgeNode:
        if born or key not in self._nodes:
            self._nodes.pop(key, None)
            if len(self._nodes) >= MAX_NODES:
                del self._nodes[next(iter(self._nodes))]
            self._nodes[key] = EdgeNode(self._draw_boot_id())
        return self._nodes[key]

    def _packet(self, node: EdgeNode, topic: str, message: Any, form: PayloadFormat) -> Packet | None:  # noqa: ANN401 (a message has no static type)
        document = _document(node, message)
        try:
            packet = packet_of(document, form)
        except PacketError:
            # By exception: a device that has sent samples may send other metrics alone.
            if topic in node.packets and not _holds_samples(document, form):
                return None
            raise
        node.packets[topic] = count = (node.packets.get(topic, 0) + 1) & MAX_U32
        if node.sequence is not None and packet.seq is None:
            packet.seq, packet.boot_id = count, packet.boot_id or node.boot_id
        return packet


def _advance(node: EdgeNode, sequence: int | None, *, born: bool) -> bool:
    """Take the sequence of a message; return whether one before it was lost. It counts from the node's birth on."""
    if sequence is None or (node.sequence is None and not born):
        return False
    lost = node.sequence is not None and sequence != (node.sequence + 1) % _SEQUENCE
    node.sequence = sequence
    return lost


def _learn(node: EdgeNode, birth: Any) -> None:  # noqa: ANN401 (a message has no static type)
    for metric in birth.metrics:
        if metric.HasField("alias") and metric.name and len(node.aliases) < MAX_ALIASES:
            node.aliases[metric.alias] = metric.name, metric.datatype


def _document(node: EdgeNode, message: Any) -> dict[str, Any]:  # noqa: ANN401 (a message has no static type)
    """The metrics by name; a metric that comes several times gives the list of its numbers."""
    document: dict[str, Any] = {}
    times: list[int] = []
    repeated: set[str] = set()
    for metric in message.metrics:
        name, datatype = _known(node, metric)
        value = value_of(metric, datatype)
        if metric.HasField("timestamp"):
            times.append(metric.timestamp)
        if name in document:
            document[name] = [*(document[name] if name in repeated else [document[name]]), value]
            repeated.add(name)
        else:
            document[name] = value
    if times or message.HasField("timestamp"):
        document.setdefault("t0", min(times) if times else message.timestamp)
    return document


def _known(node: EdgeNode, metric: Any) -> tuple[str, int]:  # noqa: ANN401 (a message has no static type)
    """Name and data type of a metric, by its birth where the message has them not."""
    if not metric.HasField("alias") and not metric.name:
        raise PacketError(Reason.BAD_DOCUMENT, "a metric has neither a name nor an alias")
    name, datatype = node.aliases.get(metric.alias, ("", 0)) if metric.HasField("alias") else ("", 0)
    name = metric.name or name
    if not name:
        raise PacketError(
            Reason.BAD_DOCUMENT,
            f"alias {metric.alias} belongs to a birth message from before the agent's start: "
            "request a rebirth (Node Control/Rebirth)",
        )
    return name, metric.datatype or datatype


def _holds_samples(document: dict[str, Any], form: PayloadFormat) -> bool:
    return any(
        name in document for name in (form.fields.get("samples", "samples"), *form.channel_names, *form.channel_paths)
    )
