from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from drsn.agent.acquisition.codecs import Packet, PacketError, PayloadFormat
from drsn.agent.acquisition.codecs.sparkplug import MAX_NODES, SparkplugDecoder
from drsn.agent.acquisition.codecs.sparkplug_payload import payload_class

VIBRATION = PayloadFormat(fields={"samples": "Vib/X"}, t0_unit="ms")
FLOATS = np.float32([1, 2, 3]).tobytes()
X = {"name": "Vib/X", "alias": 7, "datatype": 30, "bytes_value": FLOATS}
BY_ALIAS = {"alias": 7, "bytes_value": FLOATS}


def payload(seq: int | None, *metrics: dict[str, Any], timestamp: int = 1_796_018_400_123) -> bytes:
    message = payload_class()(timestamp=timestamp)
    if seq is not None:
        message.seq = seq
    for metric in metrics:
        message.metrics.add(**metric)
    return message.SerializeToString()


class Node:
    """An edge node and the decoder that reads it."""

    def __init__(self) -> None:
        self.boots = iter(range(1, 9))
        self.decoder = SparkplugDecoder(lambda: next(self.boots))

    def send(
        self, kind: str, seq: int | None, *metrics: dict[str, Any], form: PayloadFormat = VIBRATION
    ) -> Packet | None:
        device = "/press4" if kind[0] == "D" else ""
        return self.decoder.decode(f"spBv1.0/hall/{kind}/gw{device}", payload(seq, *metrics), form)


@pytest.fixture
def node() -> Node:
    made = Node()
    assert made.send("NBIRTH", 0, {"name": "bdSeq", "datatype": 8, "long_value": 1}) is None
    assert made.send("DBIRTH", 1, X) is None
    return made


def test_data_by_alias_have_the_names_of_the_birth(node: Node):
    packet = node.send("DDATA", 2, BY_ALIAS)
    assert packet is not None
    assert packet.samples.tolist() == [[1, 2, 3]]
    assert packet.t0_unix_ns == 1_796_018_400_123_000_000


def test_the_sequence_of_the_node_shows_what_was_lost(node: Node):
    found = []
    for seq in (2, 3, 5, 6, *range(7, 256), 0, 1):
        packet = node.send("DDATA", seq, BY_ALIAS)
        assert packet is not None
        found.append((packet.seq, packet.boot_id))
    assert found[:4] == [(1, 1), (2, 1), (4, 1), (5, 1)]
    assert [seq for seq, _ in found[2:]] == list(range(4, 4 + len(found) - 2))  # 255 -> 0 is no loss


def test_other_messages_of_the_node_are_no_loss(node: Node):
    packets = [node.send("DDATA", 2, BY_ALIAS), node.send("NDATA", 3, X), node.send("DDATA", 4, BY_ALIAS)]
    assert [packet.seq for packet in packets if packet is not None] == [1, 1, 2]


def test_a_birth_begins_a_new_count(node: Node):
    node.send("DDATA", 2, BY_ALIAS)
    node.send("NBIRTH", 0)
    node.send("DBIRTH", 1, X)
    packet = node.send("DDATA", 2, BY_ALIAS)
    assert packet is not None
    assert (packet.seq, packet.boot_id) == (1, 2)


def test_without_the_node_s_birth_there_is_no_sequence():
    packet = Node().send("DDATA", 9, X)
    assert packet is not None
    assert (packet.seq, packet.boot_id) == (None, 0)


def test_an_alias_of_an_unseen_birth_is_refused_with_its_remedy():
    with pytest.raises(PacketError, match="request a rebirth"):
        Node().send("DDATA", 9, BY_ALIAS)


def test_other_data_of_a_device_that_sends_samples_are_no_packet(node: Node):
    temperature = {"name": "Temperature", "datatype": 9, "float_value": 40.5}
    with pytest.raises(PacketError, match=r"no samples at fields.samples = 'Vib/X': the document has 'Temperature'"):
        node.send("DDATA", 2, temperature)
    node.send("DDATA", 3, BY_ALIAS)
    assert node.send("DDATA", 4, temperature) is None
    assert [node.send(kind, 5) for kind in ("NDEATH", "DDEATH", "NCMD", "DCMD")] == [None] * 4


@pytest.mark.parametrize(
    ("datatype", "dtype"), [(22, "<i1"), (23, "<i2"), (24, "<i4"), (27, "<u2"), (30, "<f4"), (31, "<f8")]
)
def test_arrays_of_every_type_are_samples(node: Node, datatype: int, dtype: str):
    metric = {"name": "Vib/X", "datatype": datatype, "bytes_value": np.arange(4).astype(dtype).tobytes()}
    packet = node.send("DDATA", 2, metric)
    assert packet is not None
    assert packet.samples.tolist() == [[0, 1, 2, 3]]


def test_bytes_are_of_the_inputs_type_and_a_data_set_has_its_columns(node: Node):
    packet = node.send("DDATA", 2, {"name": "Vib/X", "datatype": 17, "bytes_value": np.int16([5, -6]).tobytes()},
                       form=PayloadFormat(dtype="i16", fields={"samples": "Vib/X"}, t0_unit="ms"))  # fmt: skip
    assert packet is not None
    assert packet.samples.tolist() == [[5, -6]]
    rows = [{"elements": [{"float_value": n}, {"int_value": 2**32 - n - 1}]} for n in range(3)]
    data_set = {"name": "Vib", "datatype": 16, "dataset_value": {"columns": ["x", "y"], "types": [9, 3], "rows": rows}}
    both = PayloadFormat(channels=2, channel_names=("x", "y"), channel_paths=("Vib.x", "Vib.y"), t0_unit="ms")
    packet = node.send("DDATA", 3, data_set, form=both)
    assert packet is not None
    assert packet.samples.tolist() == [[0, 1, 2], [-1, -2, -3]]


@pytest.mark.parametrize(
    ("topic", "data", "words"),
    [
        ("spBv1.0/hall/DDATA/gw/d", b"\xff\xff", "not Sparkplug B"),
        ("spBv1.0/hall/XDATA/gw/d", b"", "is not spBv1.0/GROUP/TYPE/NODE"),
        ("plant/press4", b"", "is not spBv1.0/GROUP/TYPE/NODE"),
        ("spBv1.0/hall/DDATA/gw/d", payload(1, {"int_value": 1}), "neither a name nor an alias"),
        ("spBv1.0/hall/DDATA/gw/d", payload(1, {**X, "bytes_value": b"123"}), "3 bytes are not a whole number"),
    ],
)
def test_what_is_no_data_is_refused(topic: str, data: bytes, words: str):
    with pytest.raises(PacketError, match=words):
        SparkplugDecoder().decode(topic, data, VIBRATION)


def test_a_flood_of_nodes_does_not_fill_the_memory():
    decoder = SparkplugDecoder()
    for number in range(MAX_NODES + 5):
        decoder.decode(f"spBv1.0/hall/NBIRTH/gw{number}", payload(0), VIBRATION)
    assert len(decoder._nodes) == MAX_NODES
