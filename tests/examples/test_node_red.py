"""examples/node_red: a headless Node-RED shows the alarm of a real agent, and its button acknowledges it."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest
from node_red_process import FLOW, node_red

from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INNER_RACE = next(machine for machine in DEMO_MACHINES if machine.fault == "inner_race")
ALARM = f"drsn/v1/{INNER_RACE.sensor}/alarm"
CORE = {"tab", "mqtt in", "mqtt out", "mqtt-broker", "function", "inject", "debug", "status"}


def test_the_flow_has_core_nodes_of_mqtt_5_and_no_credentials():
    nodes = json.loads(FLOW.read_text(encoding="utf-8"))
    names = {node["id"] for node in nodes}
    assert {node["type"] for node in nodes} == CORE
    assert all(target in names for node in nodes for wire in node.get("wires", ()) for target in wire)
    (broker,) = (node for node in nodes if node["type"] == "mqtt-broker")
    assert (broker["protocolVersion"], broker["port"], broker["clientid"]) == ("5", "1883", "")
    assert not {"credentials", "user", "password"} & {key for node in nodes for key in node}


@pytest.mark.slow
def test_node_red_shows_an_alarm_and_its_button_acknowledges_it(
    mosquitto, make_agent: Callable, wait_until: Callable, tmp_path: Path
):
    agent = make_agent(mosquitto.url)
    agent.start()
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
    for sent in frames([record(INNER_RACE, 3.0, DEMO_MACHINES.index(INNER_RACE))], plan, 1_700_000_000_000_000_000):
        mosquitto.publish(sent.topic, sent.payload)
    wait_until(lambda: mosquitto.one(ALARM).get("condition") == "inner_race", what=agent.text())
    raised = mosquitto.one(ALARM)
    with node_red(tmp_path, mosquitto.port) as flow:
        wait_until(lambda: raised["event_id"] in flow.text(), what="the alarm is shown")
        wait_until(lambda: "state: 'active_unacked'" in flow.text(), what="and it is valid")
        flow.press("drsn-button")
        wait_until(lambda: mosquitto.one(ALARM)["state"] == "active_acked", what=flow.text())
        assert mosquitto.one(ALARM)["acked_by"] == "node-red"
        wait_until(lambda: "state: 'active_acked'" in flow.text(), what="the new state")
        wait_until(lambda: "verb: 'ack'" in flow.text(), what="the answer")
        assert re.search(r"ok: true", flow.text())
        agent.stop(signal.SIGKILL)
        wait_until(lambda: flow.text().rstrip().endswith("]") and "not_valid" in flow.text()[-400:], what=flow.text())
        before = flow.text()
        mosquitto.stop()
        wait_until(lambda: "not_valid" in flow.text()[len(before) :], what="the lost connection")
        assert "[error]" not in flow.text()
