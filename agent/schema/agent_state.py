"""The documents of the agent about itself: status and health."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from drsn.agent.schema.documents import VERSION, BundleReference, PublicDocument
from drsn.agent.schema.not_watched import NotWatchedSource


class StatusDocument(PublicDocument):
    """`<prefix>/_agent/<id>/status`, retained; `offline` is the last will."""

    v: Literal[1] = VERSION
    agent: str
    state: Literal["online", "degraded", "stopped", "offline"]
    reasons: tuple[str, ...] = Field(default=(), description="Why the agent is degraded.")
    warnings: tuple[str, ...] = Field(
        default=(),
        description="Sources that are not watched, alarms of another bundle or agent, certificates that expire.",
    )
    not_watched: int = Field(default=0, description="Number of sources that are not diagnosed; health names them.")
    ingest: Literal["connected", "connecting", "stopped"] = Field(description="The connection that receives packets.")
    protocol: Literal["5", "3.1.1"] | None = Field(
        default=None,
        description="Version of MQTT of the connection that sends documents. null: unknown, as in the last will.",
    )
    backend: str = Field(description="Name of the backend that runs the network.")
    engine: str | None = Field(default=None, description="File of the TensorRT engine in use. null: none.")
    shard: str | None = Field(default=None, description="Part of the sensors that this agent has: K/N. null: all.")
    version: str
    config_sha256: str
    bundle: BundleReference
    epoch: str = Field(description="Id of the journal. A new journal has a new one.")
    instance: str = Field(description="Random at each start: two agents with one id have different instances.")
    since: str = Field(description="Start of the agent, by its own clock. Empty in the last will.")


class HealthDocument(PublicDocument):
    """`<prefix>/_agent/<id>/health`, retained: counters since the start, queue lengths and latencies."""

    v: Literal[1] = VERSION
    agent: str
    instance: str = Field(description="As in the status.")
    at: str = Field(description="The agent's clock when it sent this document.")
    uptime_s: float = Field(description="Time since the start.")
    sensors: int = Field(description="Sensors that sent packets since the start.")
    packets: dict[str, int] = Field(
        description="`received` = `processed` + `shed` + `rejected` + `duplicate` + `stale` + `other_shard` + "
        "`in_flight`."
    )
    rejected: dict[str, int] = Field(description="Refused packets, by reason.")
    not_watched: tuple[NotWatchedSource, ...] = Field(
        default=(), description="Sources that are not diagnosed, 50 at most; the status has their number."
    )
    wrong_clocks: int = Field(default=0, description="Sensors with a `t0` that is in the future or too old.")
    windows: int = Field(description="Windows that were diagnosed.")
    unknown_operating_state: int = Field(
        default=0, description="Windows that match no operating state of the machine's baseline, of all sensors."
    )
    batches: int = Field(description="Calls of the network.")
    gaps: int = Field(description="Interruptions between the packets of a sensor, of all sensors.")
    lost_samples: int = Field(description="Samples that no window contains.")
    results: int = Field(description="`result` documents that were sent.")
    events: int = Field(description="Events that were decided.")
    inbox: int = Field(description="Packets that wait in memory now.")
    reconnects: int = Field(description="Connections that the agent closed because acknowledgements were overdue.")
    unpublished_events: int = Field(description="Events that the broker has not confirmed.")
    lost_events: int = Field(description="Events that were lost; subscribers see a gap in `seq`.")
    commands_dropped: int = Field(description="Commands that did not fit into the queue.")
    commands_failed: int = Field(description="Commands with the reply `internal error`; the log has the cause.")
    latency_ms: dict[str, float] = Field(
        description="From the receipt of a packet to the commit of its windows: p50, p95, p99, max."
    )
    inference_ms: dict[str, float] = Field(description="Duration of a call of the network: p50, p95, p99, max.")
    evidence: dict[str, int] = Field(
        description="Records: written, failed (disk), dropped (no memory). bytes on the disk, 0 before the first. "
        "memory_bytes of the windows in memory. crowded_out: sensors without memory for their windows."
    )
