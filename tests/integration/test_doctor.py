"""`drsn-agent doctor` before real brokers: each thing that can be wrong is named, and so is what to do about it."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from servers import NEW_KEY, PASSWORD, free_port, openssl

from drsn.agent.mqtt.sensor_id import legal_sensor
from drsn.agent.schema.documents import AlarmDocument, EventDocument, ReplyDocument, ResultDocument

if TYPE_CHECKING:
    from collections.abc import Callable

BROKER = ("broker.name", "broker.line", "broker.tls", "broker.login", "broker.read", "broker.write", "broker.alarms",
          "broker.retained", "broker.dots")  # fmt: skip
UNTRIED = dict.fromkeys(BROKER[3:], "unneeded")


@pytest.fixture
def examine(make_agent: Callable, run_agent: Callable, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict]:
    """`examine(url, *options)`: check -> finding, of the real command."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # wherever this runs

    def run(url: str, *options: str) -> dict[str, dict]:
        agent = make_agent(url)
        done = run_agent("doctor", "--config", str(agent.config), "--json", *options)
        report = json.loads(done.stdout)
        assert (done.stderr, done.returncode) == ("", report["exit_code"])
        findings = {entry.pop("check"): entry for entry in report["findings"]}
        with_remedy = {"problem", "limited"}
        assert all((entry["state"] in with_remedy) == bool(entry["remedy"]) for entry in findings.values())
        assert PASSWORD not in done.stdout
        return findings

    return run


def states(findings: dict[str, dict]) -> dict[str, str]:
    return {name: findings[name]["state"] for name in BROKER}


def options(certificates: Path, **settings: str) -> list[str]:
    given = {"ca_file": f"{certificates}/ca.pem", "username": "agent", "password_file": f"{certificates}/password"}
    return [part for key, value in {**given, **settings}.items() for part in ("--set", f"mqtt.{key}={value}")]


@pytest.mark.slow
def test_a_broker_that_lets_the_agent_do_all_is_all_right_and_keeps_nothing(mosquitto, examine: Callable):
    listener = mosquitto.listen("#")
    findings = examine(mosquitto.url)
    assert states(findings) == dict.fromkeys(BROKER, "ok") | {"broker.tls": "unneeded"}
    assert findings["broker.login"]["said"] == "login of anonymous accepted, MQTT 5"
    assert "plant/+/+/frame" in findings["broker.read"]["said"]
    heard = [json.loads(line) for line in listener.lines() if line]  # empty: it deletes what it retained
    # None: a document of its own; the last three are the trials of dots, of retained messages and of reading alarms.
    kinds = (None, AlarmDocument, EventDocument, ResultDocument, None, ReplyDocument, None, None, AlarmDocument)
    for kind, entry in zip(kinds, heard, strict=True):
        if kind is not None:
            kind.model_validate(entry)  # what subscribers expect there
    assert [entry["state"] for entry in heard if "state" in entry] == ["normal"] * 3
    assert not [name for name in (entry.get("sensor") for entry in heard) if name and legal_sensor(name)]
    assert mosquitto.retained("#", 1, timeout_s=1) == {}


@pytest.mark.slow
def test_nothing_else_is_wrong_with_a_machine_without_a_gpu(mosquitto, examine: Callable):
    findings = examine(mosquitto.url)
    assert findings["bundle"]["state"] == findings["state"]["state"] == findings["backend"]["state"] == "ok"
    assert "onnxruntime" in findings["backend"]["said"]
    assert {findings[name]["state"] for name in ("driver", "tensorrt", "engine")} == {"unneeded"}


def test_a_running_agent_is_seen_and_not_disturbed(mosquitto, make_agent: Callable, wait_until, examine: Callable):
    agent = make_agent(mosquitto.url)
    agent.start()
    status = "drsn/v1/_agent/tester/status"
    wait_until(lambda: mosquitto.one(status).get("ingest") == "connected", what=agent.text())
    findings = examine(mosquitto.url)
    assert "an agent uses it" in findings["state"]["said"]
    assert mosquitto.one(status)["state"] == "online"
    assert "connection lost" not in agent.text()


def test_nothing_listens(examine: Callable):
    findings = examine(f"mqtt://127.0.0.1:{free_port()}")
    assert states(findings) == {"broker.name": "ok", "broker.line": "problem", "broker.tls": "unneeded", **UNTRIED}
    assert "no program listens there" in findings["broker.line"]["said"]


def test_a_name_that_nobody_knows(examine: Callable):
    findings = examine("mqtts://no-such-host.invalid")
    assert states(findings) == {
        "broker.name": "problem", "broker.line": "unneeded", "broker.tls": "unneeded", **UNTRIED,
    }  # fmt: skip
    assert "/etc/resolv.conf" in findings["broker.name"]["remedy"]


@pytest.mark.slow
def test_encrypted_and_with_a_password(encrypted, certificates: Path, examine: Callable):
    findings = examine(f"mqtts://127.0.0.1:{encrypted.port}", *options(certificates))
    assert states(findings) == dict.fromkeys(BROKER, "ok")
    assert findings["broker.tls"]["said"].startswith("TLSv1.3, certificate checked against")


def test_an_unknown_authority(encrypted, certificates: Path, examine: Callable):
    openssl(certificates, "req", "-x509", *NEW_KEY, "-days", "2", "-subj", "/CN=other CA",
            "-keyout", "other.key", "-out", "other.pem")  # fmt: skip
    findings = examine(
        f"mqtts://127.0.0.1:{encrypted.port}", *options(certificates, ca_file=f"{certificates}/other.pem")
    )
    assert states(findings) == {"broker.name": "ok", "broker.line": "ok", "broker.tls": "problem", **UNTRIED}
    assert "mqtt.ca_file" in findings["broker.tls"]["remedy"]


def test_a_name_that_the_certificate_does_not_have(encrypted, certificates: Path, examine: Callable):
    findings = examine(f"mqtts://localhost:{encrypted.port}", *options(certificates))
    assert findings["broker.tls"]["state"] == "problem"
    assert "mqtt.url" in findings["broker.tls"]["remedy"]


def test_tls_towards_a_port_without(mosquitto, examine: Callable):
    findings = examine(f"mqtts://127.0.0.1:{mosquitto.port}")
    assert states(findings) == {"broker.name": "ok", "broker.line": "ok", "broker.tls": "problem", **UNTRIED}
    assert "8883" in findings["broker.tls"]["remedy"]


def test_no_tls_towards_a_port_with_it(encrypted, examine: Callable):
    findings = examine(f"mqtt://127.0.0.1:{encrypted.port}")
    assert findings["broker.login"]["state"] == "problem"
    assert "without TLS, usually 1883" in findings["broker.login"]["remedy"]


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ({"password_file": "wrong"}, "compare mqtt.username and the password"),
        ({"username": "", "password_file": ""}, "set mqtt.username"),
        ({"password_file": ""}, "mqtt.password_file"),
    ],
    ids=["a wrong password", "nothing", "no password"],
)
def test_who_is_not_let_in(encrypted, certificates: Path, examine: Callable, given: dict[str, str], remedy: str):
    (certificates / "wrong").write_text("guess")
    left = {"username": "agent", "password_file": "password"} | given
    settings = [f"mqtt.ca_file={certificates}/ca.pem"]
    settings += [f"mqtt.username={left['username']}"] if left["username"] else []
    settings += [f"mqtt.password_file={certificates}/{left['password_file']}"] if left["password_file"] else []
    findings = examine(f"mqtts://127.0.0.1:{encrypted.port}", *[part for text in settings for part in ("--set", text)])
    assert states(findings) == dict.fromkeys(BROKER[:3], "ok") | UNTRIED | {"broker.login": "problem"}
    assert remedy in findings["broker.login"]["remedy"]
    assert "refused: Not authorized" in findings["broker.login"]["said"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("allowed", "write", "alarms"),
    [
        ("readwrite #", "ok", "ok"),
        ("write drsn/v1/#", "ok", "limited"),
        ("read plant/#", "problem", "unneeded"),
        ("write drsn/v1/_agent/#", "problem", "unneeded"),
    ],
)
def test_an_acl_that_is_too_narrow(mosquitto, tmp_path: Path, examine: Callable, allowed: str, write: str, alarms: str):
    mosquitto.stop()
    acl = tmp_path / "acl"
    acl.write_text(f"topic {allowed}\n")
    acl.chmod(0o600)
    mosquitto.extra = f"allow_anonymous true\nacl_file {acl}\nuser root\n"
    mosquitto.start()
    findings = examine(mosquitto.url)
    assert findings["broker.write"]["state"] == write
    if write == "problem":
        assert findings["broker.write"]["remedy"] == "allow the account to write drsn/v1/# in the broker's ACL"
    assert "no packet came within 2 s" in findings["broker.read"]["said"], "acl_file does not say what may not be read"
    assert findings["broker.alarms"]["state"] == alarms
    if alarms == "limited":
        assert findings["broker.alarms"]["remedy"] == (
            "allow the account to read drsn/v1/+/alarm in the broker's ACL (configs/broker/acl)"
        )


WRITTEN = {
    "alarm": "drsn/v1/+/alarm", "event": "drsn/v1/+/event", "result": "drsn/v1/+/result",
    "evidence": "drsn/v1/+/evidence/+", "_reply": "drsn/v1/_reply/#", "doctor": "drsn/v1/_agent/tester/doctor",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("missing", [*WRITTEN, None])
def test_each_kind_of_topic_that_may_not_be_written_is_found_and_named(
    mosquitto, tmp_path: Path, examine: Callable, missing: str | None
):
    """Events that the broker drops would only show on the day of the first alarm."""
    mosquitto.stop()
    acl = tmp_path / "acl"
    acl.write_text("".join(f"topic write {topics}\n" for kind, topics in WRITTEN.items() if kind != missing))
    acl.chmod(0o600)
    mosquitto.extra = f"allow_anonymous true\nacl_file {acl}\nuser root\n"
    mosquitto.start()
    found = examine(mosquitto.url)["broker.write"]
    assert found["state"] == ("ok" if missing is None else "problem")
    refused = [kind for kind in WRITTEN if f"/{kind}" in found["said"].replace("/_doctor", "")]
    assert refused == (list(WRITTEN) if missing is None else [missing])
    assert ("Not authorized" in found["said"]) == (missing is not None)


@pytest.mark.slow
def test_mqtt_3_1_1_can_not_report_a_refusal_and_the_doctor_says_so(mosquitto, tmp_path: Path, examine: Callable):
    mosquitto.stop()
    acl = tmp_path / "acl"
    acl.write_text("topic read plant/#\n")
    acl.chmod(0o600)
    mosquitto.extra = f"allow_anonymous true\nacl_file {acl}\nuser root\n"
    mosquitto.start()
    found = examine(mosquitto.url, "--set", "mqtt.protocol=3.1.1")["broker.write"]
    assert (found["state"], "3.1.1 cannot report a refusal" in found["said"]) == ("ok", True)


@pytest.mark.slow
def test_a_subscription_that_is_denied(mosquitto, tmp_path: Path, examine: Callable):
    """By mosquitto's dynamic security, which answers a subscription; its acl_file does not."""
    plugin = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    access = {"publishClientSend": True, "publishClientReceive": True, "subscribe": False, "unsubscribe": True}
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"defaultACLAccess": access, "clients": [], "groups": [], "roles": []}))
    mosquitto.stop()
    mosquitto.extra = f"allow_anonymous true\nplugin {plugin}\nplugin_opt_config_file {rules}\nuser root\n"
    mosquitto.start()
    findings = examine(mosquitto.url)
    assert (findings["broker.read"]["state"], findings["broker.write"]["state"]) == ("problem", "ok")
    assert "plant/+/+/frame" in findings["broker.read"]["remedy"]


def test_a_packet_of_a_sensor_proves_that_it_may_be_read(mosquitto, examine: Callable):
    stop = threading.Event()

    def sensor() -> None:
        while not stop.wait(0.2):
            mosquitto.publish("plant/hall/fan/raw", bytes(64))

    thread = threading.Thread(target=sensor)
    thread.start()
    findings = examine(mosquitto.url)
    stop.set()
    thread.join()
    assert findings["broker.read"]["said"].endswith("a packet on plant/hall/fan/raw")


def test_for_people_it_is_a_line_a_check_and_one_more_for_a_remedy(make_agent: Callable, run_agent: Callable):
    agent = make_agent(f"mqtt://127.0.0.1:{free_port()}")
    done = run_agent("doctor", "--config", str(agent.config))
    assert done.returncode == 69
    lines = done.stdout.splitlines()
    place = next(index for index, line in enumerate(lines) if line.startswith("PROBLEM broker.line"))
    assert lines[place + 1].strip().startswith("-> check that the broker runs")
    assert done.stderr == ""


def test_a_configuration_that_can_not_be_read_is_one_line_as_ever(run_agent: Callable, tmp_path: Path):
    done = run_agent("doctor", "--config", str(tmp_path / "nowhere.toml"), "--json")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (78, "", 1)
