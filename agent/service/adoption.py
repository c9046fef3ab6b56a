"""Takes over the retained alarms that an earlier state directory of this agent left at the broker.

Without that they would stand for ever: the agent does not have their sensors, so nothing ends them, and no command
reaches them. It happens once, when the agent.id is free and before the agent takes packets.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from drsn.agent.acquisition.not_watched import EPOCH
from drsn.agent.decision.adoption import adopt
from drsn.agent.decision.alarm_engine import Outcome
from drsn.agent.decision.alarm_state import SensorState
from drsn.agent.observability.logs import fields
from drsn.agent.schema.restore import alarm_of, state_of
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from drsn.agent.acquisition.source_watch import SourceWatch
    from drsn.agent.decision.alarm_engine import AlarmEngine
    from drsn.agent.schema.render import Identity
    from drsn.agent.service.alarm_topics import AlarmTopics
    from drsn.agent.service.clock import Clock
    from drsn.agent.service.committer import Committer
    from drsn.agent.service.orphaned_alarms import OrphanedAlarms

NAMED = 10
"""Sensors that a warning names."""

log = logging.getLogger(__name__)


class Adoption:
    """Asked before the agent connects.

    Args:
        alarms: the retained documents.
        engine: gets the sensors.
        watch: they are not watched until packets come.
        committer: writes them.
        clock: of the agent.
        identity: of the agent.
        max_sensors: of the agent; more are left where they are.
        orphaned: looks for orphans among them.
    """

    def __init__(
        self,
        alarms: AlarmTopics,
        engine: AlarmEngine,
        watch: SourceWatch,
        committer: Committer,
        clock: Clock,
        identity: Identity,
        max_sensors: int,
        orphaned: OrphanedAlarms,
    ) -> None:
        self.left: dict[str, str] = {}
        """Sensor -> why its retained alarm, which bears our agent.id, was not taken over."""
        self.warnings: tuple[str, ...] = ()
        self._alarms, self._engine, self._watch, self._committer = alarms, engine, watch, committer
        self._clock, self._identity, self._max_sensors, self._orphaned = clock, identity, max_sensors, orphaned

    def complete(self, now_s: float) -> bool:
        """Return whether the retained alarms have come; `now_s` is monotonic."""
        return self._alarms.complete(now_s)

    def adopt(self) -> None:
        """Take over what was read; nothing more is read after that."""
        if self._alarms.has_status and not self._alarms.count:
            log.info("the broker sent no retained alarms")  # fmt: skip
        adopted = {n: e for n, p in sorted(self._alarms.begin().items()) if (e := self._adopt(n, p)) is not None}
        if adopted:
            log.warning("alarms of an earlier state directory were restored from retained messages",
                        extra=fields(sensors=len(adopted), first=_named(adopted),
                                     epochs=",".join(sorted(set(adopted.values())))))  # fmt: skip
            self._orphaned.begin()
        self._warn()

    def forget(self, sensor: str) -> Outcome | None:
        """Remove the document that an earlier run left of a sensor; None: the broker retains no such document."""
        if self.left.pop(sensor, None) is None:
            return None
        forgotten = self._engine.forgotten.setdefault(sensor, SensorState({}))
        self._warn()
        return Outcome(sensor, None, forgotten, ())

    def _adopt(self, sensor: str, payload: bytes) -> str | None:
        """Take over one document; return its epoch, or None if it is left or not needed."""
        if sensor in self._engine.sensors or sensor in self._engine.forgotten:  # its alarm goes out anyway
            return None
        if len(self._engine.sensors) >= self._max_sensors:
            self.left[sensor] = "agent.max_sensors is reached"
            return None
        try:
            document = alarm_of(payload)
            if document.agent != self._identity.agent:
                return None
            if document.sensor != sensor:
                self.left[sensor] = f"it belongs to sensor {document.sensor[:64]!r}"
                return None
            # In our own epoch the numbers of the events are used: only the journal was put back to an earlier time.
            seq = document.seq if document.epoch == self._identity.epoch else 0
            state = replace(state_of(document), seq=seq)
            comment = f"from the retained alarm of epoch {document.epoch[:64]}"
            outcome = adopt(self._engine, sensor, state, comment)
        except BadDataError as error:
            self.left[sensor] = str(error)
            return None
        self._watch.note(sensor, EPOCH, self._clock.unix_ns())
        self._committer.note([outcome])
        return document.epoch

    def _warn(self) -> None:
        self.warnings = ()
        if self.left:
            why = f"{_named(self.left)}: {next(iter(self.left.values()))}"
            text = f"{len(self.left)} retained alarms have this agent's id and were not restored ({why}); "
            self.warnings = (f"{text}`drsn-agent forget` removes them",)
            log.warning("retained alarms were not restored", extra=fields(sensors=len(self.left), first=why))


def _named(sensors: dict[str, str]) -> str:
    more = f" and {len(sensors) - NAMED} more" if len(sensors) > NAMED else ""
    return ", ".join(list(sensors)[:NAMED]) + more
