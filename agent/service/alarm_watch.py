"""What the alarms at the broker show of an agent's own past, of other agents and of other bundles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drsn.agent.service.adoption import Adoption
from drsn.agent.service.orphaned_alarms import OrphanedAlarms
from drsn.agent.service.shared_sensors import SharedSensors

if TYPE_CHECKING:
    from drsn.agent.acquisition.source_watch import SourceWatch
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.schema.render import Identity
    from drsn.agent.service.alarm_topics import AlarmTopics
    from drsn.agent.service.committer import Committer


DENIED = (
    "the broker does not allow the agent to read the alarms under agent.prefix: it cannot find the alarms of a lost "
    "state directory, nor another agent on its sensors; allow it in the broker's ACL (configs/broker/acl)"
)


@dataclass(frozen=True)
class AlarmWatch:
    """A chore of the loop, with warnings for the status."""

    adoption: Adoption
    shared: SharedSensors
    orphaned: OrphanedAlarms
    probe: Transport
    topic_filter: str
    """Of the alarms."""

    def tend(self, now_s: float) -> None:
        """Do what is due; `now_s` is monotonic."""
        self.shared.tend(now_s)
        self.orphaned.tend(now_s)

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line each."""
        denied = (DENIED,) if self.topic_filter in self.probe.denied else ()
        return (*self.orphaned.warnings, *self.adoption.warnings, *self.shared.warnings, *denied)


def alarm_watch_of(
    alarms: AlarmTopics,
    committer: Committer,
    watch: SourceWatch,
    identity: Identity,
    max_sensors: int,
    probe: Transport,
) -> AlarmWatch:
    """Put it together, and log the orphans.

    Args:
        alarms: the alarms under our prefix.
        committer: has the engine, the publisher and the clock too.
        watch: of the sources of packets.
        identity: of the agent.
        max_sensors: of the agent.
        probe: the connection that brings the alarms.
    """
    engine, clock = committer.engine, committer.clock
    alarms.read_for(engine.sensors, probe.subscribe)
    orphaned = OrphanedAlarms(engine.sensors, identity.bundle.name)
    orphaned.begin()
    adoption = Adoption(alarms, engine, watch, committer, clock, identity, max_sensors, orphaned)
    shared = SharedSensors(alarms, engine, watch, committer.publisher)
    return AlarmWatch(adoption, shared, orphaned, probe, alarms.topic_filter)
