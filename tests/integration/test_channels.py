"""What a real agent publishes is what docs/asyncapi.json describes: topics, schemas, QoS and retained flags."""

from __future__ import annotations

import json
import os
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "asyncapi.json").read_text(encoding="utf-8"))
PREFIX = "drsn/v1"
STATUS = f"{PREFIX}/_agent/tester/status"
INNER_RACE = next(actor for actor in DEMO_MACHINES if actor.fault == "inner_race")


class Subscriber:
    """Collects every message of an agent, with the retained flag as it was published (MQTT 5)."""

    def __init__(self, port: int) -> None:
        self.messages: list[mqtt.MQTTMessage] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = lambda _client, _userdata, message: self.messages.append(message)
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"{PREFIX}/#", options=SubscribeOptions(qos=1, retainAsPublished=True))
        self._client.loop_start()

    def command(self, verb: str, **fields: object) -> None:
        """Send a command as docs/asyncapi.json describes it."""
        request = {"request_id": uuid.uuid4().hex, "by": "tester", **fields}
        self._client.publish(f"{PREFIX}/_agent/tester/cmd/{verb}", json.dumps(request), qos=1)

    def of(self, channel: str) -> list[mqtt.MQTTMessage]:
        """The messages of one channel."""
        pattern = _pattern(channel)
        return [message for message in self.messages if pattern.fullmatch(message.topic)]

    def close(self) -> None:
        """End the connection."""
        self._client.disconnect()
        self._client.loop_stop()


def _pattern(channel: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", DOCUMENT["channels"][channel]["address"].replace("{prefix}", PREFIX))
    return re.compile("".join(re.escape(part) if i % 2 == 0 else "[^/]+" for i, part in enumerate(parts)))


@pytest.fixture
def subscriber(mosquitto) -> Iterator[Subscriber]:
    subscriber = Subscriber(mosquitto.port)
    yield subscriber
    subscriber.close()


def test_the_traffic_of_an_agent_is_what_the_asyncapi_document_describes(
    mosquitto, make_agent, wait_until, subscriber: Subscriber
):
    agent = make_agent(mosquitto.url)
    agent.start()
    wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what="the subscription")
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
    for sent in frames([record(INNER_RACE, 3.0, DEMO_MACHINES.index(INNER_RACE))], plan, 1_700_000_000_000_000_000):
        mosquitto.publish(sent.topic, sent.payload)
    wait_until(lambda: subscriber.of("event"), what=agent.text())
    event = json.loads(subscriber.of("event")[0].payload)
    named = {"sensor": INNER_RACE.sensor, "condition": event["condition"], "event_id": event["event_id"]}
    subscriber.command("ack", **named)
    subscriber.command("events", sensor=INNER_RACE.sensor)
    subscriber.command("trend", sensor=INNER_RACE.sensor)
    subscriber.command("snapshot", sensor=INNER_RACE.sensor)
    subscriber.command("ack", sensor="no.such.sensor")
    wait_until(lambda: len(subscriber.of("reply")) >= 5, what="the answers")
    subscriber.command("evidence", **named)
    wait_until(lambda: subscriber.of("evidence") and subscriber.of("alarms"), what="evidence and the summary")
    assert agent.stop() == 0
    wait_until(lambda: b'"stopped"' in subscriber.of("status")[-1].payload, what="the last status")
    operations = {name.partition("_")[2]: operation for name, operation in DOCUMENT["operations"].items()}
    seen = set()
    for message in list(subscriber.messages):
        (channel,) = [name for name in DOCUMENT["channels"] if _pattern(name).fullmatch(message.topic)]
        seen.add(channel)
        mqtt_binding = operations.get(channel, {}).get("bindings", {"mqtt": {"qos": 1, "retain": False}})["mqtt"]
        assert (message.qos, message.retain) == (mqtt_binding["qos"], mqtt_binding["retain"]), message.topic
        _validate(channel, json.loads(message.payload))
    assert seen == set(DOCUMENT["channels"])
    if folder := os.environ.get("DRSN_EXAMPLES"):  # docs/reference/examples, which docs/reference/payloads.md shows
        _write_examples(subscriber, Path(folder))


def _write_examples(subscriber: Subscriber, folder: Path) -> None:
    """Of each channel the last document; of commands and replies the first, of statuses one of a running agent."""
    for channel in DOCUMENT["channels"]:
        documents = [json.loads(message.payload) for message in subscriber.of(channel)]
        document = documents[0 if channel in ("command", "reply") else -1]
        if channel == "status":
            document = next(status for status in documents if status["state"] == "online")
        if channel == "evidence":  # one window shows the form
            document |= {"windows": document["windows"][-1:], "left_out": len(document["windows"]) - 1}
        text = json.dumps(document, indent=1, ensure_ascii=False)
        (folder / f"{channel}.json").write_text(f"{text}\n", encoding="utf-8")


def _validate(channel: str, document: dict[str, Any]) -> None:
    reference = DOCUMENT["components"]["messages"][channel]["payload"]
    jsonschema.Draft202012Validator({**reference, "components": DOCUMENT["components"]}).validate(document)


def test_a_document_with_a_field_of_another_type_is_not_described():
    with pytest.raises(jsonschema.ValidationError):
        _validate("status", {"v": 1, "agent": 7})
