"""Codec `opcua`: a network message of OPC UA PubSub in JSON (OPC 10000-14, 7.2.5). Its data sets are one packet.

The document is the network message with one data set in `Messages`, so that a path such as
`Messages[0].Payload.Vib.Value` is the same for each. Several data sets are joined where they are of one writer and
their sequence numbers follow each other; anything else is refused, because a part of the samples would be lost.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from drsn.agent.acquisition.codecs.fields import packet_of
from drsn.agent.acquisition.codecs.json_document import parsed
from drsn.agent.acquisition.codecs.packet import MAX_U32, Packet, PacketError, PayloadFormat, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WRITER: Final = ("DataSetWriterId", "DataSetWriterName")


def decode(payload: bytes, properties: Mapping[str, str], payload_format: PayloadFormat) -> Packet:  # noqa: ARG001 (all is in it)
    """Decode one message.

    Raises:
        PacketError: the payload is no JSON object, its data sets cannot be joined, or the samples are invalid.
    """
    document = parsed(payload)
    messages = document.get("Messages") if isinstance(document, dict) else None
    if not isinstance(messages, list) or len(messages) < 2:
        return packet_of(document, payload_format, plain=True)
    writers = dict.fromkeys(_writer(message) for message in messages)
    if len(writers) > 1:
        shown = ", ".join(list(writers)[:4])[:60]
        raise PacketError(
            Reason.BAD_DOCUMENT, f"data sets of {len(writers)} writers in one message ({shown}): {_ALONE}"
        )
    return _joined([packet_of({**document, "Messages": [one]}, payload_format, plain=True) for one in messages])


_ALONE: Final = "let the gateway publish each writer to its own topic (OPC Publisher: also --bs=1)"


def _writer(message: Any) -> str:  # noqa: ANN401 (any value of JSON)
    if not isinstance(message, dict):
        raise PacketError(Reason.BAD_DOCUMENT, "an element of Messages is not a data set")
    return next((ascii(message[key])[:24] for key in _WRITER if key in message), "none")


def _joined(packets: Sequence[Packet]) -> Packet:
    """One packet with the samples of all, in their order.

    Raises:
        PacketError: nothing proves that they follow each other, or they differ in channels, rate or boot.
    """
    first, last = packets[0], packets[-1]
    for before, after in pairwise(packets):
        if after.seq is None or before.seq is None or after.seq != (before.seq + 1) & MAX_U32:
            raise PacketError(
                Reason.BAD_DOCUMENT,
                f"{len(packets)} data sets in one message, and SequenceNumber {before.seq} comes before {after.seq}: "
                "let the gateway send one data set in a message (OPC Publisher: --bs=1)",
            )
    if len({(len(each.samples), each.sample_rate_hz, each.boot_id) for each in packets}) > 1:
        raise PacketError(Reason.BAD_DOCUMENT, "the data sets of the message differ in channels, rate or boot_id")
    samples = np.concatenate([each.samples for each in packets], axis=1)
    return replace(first, samples=samples, seq=last.seq, seq_span=len(packets), encoded=None)
