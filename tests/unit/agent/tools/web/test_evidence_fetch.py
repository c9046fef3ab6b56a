from __future__ import annotations

import pytest

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.tools.web.evidence_fetch import fetched
from drsn.agent.tools.web.guard import Refusal


def test_an_id_that_no_event_has_is_refused_without_a_connection():
    with pytest.raises(Refusal) as refused:
        fetched(BrokerAddress("127.0.0.1", 1), "drsn/v1", "press4", "a/b")
    assert refused.value.status == 409
