"""What one scrape of the metrics shows: the agent's documents about itself, its alarms and its histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drsn.agent.acquisition.source_watch import SourceWatch
    from drsn.agent.decision.alarm_state import Condition, SensorState
    from drsn.agent.decision.sensor_table import SensorTable
    from drsn.agent.observability.metrics import Latencies, Metrics
    from drsn.agent.schema.agent_state import HealthDocument, StatusDocument
    from drsn.agent.service.connections import Connections


class StandingCondition(NamedTuple):
    """A condition of a sensor that is not normal, or that an operator suppresses."""

    sensor: str
    name: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """The state of one agent at one moment."""

    health: HealthDocument
    status: StatusDocument
    standing: tuple[StandingCondition, ...]
    not_watched: Mapping[str, int]
    """Reason -> sources; of the sources that the agent names."""
    connected: Mapping[str, bool]
    """Connection to the broker -> whether it is there."""
    certificates: Mapping[str, float]
    """Certificate -> its end, Unix time in seconds."""
    latency: tuple[list[tuple[float, int]], float]
    """Cumulative buckets of the time from a packet to its commit, and the sum in seconds."""
    inference: tuple[list[tuple[float, int]], float]
    """The same for calls of the network."""


class SnapshotReader:
    """Reads the state of an agent, on the main thread.

    Args:
        health: makes the health document.
        status: makes the status document.
        sensors: the alarm states.
        watch: the sources that are watched; it may be replaced later.
        connections: to the broker.
        certificates: reads the ends of the certificates.
        metrics: have the histograms.
    """

    def __init__(
        self,
        health: Callable[[], HealthDocument],
        status: Callable[[], StatusDocument],
        sensors: SensorTable,
        watch: Callable[[], SourceWatch],
        connections: Connections,
        certificates: Callable[[], Mapping[str, float]],
        metrics: Metrics,
    ) -> None:
        self._health, self._status, self._sensors, self._watch = health, status, sensors, watch
        self._connections, self._certificates, self._metrics = connections, certificates, metrics
        self._known: dict[str, tuple[SensorState, tuple[StandingCondition, ...]]] = {}

    def __call__(self) -> MetricsSnapshot:
        """Read the state as it is now."""
        reasons: dict[str, int] = {}
        for source in self._watch().not_watched():
            reasons[source.reason] = reasons.get(source.reason, 0) + 1
        return MetricsSnapshot(
            health=self._health(),
            status=self._status(),
            standing=self._standing(),
            not_watched=reasons,
            connected={name: getattr(self._connections, name).connected for name in ("ingest", "control")},
            certificates=self._certificates(),
            latency=_buckets(self._metrics.latency),
            inference=_buckets(self._metrics.inference),
        )

    def _standing(self) -> tuple[StandingCondition, ...]:
        """Of 10,000 sensors only those whose state is another object than at the last scrape are read again."""
        known = {}
        for sensor in self._sensors:
            state = self._sensors.cold_of(sensor)
            assert state is not None, "the table has each sensor that it lists"
            found = self._known.get(sensor)
            if found is None or found[0] is not state:
                found = state, tuple(StandingCondition(sensor, name, each) for name, each in state.standing.items())
            known[sensor] = found
        self._known = known
        return tuple(each for _, standing in known.values() for each in standing)


def _buckets(latencies: Latencies) -> tuple[list[tuple[float, int]], float]:
    histogram = latencies.histogram
    assert histogram is not None, "it is kept where metrics are served"
    return histogram.cumulative(), histogram.sum_s
