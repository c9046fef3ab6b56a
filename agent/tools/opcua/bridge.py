"""The bridge: follows the documents of the agents, and keeps nodes and events of the OPC UA server in step."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.observability.logs import fields
from drsn.agent.tools.opcua.condition_event import refresh, send
from drsn.agent.tools.opcua.condition_fields import condition_fields, condition_id
from drsn.agent.tools.opcua.quality import Quality, quality_of
from drsn.agent.tools.opcua.sensor_fields import sensor_fields

if TYPE_CHECKING:
    from asyncua import Server, ua

    from drsn.agent.schema.documents import ReplyDocument
    from drsn.agent.tools.live.live_state import TimedResult, Update
    from drsn.agent.tools.live.subscriber import Subscriber
    from drsn.agent.tools.opcua.address_space import AddressSpace
    from drsn.agent.tools.opcua.condition_state import ConditionKey, ConditionState
    from drsn.agent.tools.opcua.condition_table import ConditionTable

WAIT_S: Final = 0.1
"""Longest wait for documents; a command waits so long for its turn."""

COMMAND_S: Final = 7.0
"""Longest wait for a reply; the subscriber itself ends it before."""

EVENT_IDS: Final = 16
"""Of one condition, that a client may still acknowledge."""

log = logging.getLogger(__name__)


class Bridge:
    """One turn takes the new documents, and writes what they have changed.

    Args:
        subscriber: that was started.
        server: that was initialised.
        nodes: its nodes.
        table: the conditions.
    """

    def __init__(self, subscriber: Subscriber, server: Server, nodes: AddressSpace, table: ConditionTable) -> None:
        self.event_ids: dict[ConditionKey, dict[bytes, str]] = {}
        """Condition -> EventId that was sent -> the agent's id, the newest last."""
        self._subscriber, self._server, self._nodes, self._table = subscriber, server, nodes, table
        self._alarms: dict[str, dict[str, Any]] = {}  # sensor -> the document that was taken
        self._written: dict[
            str, tuple[dict[str, Any], TimedResult | None, Quality]
        ] = {}  # sensor -> what its nodes show
        self._keys: dict[str, ConditionKey] = {}  # text of the node of a condition -> it
        self._commands: deque[tuple[str, str, dict[str, Any], asyncio.Future[str | None]]] = deque()
        self._connected: bool | None = None
        self._refused = 0

    async def turn(self) -> None:
        """Wait for documents, and take them."""
        updates = await asyncio.to_thread(self._follow)
        await self._connection()
        for state in self._changes(updates):
            await self._publish(state)
        for state in self._table.set_quality(self._qualities()):
            await self._publish(state, event=state.retain)
        for sensor in list(self._alarms):
            await self._write_sensor(sensor)
        await self._remove()
        self._report()

    def condition_at(self, text: object) -> ConditionState | None:
        """The condition of a node; None: it is not the node of a condition."""
        key = self._keys.get(text) if isinstance(text, str) else None
        return None if key is None else self._table.states.get(key)

    async def refresh(self, session_id: ua.NodeId, number: int, item: int | None = None) -> str:
        """Send the retained conditions to a subscription; return the status code.

        Args:
            session_id: of the client that asks; it must own the subscription.
            number: of the subscription.
            item: number of the monitored item; None: all.
        """
        subscription = self._server.iserver.subscription_service.subscriptions.get(number)
        if subscription is None or subscription.session_id != session_id:
            return "BadSubscriptionIdInvalid"
        if item is not None and item not in subscription.monitored_item_srv._monitored_items:  # noqa: SLF001 (asyncua has no public way)
            return "BadMonitoredItemIdInvalid"
        now = datetime.now(timezone.utc)
        states = {
            state: condition_fields(state, now) for state in self._table.retained() if condition_id(state) in self._keys
        }
        await refresh(subscription, states, item)
        return "Good"

    async def command(self, agent: str, verb: str, command: dict[str, Any]) -> str | None:
        """Send a command; return why it failed, or None."""
        reply: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._commands.append((agent, verb, command, reply))
        try:
            reason = await asyncio.wait_for(reply, COMMAND_S)
        except asyncio.TimeoutError:
            reason = f"agent {agent} did not answer"
        log.info(
            "OPC UA command",
            extra=fields(verb=verb, agent=agent, sensor=command["sensor"], by=command["by"], refused=reason),
        )
        return reason

    async def comment(self, key: ConditionKey, text: str, user: str) -> None:
        """Set the comment of a condition, and send its event."""
        await self._publish(self._table.comment(key, text, user))

    def _follow(self) -> list[Update]:
        """In a thread: send the commands that wait, and take the documents that have come."""
        while self._commands:
            agent, verb, command, reply = self._commands.popleft()

            def answer(problem: str | None, _: ReplyDocument | None, reply: asyncio.Future[str | None] = reply) -> None:
                reply.get_loop().call_soon_threadsafe(_set, reply, problem)

            self._subscriber.command(agent, verb, command, answer)
        return self._subscriber.updates(WAIT_S)

    async def _connection(self) -> None:
        connected = self._subscriber.connected
        if connected == self._connected:
            return
        self._connected = connected
        await self._nodes.write_connected(connected=connected)
        broker = self._subscriber.where
        if connected:
            log.info("OPC UA values follow the broker", extra=fields(broker=broker))
        else:
            reason = self._subscriber.last_error
            log.warning(
                "OPC UA values are uncertain: no connection to the broker", extra=fields(broker=broker, reason=reason)
            )

    def _changes(self, updates: list[Update]) -> list[ConditionState]:
        """The conditions that documents have changed, in order."""
        changed: list[ConditionState] = []
        for update in updates:
            if update.kind in ("event", "missed"):
                changed += self._table.event(
                    update.document, self._quality(update.document["agent"], update.document["sensor"])
                )
        alarms = self._subscriber.state.retained.alarms
        for sensor in self._alarms.keys() - alarms.keys():
            changed += self._table.forget(sensor)
            del self._alarms[sensor]
        for sensor, document in list(alarms.items()):
            if self._alarms.get(sensor) is not document:
                self._alarms[sensor] = document
                changed += self._table.alarm(sensor, document, self._quality(document["agent"], sensor))
        return changed

    def _qualities(self) -> dict[tuple[str, str], Quality]:
        return {(a["agent"], sensor): self._quality(a["agent"], sensor) for sensor, a in self._alarms.items()}

    def _quality(self, agent: str, sensor: str) -> Quality:
        retained = self._subscriber.state.retained
        status, alarm = retained.statuses.get(agent), retained.alarms.get(sensor)
        watched = alarm is None or alarm.get("not_watched") is None
        return quality_of(status["state"] if status else None, connected=self._connected is True, watched=watched)

    async def _publish(self, state: ConditionState, *, event: bool = True) -> None:
        """Write the nodes of a condition, and send its event."""
        if state.key.sensor in self._alarms:
            await self._write_sensor(state.key.sensor)
        values = condition_fields(state, datetime.now(timezone.utc))
        if state.key in self._table.states and not await self._nodes.write_condition(state, values):
            return
        self._keys[condition_id(state)] = state.key
        ids = self.event_ids.setdefault(state.key, {})
        ids[state.notification_id] = state.event_id
        while len(ids) > EVENT_IDS:
            del ids[next(iter(ids))]
        if event:
            await send(self._server, state, values)

    async def _write_sensor(self, sensor: str) -> None:
        alarm, result = self._alarms[sensor], self._subscriber.state.results.get(sensor)
        quality, written = self._quality(alarm["agent"], sensor), self._written.get(sensor)
        if written is not None and written[0] is alarm and written[1] is result and written[2] is quality:
            return
        self._written[sensor] = (alarm, result, quality)
        values = sensor_fields(alarm, None if result is None else result.document)
        await self._nodes.write_sensor(alarm["agent"], sensor, values, quality)

    async def _remove(self) -> None:
        """Delete the nodes of what was removed."""
        while self._table.removed:
            key = self._table.removed.pop()
            if key in self._table.states:  # it has come back
                continue
            await self._nodes.remove_condition(key)
            self.event_ids.pop(key, None)
            self._keys = {text: other for text, other in self._keys.items() if other != key}
        present = {(alarm["agent"], sensor) for sensor, alarm in self._alarms.items()}
        for agent, sensor in self._nodes.sensors() - present:
            await self._nodes.remove_sensor(agent, sensor)
            self._written.pop(sensor, None)

    def _report(self) -> None:
        """Log what had no room, once for each growth."""
        refused = len(self._table.refused) + len(self._nodes.refused)
        if refused > self._refused:
            log.error(
                "OPC UA: no room for a sensor or a condition",
                extra=fields(sensors=len(self._nodes.refused), conditions=len(self._table.refused)),
            )
        self._refused = refused
        while self._subscriber.lost:
            lost = self._subscriber.lost.pop(0)
            log.warning(
                "OPC UA: events were missed and are lost",
                extra=fields(sensor=lost.stream.sensor, count=lost.count, reason=lost.reason),
            )


def _set(reply: asyncio.Future[str | None], problem: str | None) -> None:
    if not reply.done():
        reply.set_result(problem)
