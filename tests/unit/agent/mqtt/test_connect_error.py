from __future__ import annotations

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from drsn.agent.mqtt.connect_error import IS_IT_RUNNING, remedy_of


@pytest.mark.parametrize(
    ("code", "words"),
    [(134, "the user name and the password"), (135, "the broker's ACL"), (133, "client id"), (132, "version of MQTT")],
)
def test_a_broker_that_refuses_runs(code: int, words: str):
    remedy = remedy_of(str(ReasonCode(PacketTypes.CONNACK, identifier=code)))
    assert words in remedy
    assert "running" not in remedy


def test_without_an_answer_it_may_not_run():
    assert remedy_of(None) == remedy_of("[Errno 111] Connection refused") == IS_IT_RUNNING
