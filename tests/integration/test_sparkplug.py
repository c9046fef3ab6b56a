"""`drsn-sparkplug` on a real broker, read by Eclipse Tahu's decoder (npm `sparkplug-payload`)."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from journal_agent import Journal, alarm, event
from sparkplug_host import EdgeProcess, Host, require_codec

from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BD_SEQ = "bdSeq"
MACHINE = next(machine for machine in DEMO_MACHINES if machine.fault == "inner_race")

pytestmark = pytest.mark.slow  # each starts processes of Python and of Node.js


@pytest.fixture
def host(mosquitto) -> Iterator[Host]:
    require_codec()
    made = Host(mosquitto.port)
    yield made
    made.connection.stop()


@pytest.fixture
def journal(mosquitto, wait_until: Callable) -> Iterator[Journal]:
    agent = Journal(mosquitto.port)
    agent.connection.start()
    wait_until(lambda: agent.connection.connected, what="the agent")
    agent.state()
    yield agent
    agent.connection.stop()


@pytest.fixture
def edge(mosquitto, tmp_path: Path) -> Iterator[EdgeProcess]:
    made = EdgeProcess(mosquitto.url, tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop(signal.SIGKILL)


def seqs(host: Host) -> list[int]:
    """The seq of all messages since the last NBIRTH."""
    read = host.read()
    first = max(i for i, each in enumerate(read) if each.kind == "NBIRTH")
    return [each.seq for each in read[first:] if each.kind != "NDEATH"]


def test_births_data_commands_rebirth_and_death(host: Host, journal: Journal, edge: EdgeProcess, wait_until: Callable):
    edge.start()
    host.wait("DBIRTH")
    born, device = host.read()
    assert (born.kind, born.seq, born.metrics["Node Control/Rebirth"], born.metrics[BD_SEQ]) == ("NBIRTH", 0, False, 0)
    assert (device.kind, device.device, device.seq) == ("DBIRTH", "press4", 1)
    assert device.metrics["EventId"] == "e-7"
    assert device.metrics["Since"] == 1_767_225_600_000
    assert [device.metrics[name] for name in ("RMS", "Velocity", "LastCommand")] == [None] * 3
    assert {(each.qos, each.retained) for each in (born, device)} == {(0, False)}

    host.command("press4", "Ack", "String", "e-7")
    wait_until(lambda: journal.commands, what="the command at the agent")
    verb, command = journal.commands[0]
    assert (verb, command["sensor"], command["condition"], command["event_id"]) == ("ack", "press4", "ball", "e-7")
    acked = json.dumps({**json.loads(alarm(8)), "acked": True, "state": "active_acked"}).encode()
    journal.connection.publish("drsn/v1/press4/alarm", acked, qos=1, retain=True)
    wait_until(lambda: host.shown("press4")["Acked"], what="the acknowledgement at the host")
    wait_until(lambda: json.loads(host.shown("press4")["LastCommand"])["ok"], what="the answer")

    host.command("press4", "Ack", "String", "e-7")  # e-8 is shown now
    wait_until(lambda: not json.loads(host.shown("press4")["LastCommand"])["ok"], what="the refusal")
    assert "read EventId again" in host.shown("press4")["LastCommand"]

    host.command(None, "Node Control/Rebirth", "Boolean", value=True)
    host.wait("NBIRTH", 2)
    host.wait("DBIRTH", 2)
    assert host.last("NBIRTH").metrics[BD_SEQ] == 0, "a rebirth is of the same session"
    assert host.last("DBIRTH", "press4").metrics["EventId"] == "e-8"
    assert seqs(host) == list(range(len(seqs(host))))

    edge.stop(signal.SIGKILL)
    host.wait("NDEATH")
    death = host.last("NDEATH")
    assert (death.metrics, death.seq, death.retained) == ({BD_SEQ: 0}, None, False)
    edge.start()
    host.wait("NBIRTH", 3)
    assert host.last("NBIRTH").metrics[BD_SEQ] == 1, "bdSeq goes on after a restart"
    assert edge.stop(signal.SIGTERM) == 0
    host.wait("NDEATH", 3)
    assert [each.metrics for each in host.read() if each.kind == "NDEATH"][1:] == [{BD_SEQ: 1}] * 2, "and the will"

    edge.start("--protocol", "3.1.1")
    host.wait("NBIRTH", 4)
    assert edge.stop(signal.SIGTERM) == 0
    host.wait("NDEATH", 4)
    time.sleep(0.3)
    assert [each.metrics for each in host.read() if each.kind == "NDEATH"][3:] == [{BD_SEQ: 2}], "without the will"


def test_an_agent_that_goes_offline_is_the_death_of_its_machines(
    host: Host, journal: Journal, edge: EdgeProcess, wait_until: Callable
):
    edge.start()
    host.wait("DBIRTH")
    journal.connection.publish("drsn/v1/_agent/line4/status", b'{"state": "offline"}', qos=1, retain=True)
    host.wait("DDEATH")
    host.command("press4", "Ack", "String", "e-7")
    wait_until(lambda: "the device is not alive" in edge.text(), what="the refusal")
    journal.connection.publish("drsn/v1/_agent/line4/status", b'{"state": "online"}', qos=1, retain=True)
    host.wait("DBIRTH", 2)
    assert [(each.kind, each.seq) for each in host.read()] == [
        ("NBIRTH", 0),
        ("DBIRTH", 1),
        ("DDEATH", 2),
        ("DBIRTH", 3),
    ]
    assert journal.commands == [], "a dead device takes no command"


def test_the_edge_node_waits_for_its_primary_host(host: Host, journal: Journal, edge: EdgeProcess, wait_until):
    edge.start("--primary-host", "scada")
    wait_until(lambda: "connection=sparkplug" in edge.text(), what="connected")
    host.state("scada", b'{"online": false, "timestamp": 10}')
    host.state("scada", b"rubbish")
    time.sleep(0.5)
    assert host.messages == []
    host.state("scada", b'{"online": true, "timestamp": 20}')
    host.wait("DBIRTH")
    host.state("scada", b'{"online": false, "timestamp": 15}')  # an old will
    host.state("scada", b'{"online": false, "timestamp": 30}')
    host.wait("NDEATH")
    assert host.last("NDEATH").metrics == host.last("NBIRTH").metrics.fromkeys([BD_SEQ], 0)

    journal.raise_()
    journal.state()
    time.sleep(0.5)
    assert host.kinds() == ["NBIRTH/gw", "DBIRTH/gw/press4", "NDEATH/gw", "NDEATH/gw"], "the last one is the will"
    host.state("scada", b'{"online": true, "timestamp": 40}')
    host.wait("DBIRTH", 2, 30)
    host.wait("DDATA", 1)
    assert host.last("NBIRTH").metrics[BD_SEQ] == 1
    missed = host.last("DDATA", "press4")
    assert (missed.historical, missed.metrics["EventId"], missed.metrics["Active"]) == (True, "e-8", True)


def test_bad_input_never_ends_it(host: Host, journal: Journal, edge: EdgeProcess, mosquitto):
    edge.start()
    host.wait("DBIRTH")
    for topic in ("NCMD/gw", "DCMD/gw/press4", "DCMD/gw/other"):
        for payload in (b"\xff\xff", b"", b"\x12\x02\x08\x01", bytes(range(200))):
            mosquitto.publish(f"spBv1.0/plant/{topic}", payload)
    mosquitto.publish("drsn/v1/press4/alarm", b'{"agent": "line4", "state": 5}')
    mosquitto.publish("drsn/v1/press4/alarm", b"[]")
    mosquitto.publish("drsn/v1/press4/result", b"{}")
    mosquitto.publish("drsn/v1/press5/alarm", json.dumps({**event(1), "sensor": "press5", "conditions": []}).encode())
    host.wait("DBIRTH", 2)
    assert edge.process.poll() is None
    assert "command of the host refused" in edge.text()
    assert "not Sparkplug B" in edge.text()


def play(broker, start_s: int, *, faulty: bool) -> None:
    """Publish three seconds of a machine."""
    machine = MACHINE if faulty else replace(MACHINE, fault=None)
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
    for sent in frames([record(machine, 3.0, 1)], plan, start_s * 1_000_000_000):
        broker.publish(sent.topic, sent.payload)


@pytest.mark.timeout(300)
def test_an_alarm_of_a_real_agent_is_acknowledged_and_shelved_by_the_host(
    host: Host, edge: EdgeProcess, mosquitto, make_agent: Callable, wait_until: Callable
):
    agent = make_agent(mosquitto.url)
    agent.start()
    edge.start("--measured-every", "0")
    host.wait("NBIRTH")
    time.sleep(1)  # results are not retained: its other connection must be there too
    sensor = MACHINE.sensor
    play(mosquitto, 1_700_000_000, faulty=False)
    host.wait("DBIRTH", timeout_s=60)
    wait_until(lambda: host.shown(sensor)["RMS"], what="a measured value")
    assert host.shown(sensor)["State"] == "normal"
    play(mosquitto, 1_700_000_100, faulty=True)
    wait_until(lambda: host.shown(sensor)["Active"], 60, what=agent.text())
    shown = host.shown(sensor)
    assert {name: shown[name] for name in ("Acked", "Condition", "Severity", "State", "Agent")} == {
        "Acked": False,
        "Condition": "inner_race",
        "Severity": 2,
        "State": "active_unacked",
        "Agent": "tester",
    }
    host.command(sensor, "Ack", "String", shown["EventId"])
    wait_until(lambda: host.shown(sensor)["Acked"], what="the acknowledgement")
    wait_until(lambda: host.shown(sensor)["LastCommand"], what="the answer")
    assert json.loads(host.shown(sensor)["LastCommand"])["ok"]
    alarm_document = mosquitto.one(f"drsn/v1/{sensor}/alarm")
    assert (alarm_document["state"], alarm_document["acked_by"]) == ("active_acked", "sparkplug")
    host.command(sensor, "Shelve", "Int32", 600)
    wait_until(lambda: host.shown(sensor)["Suppressed"] == "shelved", what="the shelving")
    host.command(sensor, "Shelve", "Int32", 0)
    wait_until(lambda: host.shown(sensor)["Suppressed"] == "", what="its end")
    host.command(sensor, "Shelve", "Int32", 0)
    wait_until(lambda: not json.loads(host.shown(sensor)["LastCommand"])["ok"], what="the agent's refusal")
    assert "nothing to do" in host.shown(sensor)["LastCommand"]
    assert seqs(host) == list(range(len(seqs(host))))
    agent.stop(signal.SIGKILL)
    host.wait("DDEATH")
    assert host.last("DDEATH", sensor).metrics == {}
