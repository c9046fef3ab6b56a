"""The table of MQTT topics on which the agent publishes and receives documents.

The reference of the topics and the AsyncAPI document are generated from it. Packets are not in it: their topics and
their form are settings (`[[inputs]]`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from drsn.agent.schema.agent_state import HealthDocument, StatusDocument
from drsn.agent.schema.alarm_summary import AlarmsDocument
from drsn.agent.schema.documents import (
    AlarmDocument,
    CommandDocument,
    EventDocument,
    ReplyDocument,
    ResultDocument,
)
from drsn.agent.schema.evidence import EvidenceDocument

if TYPE_CHECKING:
    from drsn.model.contract import Frozen

PARAMETERS: Final = {
    "prefix": "setting `agent.prefix`, which may have several levels; `drsn/v1` by default",
    "agent": "setting `agent.id`",
    "sensor": "id of a sensor: one topic level, `[A-Za-z0-9][A-Za-z0-9._~-]{0,63}`",
    "event_id": "of the event that the evidence belongs to",
    "verb": "what the command does",
    "request_id": "of the command that is answered",
}
"""Parts in braces of the addresses -> what stands there."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of topic."""

    name: str
    address: str
    """The topic, with parameters of `PARAMETERS` in braces."""
    document: type[Frozen]
    publisher: Literal["agent", "operator"]
    qos: Literal[0, 1]
    retained: bool
    summary: str

    @property
    def filter(self) -> str:
        """An MQTT topic filter below the prefix that matches every topic of this kind."""
        levels = self.address.removeprefix("{prefix}/").split("/")
        return "/".join("+" if level.startswith("{") else level for level in levels)


CHANNELS: Final = (
    Channel(
        "result",
        "{prefix}/{sensor}/result",
        ResultDocument,
        "agent",
        qos=0,
        retained=False,
        summary="the latest diagnosis of a sensor, `agent.results_per_s` times a second at most",
    ),
    Channel(
        "alarm",
        "{prefix}/{sensor}/alarm",
        AlarmDocument,
        "agent",
        qos=1,
        retained=True,
        summary="the alarm state of a sensor; an empty payload: the sensor was removed by `forget`",
    ),
    Channel(
        "event",
        "{prefix}/{sensor}/event",
        EventDocument,
        "agent",
        qos=1,
        retained=False,
        summary="one change of one condition of a sensor",
    ),
    Channel(
        "evidence",
        "{prefix}/{sensor}/evidence/{event_id}",
        EvidenceDocument,
        "agent",
        qos=1,
        retained=False,
        summary="the windows behind an event, sent on request",
    ),
    Channel(
        "status",
        "{prefix}/_agent/{agent}/status",
        StatusDocument,
        "agent",
        qos=1,
        retained=True,
        summary="state of the agent; the last will has `offline`. Alarms are valid only while it is `online`",
    ),
    Channel(
        "health",
        "{prefix}/_agent/{agent}/health",
        HealthDocument,
        "agent",
        qos=0,
        retained=True,
        summary="counters, queue lengths and latencies of the agent",
    ),
    Channel(
        "alarms",
        "{prefix}/_agent/{agent}/alarms",
        AlarmsDocument,
        "agent",
        qos=1,
        retained=True,
        summary="all sensors of the agent whose state is not normal, once a second at most",
    ),
    Channel(
        "command",
        "{prefix}/_agent/{agent}/cmd/{verb}",
        CommandDocument,
        "operator",
        qos=1,
        retained=False,
        summary="a command to the agent",
    ),
    Channel(
        "reply",
        "{prefix}/_reply/{request_id}",
        ReplyDocument,
        "agent",
        qos=1,
        retained=False,
        summary="the answer to a command; or on its MQTT 5 response topic, if that is below `{prefix}/_reply/`",
    ),
)
"""Every topic of the agent, packets aside."""
