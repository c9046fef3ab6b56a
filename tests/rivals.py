"""Two runs of one name, and what a broker is told of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from plant import STATUS

from drsn.agent.service.agent_id_lease import Admission
from drsn.agent.service.run_id import Instance

if TYPE_CHECKING:
    from drsn.agent.mqtt.stub import StubBroker

HEALTH = "drsn/v1/_agent/tester/health"
OWN = Instance("55555555", "2026-06-01T00:00:00.000Z", before="44444444")
EARLIER = {"instance": "77777777", "since": "2026-05-01T00:00:00.000Z", "epoch": "other"}
LATER = {"instance": "33333333", "since": "2026-07-01T00:00:00.000Z", "epoch": "other"}


def own() -> Admission:
    """Our run's."""
    return Admission("tester", "mine", OWN, health_every_s=10.0)


def say(broker: StubBroker, topic: str = STATUS, **document: object) -> None:
    """Retained, as an agent does."""
    broker.publish(topic, json.dumps(document).encode(), 1, {}, retain=True)
