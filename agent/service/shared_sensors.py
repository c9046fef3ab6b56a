"""Sensors that another agent reads too, under the same prefix: the two overwrite each other's retained alarms."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from drsn.agent.acquisition.not_watched import OTHER_AGENT
from drsn.agent.observability.logs import Throttle, fields

if TYPE_CHECKING:
    from drsn.agent.acquisition.source_watch import SourceWatch
    from drsn.agent.decision.alarm_engine import AlarmEngine
    from drsn.agent.delivery.publisher import Publisher
    from drsn.agent.service.alarm_topics import AlarmTopics

REPEAT_S: Final = 300.0
"""The alarm of a shared sensor goes out again after this time, so that the other agent finds out that we still read it:
alarms change rarely. The first time it goes out at once."""

EXPIRES_S: Final = 2.5 * REPEAT_S
"""Without an alarm of the other agent for this time the sensor is ours alone."""

MAX_SHARED: Final = 1000
"""Shared sensors that are held; of two agents with one input and many more sensors, all of these are named soon."""

NAMED: Final = 10
"""Sensors that a warning names."""

log = logging.getLogger(__name__)


class _Shared(NamedTuple):
    agent: str
    seen_s: float
    published_s: float


class SharedSensors:
    """A chore of the loop.

    Args:
        alarms: has the documents of other agents.
        engine: has our sensors.
        watch: a shared sensor counts as not watched.
        publisher: publishes our alarm again.
    """

    def __init__(self, alarms: AlarmTopics, engine: AlarmEngine, watch: SourceWatch, publisher: Publisher) -> None:
        self.warnings: tuple[str, ...] = ()
        self._alarms, self._engine, self._watch, self._publisher = alarms, engine, watch, publisher
        self._shared: dict[str, _Shared] = {}
        self._throttle = Throttle()

    def tend(self, now_s: float) -> None:
        """Take what came from other agents, and end what is over; `now_s` is monotonic."""
        others, changed = self._alarms.others, False
        while others:
            changed |= self._note(*others.popleft(), now_s)
        for sensor, shared in list(self._shared.items()):
            if sensor not in self._engine.sensors or now_s - shared.seen_s > EXPIRES_S:
                del self._shared[sensor]
                self._watch.held.pop(sensor, None)
                changed = True
            elif now_s - shared.published_s >= REPEAT_S:
                self._shared[sensor] = shared._replace(published_s=now_s)
                self._publisher.alarm_changed(sensor)
        if changed:
            self._warn(now_s)

    def _note(self, sensor: str, agent: str, now_s: float) -> bool:
        """Note an alarm of another agent; True: that is new."""
        before = self._shared.get(sensor)
        if sensor not in self._engine.sensors or (before is None and len(self._shared) >= MAX_SHARED):
            return False
        self._shared[sensor] = _Shared(agent, now_s, now_s if before is None else before.published_s)
        if before is None:
            self._watch.held[sensor] = OTHER_AGENT
            self._publisher.alarm_changed(sensor)
        return before is None or before.agent != agent

    def _warn(self, now_s: float) -> None:
        self.warnings = ()
        if not self._shared:
            return
        named = ", ".join(f"{sensor} ({shared.agent})" for sensor, shared in list(self._shared.items())[:NAMED])
        more = f" and {len(self._shared) - NAMED} more" if len(self._shared) > NAMED else ""
        count = "1 sensor is" if len(self._shared) == 1 else f"{len(self._shared)} sensors are"
        text = f"{count} also read by another agent with the same prefix: {named}{more}"
        self.warnings = (f"{text}; give each agent its own sensors, or its own agent.prefix",)
        if self._throttle.held_back("shared", now_s) is not None:
            log.warning("another agent reads the same sensors", extra=fields(sensors=len(self._shared), first=named))
