"""Follows the agents in one thread, which owns all their documents; merges what changes, and tells the browsers."""

from __future__ import annotations

import logging
import queue
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.tools.web.documents import Documents, shown_result
from drsn.agent.tools.web.minutes import HOUR, Minutes
from drsn.agent.tools.web.recent_results import RecentResults

if TYPE_CHECKING:
    from collections.abc import Callable

    from drsn.agent.schema.documents import ReplyDocument
    from drsn.agent.tools.live.live_state import Update
    from drsn.agent.tools.live.subscriber import Subscriber
    from drsn.agent.tools.operator.retained_state import RetainedState
    from drsn.agent.tools.web.history_keeper import HistoryKeeper

WAIT_S: Final = 0.1
"""Longest wait for a message; then requests of the page are served, which a message does not interrupt."""

CHANGE_S: Final = 0.25
"""Shortest time between two messages of changes."""

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """What an agent answered."""

    problem: str | None
    """Why the command failed; None: it is done."""
    reply: ReplyDocument | None
    """None: no answer came."""


class UpdateReceiver(Protocol):
    """What else follows the events: notifications."""

    def take(self, update: Update, now_s: float) -> None:
        """Take an update at a Unix time; must not block."""
        ...

    def tick(self, retained: RetainedState, now_s: float) -> None:
        """Do what the time alone makes due; called about ten times a second, must not block."""
        ...

    def close(self) -> None:
        """End."""
        ...


class PageFeed:
    """All documents of the agents, and who follows them.

    Args:
        subscriber: the connection.
        history: keeps minutes and events.
        publish: takes the kind and the document of an event for all browsers; called in the feed's thread.
        receivers: take the updates too.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        history: HistoryKeeper,
        publish: Callable[[str, dict[str, Any]], None],
        receivers: tuple[UpdateReceiver, ...] = (),
    ) -> None:
        self.recent = RecentResults()
        self.minutes = Minutes()
        self._subscriber, self._history, self._publish, self._receivers = subscriber, history, publish, receivers
        self.documents = Documents(subscriber.state, lambda sensor: self.minutes.trend(sensor, time.time()))
        self._changes = _Changes(self)
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    @property
    def subscriber(self) -> Subscriber:
        """The connection; only for the feed's thread."""
        return self._subscriber

    def start(self) -> None:
        """Connect and follow; returns at once."""
        rows = self._history.ask(lambda history: history.since(int(time.time() // 60) - HOUR)).result()
        self.minutes.resume(rows)
        self._subscriber.start()
        self._thread.start()

    def stop(self) -> None:
        """End; what waits is written."""
        self._stop.set()
        self._thread.join()
        self._subscriber.stop()
        for receiver in self._receivers:
            receiver.close()
        for row in self.minutes.take_all():
            self._history.add_minute(row)
        self._history.close()

    def ask(self, question: Callable[[PageFeed], _Result]) -> Future[_Result]:
        """Run a function in the feed's thread, within `WAIT_S`; the result is in the future."""
        future: Future[_Result] = Future()

        def run() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(question(self))
                except Exception as error:  # noqa: BLE001 (handed to the caller)
                    future.set_exception(error)

        self._jobs.put(run)
        return future

    def command(self, agent: str, verb: str, fields: dict[str, Any]) -> Future[CommandAnswer]:
        """Send a command to an agent."""
        answer: Future[CommandAnswer] = Future()

        def on_reply(problem: str | None, reply: ReplyDocument | None) -> None:
            if answer.set_running_or_notify_cancel():
                answer.set_result(CommandAnswer(problem, reply))

        self._jobs.put(lambda: self._subscriber.command(agent, verb, fields, on_reply))
        return answer

    def state(self) -> dict[str, Any]:
        """Everything, for a page that begins; only for the feed's thread."""
        now_s, connected = time.monotonic(), self._subscriber.connected
        documents = self.documents
        return {
            "broker": self.broker(),
            "prefix": self._subscriber.state.prefix,
            "now": iso_utc(time.time_ns()),
            "agents": [documents.agent(agent, now_s) for agent in documents.agents()],
            "machines": [
                documents.machine(sensor, now_s, connected=connected)
                for sensor in sorted(self._subscriber.state.retained.alarms)
            ],
            "not_watched": documents.not_watched(),
        }

    def alarm(self, sensor: str) -> dict[str, Any] | None:
        """The alarm document of a sensor; only for the feed's thread."""
        return self._subscriber.state.retained.alarms.get(sensor)

    def broker(self) -> dict[str, Any]:
        """The state of the connection."""
        connected, denied = self._subscriber.connected, self._subscriber.denied
        error = None if connected else self._subscriber.last_error or "connecting"
        if denied:
            error = f"the broker refuses {', '.join(denied)}; check its ACL"
        return {"connected": connected, "where": self._subscriber.where, "error": error}

    def _run(self) -> None:
        while not self._stop.is_set():
            self._safe_turn()

    def _safe_turn(self) -> None:
        try:
            self._turn()
        except Exception:
            log.exception("the page's feed failed; it goes on")
            self._stop.wait(1.0)

    def _turn(self) -> None:
        updates = self._subscriber.updates(WAIT_S)
        now_s = time.monotonic()
        for update in updates:
            if update.kind in ("event", "missed"):
                self._history.add_event(update.document)
                self._publish("alarm", update.document)
            for receiver in self._receivers:
                receiver.take(update, time.time())
        for receiver in self._receivers:
            receiver.tick(self._subscriber.state.retained, time.time())
        self._subscriber.lost.clear()
        with suppress(queue.Empty):
            while True:
                self._jobs.get_nowait()()
        if (change := self._changes.due(now_s)) is not None:
            self._publish("change", change)
        self._history.tend(now_s)

    def keep_result(self, sensor: str, document: dict[str, Any], received_s: float) -> None:
        """Keep a result for the charts."""
        result = shown_result(document)
        if result is None:
            return
        at_unix_s = time.time() - (time.monotonic() - received_s)
        self.recent.add(sensor, at_unix_s, result)
        row = self.minutes.add(sensor, at_unix_s, result.rms, result.velocity_rms_mm_s)
        if row is not None:
            self._history.add_minute(row)


class _Changes:
    """What has changed since the last message. Documents are compared by identity: they are replaced, never altered."""

    def __init__(self, feed: PageFeed) -> None:
        self._feed = feed
        self._sent_s = 0.0
        self._machines: dict[str, tuple[object, ...]] = {}
        self._agents: dict[str, tuple[object, ...]] = {}
        self._results: dict[str, object] = {}
        self._not_watched: list[dict[str, Any]] = []
        self._broker: dict[str, Any] = {}

    def due(self, now_s: float) -> dict[str, Any] | None:
        """The message of the changes, at most every `CHANGE_S`; None: nothing has changed, or it is too early."""
        if now_s - self._sent_s < CHANGE_S:
            return None
        feed, live = self._feed, self._feed.subscriber.state
        for sensor, timed in live.results.items():
            if self._results.get(sensor) is not timed:
                self._results[sensor] = timed
                feed.keep_result(sensor, timed.document, timed.received_s)
        broker = feed.broker()
        agents, machines, removed = self._agents_changed(), self._machines_changed(broker), self._removed()
        not_watched = feed.documents.not_watched() if agents or machines or removed else self._not_watched
        if not (agents or machines or removed or not_watched != self._not_watched or broker != self._broker):
            return None
        self._sent_s = now_s
        message = {
            "machines": [feed.documents.machine(each, now_s, connected=broker["connected"]) for each in machines],
            "agents": [feed.documents.agent(each, now_s) for each in agents],
            "not_watched": None if not_watched == self._not_watched else not_watched,
            "broker": None if broker == self._broker else broker,
            "removed": removed,
            "now": iso_utc(time.time_ns()),
        }
        self._not_watched, self._broker = not_watched, broker
        return message

    def _agents_changed(self) -> list[str]:
        retained = self._feed.subscriber.state.retained
        found = []
        for agent in self._feed.documents.agents():
            parts = (retained.statuses.get(agent), retained.healths.get(agent))
            if not _same(self._agents.get(agent), parts):
                self._agents[agent] = parts
                found.append(agent)
        return found

    def _machines_changed(self, broker: dict[str, Any]) -> list[str]:
        live, found = self._feed.subscriber.state, []
        for sensor, alarm in live.retained.alarms.items():
            status = live.retained.statuses.get(alarm["agent"])
            parts = (alarm, live.results.get(sensor), status, broker["connected"])
            if not _same(self._machines.get(sensor), parts):
                self._machines[sensor] = parts
                found.append(sensor)
        return found

    def _removed(self) -> list[str]:
        removed = [sensor for sensor in self._machines if sensor not in self._feed.subscriber.state.retained.alarms]
        for sensor in removed:
            del self._machines[sensor]
        return removed


def _same(before: tuple[object, ...] | None, now: tuple[object, ...]) -> bool:
    return before is not None and all(one is other for one, other in zip(before, now, strict=True))
