"""What each broker does with what the agent relies on: the rows of docs/reference/brokers.md that are measured.

Runs every broker that is installed (`make other-brokers`), with the settings it ships with except ports, anonymous
clients and, for mosquitto, persistence. Takes three minutes.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as paho
from _report import RESULTS, commit, machine
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from other_brokers import RABBITMQ, SCRIPTS, Aedes, Amqtt, RabbitMq, missing_for
from servers import Broker, Mosquitto

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.topics import Topics
from drsn.agent.tools.doctor.broker_traits import examined_traits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILE = RESULTS / "brokers.json"
KEEPS = "max_queued_messages 1000\npersistence true\npersistence_location {folder}/\nautosave_interval 60\nuser root\n"
WAIT_S = 10.0
QUIET_S = 1.5
"""Nothing more comes after such a pause."""

ORDERED = 300
"""Messages of the test of the order."""


def until(condition: Callable[[], object], timeout_s: float = WAIT_S) -> bool:
    """Wait for a condition; whether it came true."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s and not condition():
        time.sleep(0.01)
    return bool(condition())


class Peer:
    """A plain paho client, whatever the version; acknowledges by hand only if told so."""

    def __init__(self, port: int, client_id: str, protocol: str, *, lasting: bool = False, manual_ack: bool = False,
                 will: str = "", **properties: int) -> None:  # fmt: skip
        self.code: Any = None
        self.closed = self.resumed = False
        self.received: list[tuple[str, bytes]] = []
        self.suback: list[Any] = []
        self.confirmed = 0
        five = protocol == "5"
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if five else not lasting,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            manual_ack=manual_ack,
            reconnect_on_failure=False,
        )
        self.client.on_connect, self.client.on_disconnect = self._connected, self._disconnected
        self.client.on_message = lambda _c, _d, message: self.received.append((message.topic, message.payload))
        self.client.on_subscribe = lambda _c, _d, _mid, codes, _p: self.suback.extend(codes)
        self.client.on_publish = self._confirmed
        more: dict[str, Any] = {}
        if will:
            delay = Properties(PacketTypes.WILLMESSAGE) if five else None
            if delay is not None and (seconds := properties.pop("will_delay_s", 0)):
                delay.WillDelayInterval = seconds
            self.client.will_set(will, b"will", qos=1, properties=delay)
        if five:
            more = {"clean_start": not lasting, "properties": Properties(PacketTypes.CONNECT)}
            more["properties"].SessionExpiryInterval = 3600 if lasting else 0
            if "receive_maximum" in properties:
                more["properties"].ReceiveMaximum = properties["receive_maximum"]
        self.client.connect("127.0.0.1", port, 30, **more)
        self.client.loop_start()
        until(lambda: self.code is not None or self.closed, 3.0)

    @property
    def accepted(self) -> bool:
        """The broker accepted CONNECT."""
        return self.code is not None and not self.code.is_failure

    def subscribe(self, topic: str) -> bool:
        """Subscribe with QoS 1; whether the broker grants it."""
        self.suback.clear()
        self.client.subscribe(topic, 1)
        until(lambda: self.suback, 3.0)
        return bool(self.suback) and not self.suback[0].is_failure

    def publish(self, topic: str, payloads: list[bytes], *, retain: bool = False) -> None:
        """Publish with QoS 1, and wait until the broker has confirmed all."""
        before = self.confirmed
        for payload in payloads:
            self.client.publish(topic, payload, 1, retain)
        until(lambda: self.confirmed == before + len(payloads), 30.0)

    def quiet(self, pause_s: float = QUIET_S) -> int:
        """Wait until nothing more comes; how many messages there are."""
        count, since_s = -1, time.monotonic()
        while time.monotonic() - since_s < pause_s:
            if len(self.received) != count:
                count, since_s = len(self.received), time.monotonic()
            time.sleep(0.02)
        return count

    def leave(self) -> None:
        """Disconnect in order."""
        self.client.disconnect()
        self.client.loop_stop()

    def _connected(self, _c: object, _d: object, flags: Any, code: Any, _p: object) -> None:  # noqa: ANN401 (paho's)
        self.code, self.resumed = code, flags.session_present

    def _disconnected(self, *_: object) -> None:
        self.closed = True

    def _confirmed(self, *_: object) -> None:
        self.confirmed += 1


def connect_with_5(port: int) -> str:
    """What the broker does at a CONNECT of MQTT 5."""
    peer = Peer(port, "five", "5")
    try:
        if peer.accepted:
            return "accepts"
        return "refuses" if peer.code is not None else "closes the connection" if peer.closed else "does not answer"
    finally:
        peer.client.loop_stop()


def unacknowledged(port: int, protocol: str, **limits: int) -> int:
    """How many of 300 messages come to a client that acknowledges none."""
    reader, writer = Peer(port, "slow", protocol, manual_ack=True, **limits), Peer(port, "writer", protocol)
    reader.subscribe("slow/t")
    writer.publish("slow/t", [b"%d" % n for n in range(300)])
    count = reader.quiet()
    reader.leave()
    writer.leave()
    return count


def will_after_s(port: int, protocol: str, delay_s: int = 0) -> float | None:
    """Seconds from a cut line to the will; None: it does not come."""
    reader = Peer(port, "witness", protocol)
    reader.subscribe("will/t")
    mortal = Peer(port, "mortal", protocol, will="will/t", lasting=delay_s > 0, will_delay_s=delay_s)
    mortal.client.socket().shutdown(socket.SHUT_RDWR)
    began_s = time.monotonic()
    came = until(lambda: reader.received)
    took_s = time.monotonic() - began_s
    mortal.client.loop_stop()
    reader.leave()
    return round(took_s, 1) if came else None


def after_restart(broker: Broker, protocol: str, end: Callable[[], None]) -> dict[str, Any]:
    """What is left after the broker's end and start: of 20 queued messages, of 20 retained ones, and the session."""
    away = f"away-{time.monotonic_ns()}"
    reader, writer = Peer(broker.port, away, protocol, lasting=True), Peer(broker.port, "writer", protocol)
    kept = f"kept/{away}"
    reader.subscribe(f"{kept}/queue")
    reader.leave()
    writer.publish(f"{kept}/queue", [b"%d" % n for n in range(20)])
    for n in range(20):
        writer.publish(f"{kept}/retained/{n}", [b"r"], retain=True)
    end()
    writer.client.loop_stop()
    began_s = time.monotonic()
    broker.start()
    took_s = time.monotonic() - began_s
    back = Peer(broker.port, away, protocol, lasting=True)
    back.quiet()
    queued = sum(topic.startswith(kept) for topic, _ in back.received)
    resumed = bool(back.resumed)
    back.leave()
    late = Peer(broker.port, "late", protocol)
    for n in range(20):
        late.subscribe(f"{kept}/retained/{n}")
    late.quiet()
    retained = len({topic for topic, _ in late.received if topic.startswith(kept)})
    late.leave()
    forget(broker.port, protocol, away)
    return {"session": resumed, "queued of 20": queued, "retained of 20": retained, "starts in s": round(took_s, 1)}


def queue_limit(port: int, protocol: str, count: int = 3000) -> int:
    """How many of 3,000 confirmed messages come to a client that was away."""
    reader, writer = Peer(port, "limit", protocol, lasting=True), Peer(port, "writer", protocol)
    reader.subscribe("limit/t")
    reader.leave()
    writer.publish("limit/t", [b"%d" % n for n in range(count)])
    back = Peer(port, "limit", protocol, lasting=True)
    got = back.quiet(3 * QUIET_S)
    back.leave()
    writer.leave()
    forget(port, protocol, "limit")
    return got


def overtaken(port: int, protocol: str) -> int:
    """Messages that later ones overtake when a client comes back while others are published."""
    reader, writer = Peer(port, "order", protocol, lasting=True), Peer(port, "writer", protocol)
    reader.subscribe("order/t")
    reader.leave()
    writer.publish("order/t", [b"%d" % n for n in range(ORDERED)])
    back = Peer.__new__(Peer)
    for n in range(ORDERED, 2 * ORDERED):
        writer.client.publish("order/t", b"%d" % n, 1)
        if n == ORDERED + 20:
            back.__init__(port, "order", protocol, lasting=True)  # type: ignore[misc]  # while the others go out
        time.sleep(0.001)
    back.quiet()
    numbers = [int(payload) for _, payload in back.received]
    highest, late = -1, 0
    for number in numbers:
        late += number < highest
        highest = max(highest, number)
    back.leave()
    writer.leave()
    forget(port, protocol, "order")
    return late


def shared(port: int, protocol: str) -> bool:
    """Two members of a shared subscription get each message once."""
    members = [Peer(port, f"member{n}", protocol) for n in range(2)]
    granted = [member.subscribe("$share/group/shared/t") for member in members]
    writer = Peer(port, "writer", protocol)
    writer.publish("shared/t", [b"%d" % n for n in range(20)])
    total = sum(member.quiet() for member in members)
    for peer in (*members, writer):
        peer.leave()
    return all(granted) and total == 20


def forget(port: int, protocol: str, client_id: str) -> None:
    """End a session."""
    Peer(port, client_id, protocol).leave()


def examined(broker: Broker, name: str, release: str) -> dict[str, Any]:
    """All figures of one broker."""
    with_5 = connect_with_5(broker.port)
    protocol = "5" if with_5 == "accepts" else "3.1.1"
    traits = examined_traits(BrokerAddress("127.0.0.1", broker.port), Topics("matrix", "tester"))
    row: dict[str, Any] = {
        "broker": name,
        "version": release,
        "MQTT 5": with_5,
        "MQTT 3.1.1": Peer(broker.port, "three", "3.1.1").accepted,
        "retained": traits.retained,
        "dots kept": traits.dots_kept,
        "in flight": unacknowledged(broker.port, protocol),
        "Receive Maximum 5": unacknowledged(broker.port, "5", receive_maximum=5) if protocol == "5" else None,
        "will after s": will_after_s(broker.port, protocol),
        "will delay of 2 s": will_after_s(broker.port, protocol, 2) if protocol == "5" else None,
        "queued of 3000": queue_limit(broker.port, protocol),
        "overtaken": overtaken(broker.port, protocol),
        "shared subscriptions": shared(broker.port, protocol),
        "after SIGTERM": after_restart(broker, protocol, broker.stop),
        "after SIGKILL": after_restart(broker, protocol, broker.kill),
    }
    return row


def brokers(stack: ExitStack) -> Iterator[tuple[Broker, str, str]]:
    """Each broker that is installed, running: broker, name, version."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    mosquitto = Mosquitto(folder, extra=KEEPS.format(folder=folder))
    mosquitto.start()
    stack.callback(mosquitto.stop)
    told = subprocess.run(["mosquitto", "-h"], capture_output=True, text=True, check=False).stdout
    yield mosquitto, "mosquitto", told.split()[2]
    packages = json.loads((SCRIPTS / "package.json").read_text(encoding="utf-8"))["dependencies"]
    plugins = Path(f"{RABBITMQ.resolve().parents[1]}/plugins").glob("rabbitmq_mqtt-*")
    releases = {
        RabbitMq: next((each.name.partition("-")[2] for each in plugins), ""),
        Aedes: packages["aedes"],
        Amqtt: version("amqtt"),
    }
    for kind, release in releases.items():
        if missing := missing_for(kind):
            print(f"{kind.name}: not run, needs {missing}")
            continue
        broker = kind(folder)
        stack.callback(broker.close)
        broker.start()
        yield broker, kind.name, release


def main() -> None:
    """Run all, and write the results."""
    with ExitStack() as stack:
        rows = []
        for broker, name, release in brokers(stack):
            rows.append(examined(broker, name, release))
            print(json.dumps(rows[-1]), flush=True)
            broker.stop()
    document = {"machine": machine(), "code": commit(), "rows": rows}
    FILE.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
