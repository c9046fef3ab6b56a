"""Keeps account of the sources that are watched: sweeps them, publishes the alarms of those that change, logs them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from drsn.agent.acquisition.not_watched import FIRST_WINDOW
from drsn.agent.observability.logs import Throttle, fields

if TYPE_CHECKING:
    from drsn.agent.acquisition.intake import Intake
    from drsn.agent.acquisition.not_watched import NotWatched
    from drsn.agent.decision.alarm_engine import AlarmEngine
    from drsn.agent.delivery.publisher import Publisher
    from drsn.agent.mqtt.transport import Transport
    from drsn.agent.service.clock import Clock

log = logging.getLogger(__name__)

SWEEP_S = 1.0
"""From one sweep to the next."""

CLOCKS_S = 10.0
"""From one look at the sensors' clocks to the next."""

SHARE = 0.01
"""Of the time, for sweeps: where a sweep takes long, for very many sensors, the next one comes later."""

MAX_WARNED = 10_000
"""Sources whose last line is remembered."""

LINES = 20
"""Log lines of one sweep, at most; a last one has the number of the others."""


class WatchedSources:
    """A chore of the loop.

    Args:
        intake: has the streams, and which of the sources are watched.
        engine: its sensors have a retained alarm.
        publisher: publishes it again when the sensor's state changes.
        ingest: time counts only while it is connected.
        clock: of the agent.
        sweep_s: from one sweep to the next.
    """

    def __init__(
        self,
        intake: Intake,
        engine: AlarmEngine,
        publisher: Publisher,
        ingest: Transport,
        clock: Clock,
        sweep_s: float = SWEEP_S,
    ) -> None:
        self._intake, self._engine, self._publisher = intake, engine, publisher
        self._ingest, self._clock, self._sweep_s = ingest, clock, sweep_s
        self._due_s = self._clocks_due_s = 0.0
        self._throttle = Throttle()
        self._warned: set[str] = set()  # sources whose last line was a warning

    def tend(self, now_s: float) -> None:
        """Sweep the sources if it is due, and report what has changed since the last call."""
        watch = self._intake.watch
        if now_s >= self._due_s:
            streams, now_unix_ns = self._intake.registry.streams, self._clock.unix_ns()
            watch.sweep(streams, now_s, now_unix_ns, connected=self._ingest.connected)
            if now_s >= self._clocks_due_s:
                self._clocks_due_s = now_s + CLOCKS_S
                self._warn_of_clocks(self._intake.wrong_clocks.sweep(streams, now_unix_ns))
            took_s = self._clock.monotonic_s() - now_s
            self._due_s = now_s + max(self._sweep_s, took_s / SHARE)
        if changed := watch.take_changed():
            self._report(changed, now_s)

    def _warn_of_clocks(self, sensors: list[str]) -> None:
        for sensor in sensors[:LINES]:
            details = fields(sensor=sensor, remedy="set the sensor's clock, or send packets without `t0`")
            log.warning("t0 is in the future or too old: alarms use the agent's clock", extra=details)
        if len(sensors) > LINES:
            log.warning(
                "more sensors have a wrong t0: the health document has their number",
                extra=fields(more=len(sensors) - LINES),
            )

    def _report(self, changed: list[tuple[str, NotWatched | None]], now_s: float) -> None:
        shown = []
        for source, found in changed:
            if source in self._engine.sensors:
                self._publisher.alarm_changed(source)
            if (found is None and source not in self._warned) or (found is not None and found.reason == FIRST_WINDOW):
                continue  # a sensor that begins
            if self._throttle.held_back((source, found and found.reason), now_s) is not None:
                shown.append((source, found))
        for source, found in shown[:LINES]:
            if found is None:
                self._warned.discard(source)
                log.info("source is watched", extra=fields(source=source))
            else:
                self._warned.add(source)
                details = fields(source=source, reason=found.reason, remedy=found.remedy)
                log.warning("source is not watched", extra=details)
        if (more := len(shown) - LINES) > 0:
            log.warning("more sources have changed: the health document names them", extra=fields(more=more))
        if len(self._warned) > MAX_WARNED:
            self._warned.clear()
