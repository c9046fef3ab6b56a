"""The three connections of an agent: `probe` for the agent.id, `ingest` for packets, `control` for everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.message import Will
from drsn.agent.rpc.queue import RECEIVE_MAXIMUM
from drsn.agent.rpc.request import MAX_BYTES
from drsn.agent.service.peer_status import MAX_STATUS_BYTES
from drsn.agent.settings.inputs import filters_of

if TYPE_CHECKING:
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.schema.agent_state import StatusDocument
    from drsn.agent.service.run_id import RunId
    from drsn.agent.settings.sections import Settings
    from drsn.agent.storage.journal import Journal


NO_MQTT_5 = "the broker does not accept MQTT 5, so it cannot report a refused publish (docs/reference/brokers.md)"


@dataclass(frozen=True)
class Connections:
    """Made by the composition root; the lease starts them."""

    probe: Transport
    """Reads the status documents of this agent.id and the alarms under its prefix, under a client id of its own."""
    ingest: Transport
    """Receives packets; its session at the broker is persistent."""
    control: Transport
    """Receives commands and publishes every document; the broker publishes `offline` when it is lost."""

    def stop(self, *, with_will: bool) -> None:
        """Disconnect; `with_will`: the broker publishes `offline`."""
        self.probe.stop()
        self.ingest.stop()
        self.control.stop(with_will=with_will)


@dataclass(frozen=True)
class MqttVersion:
    """Warns in the status where `auto` has come to MQTT 3.1.1."""

    setting: str
    """`mqtt.protocol`."""
    connections: Connections

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line, or none."""
        lines = {"packets": self.connections.ingest, "alarms and commands": self.connections.control}
        fallen = [what for what, line in lines.items() if self.setting == "auto" and line.protocol != "5"]
        return (f"MQTT 3.1.1 for {' and for '.join(fallen)}: {NO_MQTT_5}",) if fallen else ()


def in_flight(settings: Settings) -> int:
    """Packets that the broker may send before the first is acknowledged: eight batches of 32, four of larger ones.

    One batch is filled, one is in the network, one or two wait for their commit, and the others come in meanwhile. One
    sensor may have sent all of them, so there are no more than `continuity.DUPLICATE_SPAN` by default.
    """
    return max(256, 4 * settings.inference.max_batch)


def ingest_options(settings: Settings, journal: Journal) -> ConnectionOptions:
    """Options of the connection for packets; its session outlives the connection."""
    filters = filters_of(settings)
    return ConnectionOptions(
        name="ingest",
        client_id=f"drsn-{settings.agent.id}-ingest",
        filters=filters,
        abandoned=journal.abandoned(filters),
        max_payload_bytes=max(entry.max_packet_bytes for entry in settings.inputs),
        receive_maximum=in_flight(settings),
    )


def probe_options(topics: Topics, run: RunId) -> ConnectionOptions:
    """Options of the connection that detects another agent with this agent.id, or with our sensors."""
    return ConnectionOptions(
        name="probe",
        client_id=f"drsn-{topics.agent}-probe-{run.id}",
        filters=(topics.status, topics.health, topics.alarms, topics.summary),
        max_payload_bytes=MAX_STATUS_BYTES,
        max_packet_bytes=2 * MAX_STATUS_BYTES,
    )


def control_options(topics: Topics, last_will: StatusDocument, more: tuple[str, ...] = ()) -> ConnectionOptions:
    """Options of the connection for commands and documents; `more`: filters besides that of the commands."""
    return ConnectionOptions(
        name="control",
        client_id=f"drsn-{topics.agent}-control",
        filters=(topics.commands, *more),
        max_payload_bytes=MAX_BYTES,
        receive_maximum=RECEIVE_MAXIMUM,
        persistent=False,  # a command that was sent while the agent was away must not be done later
        will=Will(topics.status, last_will.model_dump_json().encode()),
    )
