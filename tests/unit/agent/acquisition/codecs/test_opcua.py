from __future__ import annotations

import json
from typing import Any

import pytest

from drsn.agent.acquisition.codecs import Packet, PacketError, PayloadFormat
from drsn.agent.acquisition.codecs.opcua import decode
from drsn.agent.settings.presets import PRESETS

FORM = PayloadFormat(fields=PRESETS["opcua-pubsub"].settings["fields"])


def data_set(number: object, *samples: float, writer: object = 1) -> dict[str, Any]:
    return {"DataSetWriterId": writer, "SequenceNumber": number, "Payload": {"Vib": {"Value": list(samples)}}}


def read(*messages: object) -> Packet:
    return decode(json.dumps({"PublisherId": "p", "Messages": messages}).encode(), {}, FORM)


def test_data_sets_that_follow_each_other_are_one_packet():
    one, two = read(data_set(7, 1, 2)), read(data_set(7, 1, 2), data_set(8, 3))
    assert (one.samples.tolist(), one.seq, one.seq_span) == ([[1, 2]], 7, 1)
    assert (two.samples.tolist(), two.seq, two.seq_span) == ([[1, 2, 3]], 8, 2)
    assert read(data_set(2**32 - 1, 1), data_set(2**32, 2)).seq == 0  # modulo 2**32


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "no samples at"),
        ([data_set(1, 1), data_set(3, 2)], "2 data sets .* SequenceNumber 1 comes before 3: .* --bs=1"),
        ([data_set(None, 1), data_set(None, 2)], "SequenceNumber None comes before None"),
        ([data_set(1, 1), data_set(2, 2, writer=2)], r"2 writers in one message \(1, 2\)"),
        ([data_set(1, 1), data_set(2, 2, writer="a" * 99)], "2 writers"),
        ([data_set(1, 1), 2], "an element of Messages is not a data set"),
        ([data_set(1, 1), data_set(2)], "no samples"),
    ],
)
def test_what_would_lose_samples_is_refused(messages: list[object], words: str):
    with pytest.raises(PacketError, match=words) as caught:
        read(*messages)
    assert len(str(caught.value)) < 250
