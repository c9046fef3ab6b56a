"""Puts evidence together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drsn.agent.acquisition.memory_quota import most_bytes
from drsn.agent.delivery.token_bucket import TokenBucket
from drsn.agent.evidence.record import SensorSetup
from drsn.agent.evidence.record_files import FOLDER, RecordFiles
from drsn.agent.evidence.recorder import Recorder
from drsn.agent.evidence.snapshot import MAX_SAMPLES, document_of
from drsn.agent.evidence.writer import Writer
from drsn.agent.settings.policies import bearing_of, ignored_faults, policy_of, rpm_of
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.decision.alarm_state import Change
    from drsn.agent.mqtt.topics import Topics
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.schema.documents import EventDocument
    from drsn.agent.schema.evidence import SnapshotDocument
    from drsn.agent.service.clock import Clock
    from drsn.agent.settings.sections import Settings
    from drsn.model.contract import ModelContract

SNAPSHOTS_PER_S: Final = 5.0
"""Snapshots that the agent makes, of all sensors together; each takes
0.65 ms of the loop (one core of a PC, a window of 4,096 samples)."""

BURST: Final = 5
"""Snapshots at once after a pause."""

TRAILS_BYTES = 64 << 20
"""Memory for all sensors' windows, at least: eight windows of each of 12 sensors at 1 MHz, for a bundle of 12 kHz."""


def recorder_of(
    settings: Settings,
    contract: ModelContract,
    render: Callable[[str, Change], EventDocument],
    publish: Callable[[str, str, bytes], None] | None = None,
    trails_bytes: int = TRAILS_BYTES,
) -> Recorder:
    """A recorder whose records go to the state directory, and as messages to `publish` (sensor, event id, payload)."""
    policy, ignored, bearing = policy_of(settings, contract), ignored_faults(settings), bearing_of(settings)

    def setup_of(sensor: str) -> SensorSetup:
        return SensorSetup(contract, policy(sensor), tuple(sorted(ignored(sensor))), bearing(sensor))

    files = RecordFiles(settings.agent.state_dir / FOLDER, settings.evidence.quota_mb * 1_000_000)
    windows, max_sensors = settings.evidence.windows, settings.agent.max_sensors
    room = most_bytes(contract, max_sensors, 4 * windows, trails_bytes)
    return Recorder(windows, Writer(files, setup_of, publish), render, room)


def snapshots_of(
    settings: Settings, contract: ModelContract, recorder: Recorder, clock: Clock
) -> Callable[[str], SnapshotDocument]:
    """Return a function: sensor id -> its newest window.

    It raises BadDataError: no window is kept, it is too large for a message, or `SNAPSHOTS_PER_S` are exceeded.
    """
    bearing, rpm, bucket = bearing_of(settings), rpm_of(settings), TokenBucket(BURST, SNAPSHOTS_PER_S)

    def snapshot(sensor: str) -> SnapshotDocument:
        bucket.fill(clock.monotonic_s())
        if not bucket.available:
            raise BadDataError(f"more than {SNAPSHOTS_PER_S:g} snapshots a second of all sensors; ask again later")
        bucket.take()
        return document_of(recorder.newest(sensor, MAX_SAMPLES), contract, bearing(sensor), rpm(sensor))

    return snapshot


def sender_of(control: Transport, topics: Topics) -> Callable[[str, str, bytes], None]:
    """Publishes the evidence of an event, from the writer's thread; without a connection it is sent on request."""

    def send(sensor: str, event_id: str, payload: bytes) -> None:
        control.publish(topics.evidence(sensor, event_id), payload, qos=1)

    return send
