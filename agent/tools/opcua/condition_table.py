"""The conditions of all sensors: which change of which document is new. No clock, no network, no OPC UA."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from drsn.agent.tools.opcua.condition_state import ConditionKey, ConditionState, ended, state_of, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from drsn.agent.tools.opcua.quality import Quality


class ConditionTable:
    """All conditions that have appeared. Each call returns the states that have changed, in order.

    Args:
        max_conditions: at this many, one that is normal is removed for a new one; if all stand, the new one is refused.
    """

    def __init__(self, max_conditions: int) -> None:
        self.states: dict[ConditionKey, ConditionState] = {}
        self.removed: list[ConditionKey] = []
        """Conditions that were removed since it was last emptied."""
        self.refused: set[ConditionKey] = set()
        """Conditions for which there was no room; bounded as the others."""
        self._max = max_conditions
        self._epochs: dict[tuple[str, str], str] = {}  # (agent, sensor) -> of its last document

    def event(self, document: Mapping[str, Any], quality: Quality) -> list[ConditionState]:
        """Take an event. One that is older than the condition's state changes nothing.

        Args:
            document: a valid event.
            quality: of its sensor now.
        """
        key = ConditionKey(document["agent"], document["sensor"], text(document["condition"]))
        seq = document["seq"]
        self._enter(key.agent, key.sensor, document["epoch"])
        before = self.states.get(key)
        if before is not None and seq <= before.seq:
            return []
        return self._put(state_of(key, document, seq, quality, before))

    def alarm(self, sensor: str, document: Mapping[str, Any], quality: Quality) -> list[ConditionState]:
        """Take an alarm document: it has every condition of its sensor that is not normal.

        Args:
            sensor: its id.
            document: a valid alarm.
            quality: of the sensor now.
        """
        agent, seq = document["agent"], document.get("seq", 0)
        if not isinstance(seq, int):
            return []
        changed = self.forget(sensor, keep=agent)
        self._enter(agent, sensor, str(document.get("epoch")))
        listed = set()
        for each in document.get("conditions", ()):
            key = ConditionKey(agent, sensor, text(each["condition"]))
            listed.add(key)
            before = self.states.get(key)
            if before is None or (seq >= before.seq and _differs(before, each)):
                changed += self._put(state_of(key, each, seq, quality, before))
        for before in self._of_sensor(agent, sensor):
            stands = before.retain or before.suppressed_by is not None
            if before.key not in listed and stands and before.seq <= seq:
                changed += self._put(ended(before, seq))
        return changed

    def forget(self, sensor: str, keep: str | None = None) -> list[ConditionState]:
        """Remove the conditions of a sensor; they end first.

        Args:
            sensor: its id.
            keep: agent whose conditions stay.
        """
        gone = [state for state in self.states.values() if state.key.sensor == sensor and state.key.agent != keep]
        for state in gone:
            del self.states[state.key]
            self.removed.append(state.key)
            self._epochs.pop((state.key.agent, sensor), None)
        return [ended(state, state.seq) for state in gone if state.retain]

    def set_quality(self, sensors: Mapping[tuple[str, str], Quality]) -> list[ConditionState]:
        """Take the quality of sensors; those that are not given keep theirs.

        Args:
            sensors: (agent, sensor) -> quality.
        """
        changed = []
        for key, state in self.states.items():
            quality = sensors.get((key.agent, key.sensor), state.quality)
            if quality is not state.quality:
                # The last change of the alarm stays; only the quality has another time, the server's.
                changed.append(replace(state, quality=quality, revision=state.revision + 1))
        for state in changed:
            self.states[state.key] = state
        return changed

    def comment(self, key: ConditionKey, words: str, user: str) -> ConditionState:
        """Set the comment of a condition; the agent has no command for that."""
        state = self.states[key]
        state = replace(state, comment=text(words), user=user, revision=state.revision + 1)
        self.states[key] = state
        return state

    def retained(self) -> list[ConditionState]:
        """The states that a refresh sends."""
        return [state for state in self.states.values() if state.retain]

    def _enter(self, agent: str, sensor: str, epoch: str) -> None:
        """With another epoch of the agent's database the numbers of the events begin again."""
        if self._epochs.get((agent, sensor), epoch) != epoch:
            for state in self._of_sensor(agent, sensor):
                self.states[state.key] = replace(state, seq=0)
        self._epochs[agent, sensor] = epoch

    def _of_sensor(self, agent: str, sensor: str) -> Iterable[ConditionState]:
        return [state for key, state in self.states.items() if key[:2] == (agent, sensor)]

    def _put(self, state: ConditionState) -> list[ConditionState]:
        if state.key not in self.states and len(self.states) >= self._max:
            normal = next((key for key, each in self.states.items() if not each.retain), None)
            if normal is None:
                if len(self.refused) < self._max:
                    self.refused.add(state.key)
                return []
            del self.states[normal]
            self.removed.append(normal)
        self.states[state.key] = state
        return [state]


def _differs(before: ConditionState, each: Mapping[str, Any]) -> bool:
    return before.event_id != text(each.get("event_id")) or before.state != text(each["state"])
