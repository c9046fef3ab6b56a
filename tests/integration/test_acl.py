"""configs/broker/acl before a real mosquitto: each account can do what it needs, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from servers import NEW_KEY, PASSWORD, openssl

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.message import Message
from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.operator.client import Client
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers import Mosquitto

BROKER = Path(__file__).parents[2] / "configs" / "broker"
AGENT, SENSOR, OPERATOR, READER = ACCOUNTS = ("jetson-07", "press4", "ana", "dashboard")
PACKETS = "plant/hall2/press4/frame"
SPOKEN = (  # by the agent
    "drsn/v1/press4/result",
    "drsn/v1/press4/alarm",
    "drsn/v1/press4/event",
    "drsn/v1/press4/evidence/1f0c",
    "drsn/v1/_agent/jetson-07/status",
    "drsn/v1/_agent/jetson-07/health",
    "drsn/v1/_agent/jetson-07/alarms",
)
REPLY, COMMAND, DOCTOR = "drsn/v1/_reply/r1", "drsn/v1/_agent/jetson-07/cmd/ack", "drsn/v1/_agent/jetson-07/doctor"
OTHERS = (  # of nobody here, or of another agent, or the broker's own
    "drsn/v1/_agent/jetson-08/status",
    "drsn/v1/_agent/jetson-08/health",
    "drsn/v1/_agent/jetson-08/doctor",
    "drsn/v1/press4",
    "drsn/v1/press4/alarm/x",
    "homeassistant/device/x/config",
    "plant/hall2/press5/frame",
    "$CONTROL/dynamic-security/v1",
    "anything",
)
WRITES = {
    AGENT: {*SPOKEN, REPLY, DOCTOR},
    SENSOR: {PACKETS},
    OPERATOR: {COMMAND, "drsn/v1/_agent/jetson-08/cmd/ack"},
    READER: set(),
}
READS = {
    # Alarms; its status, health, summary of alarms and what the doctor tries.
    AGENT: {PACKETS, "plant/hall2/press5/frame", COMMAND, DOCTOR, SPOKEN[1], *SPOKEN[-3:]},
    SENSOR: set(),
    OPERATOR: {*SPOKEN, REPLY, "drsn/v1/_agent/jetson-08/status", "drsn/v1/_agent/jetson-08/health"},
    READER: {*SPOKEN, "drsn/v1/_agent/jetson-08/status", "drsn/v1/_agent/jetson-08/health"},
}
TOPICS = tuple(dict.fromkeys([*SPOKEN, PACKETS, REPLY, COMMAND, DOCTOR, "drsn/v1/_agent/jetson-08/cmd/ack", *OTHERS]))


@pytest.fixture
def guarded(mosquitto: Mosquitto, tmp_path: Path) -> Mosquitto:
    """The broker with the accounts that ship."""
    mosquitto.stop()
    for account in ("root", *ACCOUNTS):
        create = [] if (tmp_path / "passwords").exists() else ["-c"]
        subprocess.run(["mosquitto_passwd", "-b", *create, "passwords", account, PASSWORD], cwd=tmp_path, check=True)
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "password").chmod(0o600)
    (tmp_path / "acl").write_text((BROKER / "acl").read_text() + "\nuser root\ntopic readwrite #\n")
    mosquitto.extra = f"allow_anonymous false\npassword_file {tmp_path}/passwords\nacl_file {tmp_path}/acl\nuser root\n"
    mosquitto.start()
    return mosquitto


@dataclass
class Account:
    """Somebody who is let in."""

    name: str
    connection: Connection
    heard: dict[str, bytes]

    def may_publish(self, topic: str) -> bool:
        mid = self.connection.publish(topic, b"{}", qos=1)
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            for confirmation in list(self.connection.confirmations):
                if confirmation.mid == mid:
                    return confirmation.refused is None
            time.sleep(0.01)
        pytest.fail(f"no word on {topic}")


@pytest.fixture
def enter(guarded: Mosquitto, wait_until: Callable) -> Iterator[Callable[..., Account]]:
    """`enter(name, *filters)`: a connection under an account, subscribed."""
    connections = []

    def enter(name: str, *filters: str) -> Account:
        heard: dict[str, bytes] = {}

        def hear(message: Message) -> None:
            heard[message.topic] = message.payload
            message.ack()

        address = BrokerAddress("127.0.0.1", guarded.port, username=name, password=PASSWORD, protocol="5")
        connection = Connection(
            address, ConnectionOptions(name=name, client_id=f"test-{name}", filters=filters), on_message=hear
        )
        connections.append(connection)
        connection.start()
        wait_until(lambda: connection.connected, 10, f"{name} is let in")
        return Account(name, connection, heard)

    yield enter
    for connection in connections:
        connection.stop()


@pytest.mark.parametrize("name", ACCOUNTS)
def test_an_account_may_publish_what_it_needs_and_nothing_else(name: str, enter: Callable):
    account = enter(name)
    assert {topic for topic in TOPICS if account.may_publish(topic)} == WRITES[name]


@pytest.mark.parametrize("name", ACCOUNTS)
def test_an_account_hears_what_it_needs_and_nothing_else(name: str, enter: Callable, wait_until: Callable):
    listener = enter(name, "#", "$SYS/#")
    everyone = enter("root", "#")
    time.sleep(0.3)  # the SUBACKs
    for topic in TOPICS:
        if not topic.startswith("$"):
            assert everyone.may_publish(topic)
    wait_until(lambda: len(everyone.heard) == len(TOPICS) - 1, what="everything has gone round")
    wait_until(lambda: set(listener.heard) >= READS[name], 5, what=f"{name} hears {READS[name]}")
    assert set(listener.heard) == READS[name]


def test_nobody_is_let_in_without_a_password(guarded: Mosquitto, wait_until: Callable):
    for password in (None, "guess"):
        address = BrokerAddress("127.0.0.1", guarded.port, username=AGENT, password=password)
        connection = Connection(address, ConnectionOptions("thief", "thief"))
        connection.start()
        wait_until(lambda c=connection: c.last_error, what="a refusal")
        assert not connection.connected
        connection.stop()


@pytest.mark.slow
def test_the_agent_does_all_its_work_under_its_account(
    guarded: Mosquitto, enter: Callable, make_agent: Callable, run_agent: Callable, wait_until: Callable, tmp_path: Path
):
    actor = next(actor for actor in DEMO_MACHINES if actor.fault == "inner_race")
    agent = make_agent(guarded.url, more="[evidence]\npublish = true\n")
    agent.config.write_text(_only_frames(agent.config.read_text()).replace('id = "tester"', f'id = "{AGENT}"'))
    login = ("--set", f"mqtt.username={AGENT}", "--set", f"mqtt.password_file={tmp_path}/password")
    agent.start(*login)
    everyone = enter("root", "#")
    wait_until(lambda: b"connected" in everyone.heard.get(f"drsn/v1/_agent/{AGENT}/status", b""), what=agent.text())
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
    for entry in frames([record(actor, 3.0, DEMO_MACHINES.index(actor))], plan, time.time_ns()):
        everyone.connection.publish(entry.topic, entry.payload, qos=1)
        time.sleep(0.01)
    wait_until(lambda: b"inner_race" in everyone.heard.get(f"drsn/v1/{actor.sensor}/alarm", b""), what=agent.text())
    wait_until(lambda: any("/evidence/" in topic for topic in everyone.heard), what="evidence")
    ack = ["ack", actor.sensor, "inner_race", "--broker", guarded.url, "--password-file", f"{tmp_path}/password"]
    done = run_agent(*ack, "--username", OPERATOR, "--json")
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (0, True), done.stderr
    refused = run_agent(*ack, "--username", READER)
    assert refused.returncode == 69, "its command goes nowhere"
    doctor = run_agent("doctor", "--config", str(agent.config), *login, "--json")
    found = {each["check"]: each["state"] for each in json.loads(doctor.stdout)["findings"]}
    assert {found[f"broker.{part}"] for part in ("login", "read", "write", "alarms", "retained")} == {"ok"}
    wait_until(lambda: f"drsn/v1/_agent/{AGENT}/health" in everyone.heard, what="health")
    status = json.loads(everyone.heard[f"drsn/v1/_agent/{AGENT}/status"])
    assert (status["state"], status["reasons"]) == ("online", [])
    assert "broker refuses" not in agent.text()
    assert "broker denies" not in agent.text()


def _only_frames(text: str) -> str:
    """The rules of this example are for one input."""
    head, first, *others = text.split("[[inputs]]")
    return f"{head}[[inputs]]{first}" + "".join(
        other[other.index("[evidence]") :] for other in others if "[ev" in other
    )


def test_an_agent_under_a_sensors_account_says_nothing(
    guarded: Mosquitto, make_agent: Callable, enter: Callable, tmp_path: Path
):
    """Whoever steals a sensor's password can't play the agent with it."""
    agent = make_agent(guarded.url)
    agent.start("--set", f"mqtt.username={SENSOR}", "--set", f"mqtt.password_file={tmp_path}/password")
    everyone = enter("root", "#")
    time.sleep(2)
    assert everyone.heard == {}, agent.text()


def test_a_command_sent_to_anothers_answers_is_not_taken_for_an_answer(enter: Callable):
    """Who may command may name a response topic; the agent keeps to `_reply`, the client to its own request."""
    operator = enter(OPERATOR)
    assert not operator.may_publish(REPLY), "an operator answers nobody"
    client = Client(BrokerAddress("127.0.0.1", 1), "drsn/v1")
    foreign = {"agent": AGENT, "request_id": "stolen", "verb": "ack", "ok": True, "at": "2026-01-01T00:00:00.000Z"}
    own = foreign | {"request_id": client.request_id, "ok": False}
    client._connection.publish = lambda *_a, **_k: None
    for document in (foreign, own | {"agent": "jetson-08"}, own):
        client._messages.put(_message(f"drsn/v1/_reply/{client.request_id}", document))
    reply = next(client.call(AGENT, "ack", {"by": "ana"}, 1.0))
    assert (reply.request_id, reply.ok) == (client.request_id, False)


def _message(topic: str, document: dict) -> Message:
    return Message(topic, json.dumps(document).encode(), 1, retained=False, received_s=0.0, received_unix_ns=0)


def test_a_sensor_that_is_bound_to_its_client_id_can_not_take_the_agents(mosquitto: Mosquitto, tmp_path: Path):
    """acl_file knows no client ids; mosquitto's dynamic security does (docs/trust/security.md)."""
    plugin = next(iter(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so")), None)
    if plugin is None:
        pytest.skip("mosquitto without its dynamic security plugin")
    mosquitto.stop()
    subprocess.run(["mosquitto_ctrl", "dynsec", "init", "clients.json", "admin", PASSWORD], cwd=tmp_path, check=True)
    mosquitto.extra = (
        f"allow_anonymous false\nplugin {plugin}\nplugin_opt_config_file {tmp_path}/clients.json\nuser root\n"
    )
    mosquitto.start()
    connect = ["-p", str(mosquitto.port), "-u", "admin", "-P", PASSWORD]
    for words in (
        ["createRole", "press4"],
        ["addRoleACL", "press4", "publishClientSend", PACKETS, "allow"],
        ["createClient", "press4", "-c", "sensor-press4", "-p", PASSWORD],
        ["addClientRole", "press4", "press4"],
    ):
        subprocess.run(["mosquitto_ctrl", *connect, "dynsec", *words], check=True, capture_output=True, timeout=20)
    codes = {}
    for client_id in ("sensor-press4", f"drsn-{AGENT}-control"):
        command = [
            "mosquitto_pub",
            "-p",
            str(mosquitto.port),
            "-u",
            "press4",
            "-P",
            PASSWORD,
            "-i",
            client_id,
            "-V",
            "5",
        ]
        done = subprocess.run([*command, "-t", PACKETS, "-m", "x"], check=False, capture_output=True, timeout=20)
        codes[client_id] = done.returncode
    assert codes == {"sensor-press4": 0, f"drsn-{AGENT}-control": 135}, "135: not authorized"


def test_reload_can_be_kept_from_an_operator(guarded: Mosquitto, enter: Callable, tmp_path: Path):
    guarded.stop()
    acl = (tmp_path / "acl").read_text()
    (tmp_path / "acl").write_text(acl.replace("# topic deny", "topic deny"))
    guarded.start()
    operator = enter(OPERATOR)
    assert not operator.may_publish("drsn/v1/_agent/jetson-07/cmd/reload")
    assert operator.may_publish(COMMAND)


def test_the_files_that_ship_are_what_mosquitto_starts_with(
    mosquitto: Mosquitto, certificates: Path, wait_until: Callable, tmp_path: Path
):
    """And a reload takes up a renewed certificate."""
    mosquitto.stop()
    text = (BROKER / "mosquitto.conf").read_text() + (BROKER / "secure.conf").read_text()
    places = {"/etc/mosquitto/drsn.passwords": "passwords", "/etc/mosquitto/drsn.acl": "acl"}
    places |= {f"/etc/mosquitto/drsn/{name}": name for name in ("ca.pem", "server.pem", "server.key")}
    for there, here in places.items():
        assert there in text
        text = text.replace(there, f"{tmp_path}/{here}")
    (tmp_path / "acl").write_text((BROKER / "acl").read_text())
    config = tmp_path / "whole.conf"
    config.write_text(text.replace("listener 8883", f"listener {mosquitto.port} 127.0.0.1") + "user root\n")
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    with (tmp_path / "mosquitto.log").open("wb") as log:
        mosquitto.process = subprocess.Popen([program, "-c", str(config)], stderr=log, cwd=tmp_path)

    def let_in(authority: str) -> bool:
        command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(mosquitto.port), "--cafile", f"{tmp_path}/{authority}",
                   "-u", "agent", "-P", PASSWORD, "-t", "x", "-m", "y"]  # fmt: skip
        return subprocess.run(command, check=False, timeout=20, capture_output=True).returncode == 0

    wait_until(lambda: let_in("ca.pem"), 20, "an encrypted login")
    openssl(tmp_path, "req", "-x509", *NEW_KEY, "-days", "2", "-subj", "/CN=new",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "server.key", "-out", "server.pem")  # fmt: skip
    mosquitto.process.send_signal(signal.SIGHUP)
    wait_until(lambda: let_in("server.pem"), 20, "the renewed certificate")
