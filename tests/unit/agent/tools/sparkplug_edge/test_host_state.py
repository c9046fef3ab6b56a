from __future__ import annotations

import pytest

from drsn.agent.tools.sparkplug_edge.host_state import PrimaryHost

V3, V2 = "spBv1.0/STATE/scada", "STATE/scada"


@pytest.mark.parametrize(
    ("messages", "online"),
    [
        ([], False),
        ([(V3, b'{"online": true, "timestamp": 5}')], True),
        ([(V3, b'{"online": true, "timestamp": 5}'), (V3, b'{"online": false, "timestamp": 5}')], False),
        ([(V3, b'{"online": true, "timestamp": 5}'), (V3, b'{"online": false, "timestamp": 4}')], True),
        ([(V3, b'{"online": true, "timestamp": 5, "later": 1}')], True),
        ([(V3, b'{"online": 1, "timestamp": 5}')], False),
        ([(V3, b'{"online": true, "timestamp": -5}')], False),
        ([(V3, b'{"online": true}')], False),
        ([(V3, b"ONLINE")], False),
        ([(V2, b"ONLINE")], True),
        ([(V2, b"ONLINE"), (V2, b"OFFLINE")], False),
        ([(V2, b"ONLINE"), (V2, b"offline")], True),
        ([(V3, b'{"online": true, "timestamp": 5}'), (V2, b"OFFLINE")], True),
        ([("spBv1.0/STATE/other", b'{"online": true, "timestamp": 5}')], False),
    ],
)
def test_the_last_valid_state_counts(messages: list[tuple[str, bytes]], online: bool):  # noqa: FBT001 (a parameter of the table)
    host = PrimaryHost("scada")
    for topic, payload in messages:
        assert host.take(topic, payload) == topic.endswith("scada")
    assert host.online is online
