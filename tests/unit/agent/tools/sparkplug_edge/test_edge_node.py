from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.codecs.sparkplug_payload import parsed, value_of
from drsn.agent.tools.sparkplug_edge.edge_node import MAX_HISTORY, Moment, Outgoing, SparkplugNode, death
from drsn.agent.tools.sparkplug_edge.machine_metrics import DATATYPES, event_metrics, machine_values
from drsn.agent.tools.sparkplug_edge.topics import EdgeTopics

TOPICS = EdgeTopics("g", "n")
EVENT = {"agent": "a", "state": "active_unacked", "condition": "ball", "event_id": "e-9", "active": True,
         "since": "2026-01-01T00:00:00Z"}  # fmt: skip
MISSED = event_metrics(EVENT)


def values(state: str = "normal", rms: float = 1.0) -> dict[str, Any]:
    found = machine_values({"agent": "a", "state": state}, {"rms": rms})
    assert found is not None
    return found


def at(second: float) -> Moment:
    return Moment(round(second * 1000), second)


def shown(messages: list[Outgoing]) -> list[tuple[str, int, dict[str, Any]]]:
    """Topic without the ids, seq and metrics."""
    found = []
    for message in messages:
        payload = parsed(message.payload)
        metrics = {metric.name: value_of(metric, metric.datatype) for metric in payload.metrics}
        found.append((message.topic.replace("spBv1.0/g/", "").replace("/n", ""), payload.seq, metrics))
    return found


def test_a_birth_has_every_metric_and_data_only_what_changed():
    node = SparkplugNode(TOPICS, "1.0")
    node.put("b", values())
    node.put("a", values())
    assert node.changes(at(1)) == [], "nothing goes out before the birth"
    nbirth, first, second = shown(node.birth(7, at(1)))
    assert nbirth == ("NBIRTH", 0, {"bdSeq": 7, "Node Control/Rebirth": False,
                                    "Properties/Software": "drsn-sparkplug", "Properties/Version": "1.0"})  # fmt: skip
    assert (first[:2], second[:2]) == (("DBIRTH/a", 1), ("DBIRTH/b", 2))
    assert list(first[2]) == list(DATATYPES)
    node.put("a", values("active_unacked"))
    assert shown(node.changes(at(2))) == [("DDATA/a", 3, {"Condition": "active_unacked", "State": "active_unacked"})]
    assert node.changes(at(3)) == []
    node.put("c", values())
    node.put("b", None)
    assert [(kind, seq) for kind, seq, _ in shown(node.changes(at(4)))] == [("DDEATH/b", 4), ("DBIRTH/c", 5)]
    node.put("b", values())
    assert [kind for kind, _, _ in shown(node.changes(at(5)))] == ["DBIRTH/b"]


def test_measured_values_alone_wait_and_go_out_with_other_ones():
    node = SparkplugNode(TOPICS, "1", measured_every_s=10)
    node.put("a", values())
    node.birth(0, at(0))
    node.put("a", values(rms=2))
    assert node.changes(at(5)) == []
    assert shown(node.changes(at(10))) == [("DDATA/a", 2, {"RMS": 2.0})]
    node.put("a", values("active_unacked", rms=3))
    ((_, _, metrics),) = shown(node.changes(at(11)))
    assert metrics == {"Condition": "active_unacked", "State": "active_unacked", "RMS": 3.0}


def test_an_answer_goes_out_with_the_metric_that_was_written():
    node = SparkplugNode(TOPICS, "1")
    node.put("a", values())
    node.birth(0, at(0))
    for seq in (2, 3):  # also the same answer again
        node.answer("a", "Ack", "{}")
        assert shown(node.changes(at(1))) == [("DDATA/a", seq, {"Ack": "", "LastCommand": "{}"})]
    node.answer("a", "Nonsense", "{1}")
    assert shown(node.changes(at(1))) == [("DDATA/a", 4, {"LastCommand": "{1}"})]
    node.answer("unknown", "Ack", "{}")
    assert node.changes(at(1)) == []


def test_what_the_host_missed_follows_the_birth_of_its_machine():
    node = SparkplugNode(TOPICS, "1")
    node.put("a", values())
    node.missed("a", MISSED)
    node.missed("b", MISSED)
    *_, birth, (kind, seq, metrics) = shown(node.birth(0, at(0)))
    assert (birth[0], kind, seq, metrics["EventId"]) == ("DBIRTH/a", "DDATA/a", 2, "e-9")
    node.put("b", values())
    assert [(kind, seq) for kind, seq, _ in shown(node.changes(at(1)))] == [("DBIRTH/b", 3), ("DDATA/b", 4)]
    assert shown(node.birth(0, at(2)))[-1][0] == "DBIRTH/b", "they go out once"


def test_the_events_that_wait_are_bounded():
    node = SparkplugNode(TOPICS, "1")
    for _ in range(MAX_HISTORY + 3):
        node.missed("a", MISSED)
    assert node.dropped == 3


def test_a_death_has_the_bdseq_and_no_seq():
    message = parsed(death(9, 5))
    assert [(metric.name, metric.long_value) for metric in message.metrics] == [("bdSeq", 9)]
    assert not message.HasField("seq")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abc"), st.sampled_from(["normal", "active_unacked", None])),
        st.tuples(st.just("birth"), st.none(), st.none()),
        st.tuples(st.just("end"), st.none(), st.none()),
        st.tuples(st.just("missed"), st.sampled_from("abc"), st.none()),
        st.tuples(st.just("answer"), st.sampled_from("abc"), st.none()),
    ),
    max_size=60,
)


def one_step(node: SparkplugNode, name: str, sensor: str, state: str | None, time_s: int) -> list[Outgoing]:
    if name == "put":
        node.put(sensor, None if state is None else values(state, rms=time_s))
    elif name == "birth":
        return node.birth(1, at(time_s))
    elif name == "end":
        node.end_session()
    elif name == "missed":
        node.missed(sensor, MISSED)
    else:
        node.answer(sensor, "Ack", f"{time_s}")
    return node.changes(at(time_s))


class StrictHost:
    """A host that fails on what the specification forbids."""

    def __init__(self) -> None:
        self.devices: dict[str, dict[str, Any]] = {}
        self.expected: int | None = None
        """seq of the next message; None: no birth has come."""

    def take(self, topic: str, seq: int, metrics: dict[str, Any]) -> None:
        kind, _, device = topic.partition("/")
        if kind == "NBIRTH":
            self.devices, self.expected = {}, 0
        assert seq == self.expected
        self.expected = (seq + 1) % 256
        if kind == "DBIRTH":
            assert device not in self.devices
            assert metrics.keys() == DATATYPES.keys()
            self.devices[device] = metrics
        elif kind == "DDEATH":
            del self.devices[device]
        elif kind == "DDATA":
            present = {} if metrics.get("EventId") == "e-9" else metrics  # else it is historical
            self.devices[device].update(present)


@given(STEPS)
def test_any_sequence_of_steps_is_one_that_a_host_accepts(steps: list[tuple[str, Any, Any]]):
    """Its seq counts from each NBIRTH; data and a death only follow a birth; in the end the host has what stands."""
    node, truth, host = SparkplugNode(TOPICS, "1"), {}, StrictHost()
    for time_s, (name, sensor, state) in enumerate(steps):
        if name == "put":
            truth[sensor] = None if state is None else values(state, rms=time_s)
        for message in shown(one_step(node, name, sensor, state, time_s)):
            host.take(*message)
    if node.born:
        alive = {sensor: found for sensor, found in truth.items() if found is not None}
        assert {s: {name: m[name] for name in values()} for s, m in host.devices.items()} == alive


def test_seq_begins_again_after_255():
    node = SparkplugNode(TOPICS, "1")
    node.birth(0, at(0))
    found = []
    for number in range(300):
        node.put("a", values(rms=number))
        found += [seq for _, seq, _ in shown(node.changes(at(number)))]
    assert found == [(number + 1) % 256 for number in range(300)]
