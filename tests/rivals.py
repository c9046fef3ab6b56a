"""Two runs of one name, and what a broker is told of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plant import STATUS

from drsn.agent.service.lease_acquisition import LeaseAcquisition
from drsn.agent.service.lease_defence import LeaseDefence
from drsn.agent.service.peer_status import StatusInbox
from drsn.agent.service.run_id import RunId

if TYPE_CHECKING:
    from drsn.agent.mqtt.message import Message
    from drsn.agent.mqtt.stub import StubBroker, StubConnection

HEALTH = "drsn/v1/_agent/tester/health"
OWN = RunId("55555555", "2026-06-01T00:00:00.000Z", before="44444444")
EARLIER = {"instance": "77777777", "since": "2026-05-01T00:00:00.000Z", "epoch": "other"}
LATER = {"instance": "33333333", "since": "2026-07-01T00:00:00.000Z", "epoch": "other"}


@dataclass(frozen=True)
class Ours:
    """The lease of our run: its two halves, and the inbox that both read."""

    statuses: StatusInbox
    acquisition: LeaseAcquisition
    defence: LeaseDefence

    def put(self, message: Message) -> None:
        self.statuses.put(message)

    def free(self, probe: StubConnection, now_s: float) -> bool:
        return self.acquisition.free(probe, now_s)

    def defend(self) -> None:
        self.defence.defend()

    def contradict(self, now_s: float) -> bool:
        return self.defence.contradict(now_s)

    @property
    def lost(self) -> bool:
        return self.defence.lost


def own(statuses: StatusInbox | None = None) -> Ours:
    """The lease of our run."""
    statuses = StatusInbox() if statuses is None else statuses
    acquisition = LeaseAcquisition("tester", "mine", OWN, statuses, health_every_s=10.0)
    return Ours(statuses, acquisition, LeaseDefence("tester", OWN, statuses))


def say(broker: StubBroker, topic: str = STATUS, **document: object) -> None:
    """Retained, as an agent does."""
    broker.publish(topic, json.dumps(document).encode(), 1, {}, retain=True)
