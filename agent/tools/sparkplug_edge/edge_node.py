"""The edge node: values of machines in, messages out. It reads no clock and no network.

A machine is a device. It is alive while its agent is online: then the alarm of the agent is valid. If the agent is
offline, the edge node has lost the connection to the device, and Sparkplug requires a DDEATH: the host marks all
metrics of the device as STALE. A machine that its online agent does not watch stays alive, with the state
`not_watched` and no measured values: its agent can still have a valid alarm of it, such as `silent`.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from drsn.agent.tools.sparkplug_edge.machine_metrics import ANSWER, COMMANDS, DATATYPES, MEASURED, Values
from drsn.agent.tools.sparkplug_edge.payload import DataType, Metric, Value, encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from drsn.agent.tools.sparkplug_edge.topics import EdgeTopics, Kind

REBIRTH: Final = "Node Control/Rebirth"
BD_SEQ: Final = "bdSeq"

MAX_HISTORY: Final = 10_000
"""Events that wait for the host; the oldest ones are dropped."""

_SEQ_COUNT: Final = 256


class Moment(NamedTuple):
    """The time of a step."""

    unix_ms: int
    monotonic_s: float


class Outgoing(NamedTuple):
    """A message to publish: QoS 0, not retained."""

    topic: str
    payload: bytes


@dataclass(slots=True)
class _Machine:
    """A machine, and what the host has of it."""

    values: Values | None = None
    """None: it is not alive."""
    reported: dict[str, Value] | None = None
    """None: the host has no birth of it, or has its death."""
    measured_s: float = -math.inf
    """When measured values were sent, monotonic."""
    answer: str | None = None
    """Answer to the last command."""
    written: set[str] = field(default_factory=set)
    """Metrics that a command wrote: they are sent again, so that the host shows their value."""


class SparkplugNode:
    """One edge node and its devices.

    Args:
        topics: its topics.
        version: of this program, for the birth.
        measured_every_s: shortest time between two messages of one machine that have measured values alone.
    """

    def __init__(self, topics: EdgeTopics, version: str, measured_every_s: float = 0.0) -> None:
        self.born = False
        """The host has the birth of this session."""
        self.dropped = 0
        """Events for which there was no room to wait."""
        self._topics, self._version, self._measured_every_s = topics, version, measured_every_s
        self._machines: dict[str, _Machine] = {}
        self._changed: set[str] = set()  # names of machines
        self._history: deque[tuple[str, Sequence[Metric]]] = deque()
        self._seq = 0  # of the next message

    def put(self, sensor: str, values: Values | None) -> None:
        """Take the present values of a machine; None: it is not alive."""
        machine = self._machines.setdefault(sensor, _Machine())
        if machine.values != values:
            machine.values = values
            self._changed.add(sensor)

    def alive(self, sensor: str) -> bool:
        """Whether a machine can take a command."""
        return sensor in self._machines and self._machines[sensor].values is not None

    def answer(self, sensor: str, metric: str, text: str) -> None:
        """Take the answer to a command that wrote a metric."""
        if (machine := self._machines.get(sensor)) is not None:
            machine.answer = text
            machine.written |= {ANSWER} | ({metric} & COMMANDS.keys())
            self._changed.add(sensor)

    def missed(self, sensor: str, metrics: Sequence[Metric]) -> None:
        """Take an event that the host has not got; it goes out with the next birth or change of the machine."""
        if len(self._history) >= MAX_HISTORY:
            self._history.popleft()
            self.dropped += 1
        self._history.append((sensor, metrics))
        self._changed.add(sensor)

    def end_session(self) -> None:
        """The connection has ended, or the host is offline: nothing that was sent counts."""
        self.born = False
        for sensor, machine in self._machines.items():
            machine.reported, machine.measured_s = None, -math.inf
            machine.written.clear()
            self._changed.add(sensor)

    def birth(self, bd_seq: int, now: Moment) -> list[Outgoing]:
        """NBIRTH, then the births of all machines that are alive and what the host has missed."""
        self.end_session()
        self.born, self._seq = True, 0
        metrics = [
            Metric(BD_SEQ, DataType.INT64, bd_seq, now.unix_ms),
            Metric(REBIRTH, DataType.BOOLEAN, value=False, timestamp_ms=now.unix_ms),
            Metric("Properties/Software", DataType.STRING, "drsn-sparkplug", now.unix_ms),
            Metric("Properties/Version", DataType.STRING, self._version, now.unix_ms),
        ]
        return [self._message("NBIRTH", None, metrics, now), *self.changes(now)]

    def changes(self, now: Moment) -> list[Outgoing]:
        """The messages of all machines that have changed."""
        if not self.born:
            return []
        found = [each for sensor in sorted(self._changed) for each in self._of_machine(sensor, now)]
        self._changed = {sensor for sensor in self._changed if self._is_behind(sensor)}
        return [*found, *self._missed_events(now)]

    def _of_machine(self, sensor: str, now: Moment) -> Iterator[Outgoing]:
        machine = self._machines.get(sensor)
        if machine is None:
            return
        if machine.values is None:
            if machine.reported is not None:
                yield self._message("DDEATH", sensor, (), now)
            del self._machines[sensor]
            return
        values = _all_values(machine)
        if machine.reported is None:
            yield self._message("DBIRTH", sensor, _metrics(values, DATATYPES, now), now)
        else:
            names = {name for name in values if values[name] != machine.reported[name]} | machine.written
            if not names or (names <= MEASURED and now.monotonic_s - machine.measured_s < self._measured_every_s):
                return
            yield self._message("DDATA", sensor, _metrics(values, names, now), now)
        machine.reported, machine.measured_s = values, now.monotonic_s
        machine.written.clear()

    def _is_behind(self, sensor: str) -> bool:
        """Whether the host lacks values of a machine: measured ones that wait for their time."""
        machine = self._machines.get(sensor)
        return machine is not None and _all_values(machine) != machine.reported

    def _missed_events(self, now: Moment) -> list[Outgoing]:
        """The events that wait, of machines whose birth the host has."""
        waiting, self._history = self._history, deque()
        found = []
        for sensor, metrics in waiting:
            machine = self._machines.get(sensor)
            if machine is not None and machine.reported is not None:
                found.append(self._message("DDATA", sensor, metrics, now))
            else:
                self._history.append((sensor, metrics))
        return found

    def _message(self, kind: Kind, device: str | None, metrics: Iterable[Metric], now: Moment) -> Outgoing:
        payload = encoded(metrics, now.unix_ms, self._seq)
        self._seq = (self._seq + 1) % _SEQ_COUNT
        return Outgoing(self._topics.of(kind, device), payload)


def death(bd_seq: int, unix_ms: int) -> bytes:
    """Payload of NDEATH: bdSeq alone, and no seq."""
    return encoded((Metric(BD_SEQ, DataType.INT64, bd_seq, unix_ms),), unix_ms, None)


def _all_values(machine: _Machine) -> dict[str, Value]:
    return {**(machine.values or {}), **{name: value for name, (_, value) in COMMANDS.items()}, ANSWER: machine.answer}


def _metrics(values: Values, names: Iterable[str], now: Moment) -> list[Metric]:
    wanted = frozenset(names)
    return [Metric(name, kind, values[name], now.unix_ms) for name, kind in DATATYPES.items() if name in wanted]
