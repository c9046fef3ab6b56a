"""An encrypted broker: passwords, client certificates, names, renewal, and what is refused."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
from servers import NEW_KEY, PASSWORD, free_port, openssl

from drsn.agent.mqtt.backoff import Backoff
from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.mqtt.tls import context
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers import Mosquitto

# paho leaves a socket whose handshake failed to the garbage collector, which closes it at once and says so.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)

STATUS = "drsn/v1/_agent/tester/status"


def heard(broker, certificates: Path, *more: str) -> dict:
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), "-t", STATUS, "-C", "1", "-W", "3",
               "--cafile", f"{certificates}/ca.pem", *(more or ("-u", "agent", "-P", PASSWORD))]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return json.loads(done.stdout) if done.stdout else {}


def options(certificates: Path, **settings: str) -> list[str]:
    given = {"ca_file": f"{certificates}/ca.pem", "username": "agent", "password_file": f"{certificates}/password"}
    return [part for key, value in {**given, **settings}.items() for part in ("--set", f"mqtt.{key}={value}")]


def authority(folder: Path, name: str) -> None:
    """`NAME.pem` and `NAME.key`, which sign for themselves."""
    openssl(folder, "req", "-x509", *NEW_KEY, "-days", "400", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.pem")  # fmt: skip


def signed(folder: Path, name: str, common_name: str, ca: str = "ca", *, address: bool = False) -> None:
    """`NAME.pem` and `NAME.key`, signed by an authority; for a server at 127.0.0.1 if `address`."""
    openssl(folder, "req", *NEW_KEY, "-subj", f"/CN={common_name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
    extensions = ["-extfile", "ext"] if address else []
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key",
            "-CAcreateserial", "-days", "400", "-out", f"{name}.pem", *extensions)  # fmt: skip


@pytest.fixture
def mutual(mosquitto: Mosquitto, certificates: Path) -> Mosquitto:
    """A broker that lets in who has a certificate of its authority, under the certificate's name; `ours` has one."""
    mosquitto.stop()
    mosquitto.extra = (
        f"allow_anonymous false\ncafile {certificates}/ca.pem\ncertfile {certificates}/server.pem\n"
        f"keyfile {certificates}/server.key\nrequire_certificate true\nuse_identity_as_username true\nuser root\n"
        f"acl_file {certificates}/acl\n"
    )
    (certificates / "acl").write_text("user jetson-07\ntopic readwrite #\n")
    mosquitto.start()
    signed(certificates, "ours", "jetson-07")
    return mosquitto


@contextmanager
def connection(broker: Mosquitto, certificates: Path, **how: object) -> Iterator[Connection]:
    """One that is on its way, with quick attempts."""
    given = {"host": "127.0.0.1", "tls": True, "ca_file": f"{certificates}/ca.pem"}
    made = Connection(
        BrokerAddress(**{"port": broker.port, **given, **how}), ConnectionOptions("t", "t"), backoff=Backoff(max_s=1.0)
    )
    made.start()
    try:
        yield made
    finally:
        made.stop()


def ours(certificates: Path) -> dict[str, str]:
    return {"cert_file": f"{certificates}/ours.pem", "key_file": f"{certificates}/ours.key"}


def test_the_agent_speaks_tls_with_a_name_and_a_password(
    encrypted, certificates: Path, make_agent: Callable, wait_until: Callable
):
    agent = make_agent(f"mqtts://127.0.0.1:{encrypted.port}")
    agent.start(*options(certificates))
    assert wait_until(lambda: heard(encrypted, certificates).get("ingest") == "connected", 30, agent.text())
    assert "is sent unencrypted" not in agent.text()
    assert PASSWORD not in agent.text()


@pytest.mark.parametrize("wrong", ["password", "authority"])
def test_what_keeps_it_out_is_named_in_the_log(
    wrong: str, encrypted, certificates: Path, make_agent: Callable, wait_until: Callable
):
    (certificates / "wrong").write_text("guess")
    authority(certificates, "other")
    settings = {
        "password": {"password_file": f"{certificates}/wrong"},
        "authority": {"ca_file": f"{certificates}/other.pem"},
    }[wrong]
    agent = make_agent(f"mqtts://127.0.0.1:{encrypted.port}")
    agent.launch(*options(certificates, **settings))  # it never connects
    said = {"password": "Not authorized", "authority": "CERTIFICATE_VERIFY_FAILED"}[wrong]
    assert wait_until(lambda: said in agent.text(), 30, agent.text())
    assert agent.process.poll() is None, "it goes on trying"


@pytest.mark.slow
def test_the_agent_shows_its_own_certificate_and_the_doctor_too(
    mutual, certificates: Path, make_agent: Callable, run_agent: Callable, wait_until: Callable
):
    agent = make_agent(f"mqtts://127.0.0.1:{mutual.port}")
    given = {"ca_file": f"{certificates}/ca.pem", **ours(certificates)}
    login = [part for key, value in given.items() for part in ("--set", f"mqtt.{key}={value}")]
    agent.start(*login)
    shown = ("--cert", f"{certificates}/ours.pem", "--key", f"{certificates}/ours.key")
    assert wait_until(lambda: heard(mutual, certificates, *shown).get("state") == "online", 30, agent.text())
    found = findings(run_agent("doctor", "--config", str(agent.config), "--json", *login))
    assert {found[f"broker.{part}"]["state"] for part in ("tls", "login", "read", "write")} == {"ok"}
    without = findings(run_agent("doctor", "--config", str(agent.config), "--json", *login[:2]))["broker.tls"]
    assert (without["state"], "mqtt.cert_file" in without["remedy"]) == ("problem", True)
    authority(certificates, "other")
    signed(certificates, "ours", "jetson-07", "other")
    foreign = findings(run_agent("doctor", "--config", str(agent.config), "--json", *login))["broker.tls"]
    assert (foreign["state"], "mqtt.cert_file" in foreign["remedy"]) == ("problem", True)


def findings(done: subprocess.CompletedProcess) -> dict[str, dict]:
    assert not done.stderr
    return {each["check"]: each for each in json.loads(done.stdout)["findings"]}


@pytest.mark.slow
def test_commands_show_a_certificate_too(mutual, certificates: Path, run_agent: Callable, tmp_path: Path):
    np.save(tmp_path / "bearing.npy", np.zeros(4096, np.float32))
    url, ca = f"mqtts://127.0.0.1:{mutual.port}", ("--ca-file", f"{certificates}/ca.pem")
    shown = ("--cert-file", f"{certificates}/ours.pem", "--key-file", f"{certificates}/ours.key")
    replay = ("replay", str(tmp_path / "bearing.npy"), "--sample-rate-hz", "12000", "--speed", "0", "--to", url)
    done = run_agent(*replay, *ca, *shown)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    accepted = run_agent("alarms", "--broker", url, *ca, *shown)
    assert (accepted.returncode, "no agent found" in accepted.stderr) == (69, True), "the broker was reached"
    refused = run_agent("alarms", "--broker", url, *ca)
    assert (refused.returncode, "certificate" in refused.stderr) == (69, True)
    insecure = run_agent("alarms", "--broker", url, "--insecure", *shown)
    assert "--insecure: the broker's certificate is not checked" in insecure.stderr
    assert "no agent found" in insecure.stderr
    assert run_agent("alarms", "--broker", url, *shown).returncode == 69, "the system knows no test CA"


def test_a_name_that_is_not_in_the_certificate_is_refused(encrypted, certificates: Path, wait_until: Callable):
    with connection(encrypted, certificates, host="localhost", username="agent", password=PASSWORD) as made:
        wait_until(lambda: made.last_error, what="a reason")
        assert "Hostname mismatch" in made.last_error
        assert not made.connected


def test_who_has_no_certificate_learns_why_it_is_not_let_in(mutual, certificates: Path, wait_until: Callable):
    """With TLS 1.3 the broker says so after the handshake only, by closing the line."""
    with connection(mutual, certificates) as made:
        wait_until(lambda: made.last_error, what="a reason")
        assert "mqtt.cert_file" in made.last_error


def test_a_renewed_certificate_is_taken_up_at_the_next_attempt(mutual, certificates: Path, wait_until: Callable):
    """First the wrong one of ours, then the right one; then a new authority for the broker. Nothing is restarted."""
    authority(certificates, "other")
    signed(certificates, "ours", "jetson-07", "other")
    with connection(mutual, certificates, **ours(certificates)) as made:
        wait_until(lambda: made.last_error, what="a refusal")
        assert not made.connected
        signed(certificates, "ours", "jetson-07")
        wait_until(lambda: made.connected, 60, "the renewed certificate")
        mutual.stop()
        authority(certificates, "new")
        signed(certificates, "server", "broker", "new", address=True)
        mutual.start()
        wait_until(lambda: "CERTIFICATE_VERIFY_FAILED" in (made.last_error or ""), 60, "a refusal")
        both = (certificates / "ca.pem").read_text() + (certificates / "new.pem").read_text()
        (certificates / "ca.pem").write_text(both)
        wait_until(lambda: made.connected, 60, "the new authority")


def test_a_certificate_that_goes_missing_is_waited_for(mutual, certificates: Path, wait_until: Callable):
    (certificates / "ours.pem").rename(certificates / "away.pem")
    with connection(mutual, certificates, **ours(certificates)) as made:
        wait_until(lambda: made.last_error, what="a reason")
        assert "ours.pem" in made.last_error
        (certificates / "away.pem").rename(certificates / "ours.pem")
        wait_until(lambda: made.connected, 60, "a connection")


@pytest.mark.slow
def test_insecure_shows_in_log_status_check_and_doctor(
    encrypted, certificates: Path, make_agent: Callable, run_agent: Callable, wait_until: Callable
):
    authority(certificates, "other")
    agent = make_agent(f"mqtts://127.0.0.1:{encrypted.port}")
    login = [*options(certificates)[2:], "--set", "mqtt.insecure=true"]
    agent.start(*login)
    wait_until(lambda: heard(encrypted, certificates), 30, agent.text())
    status = heard(encrypted, certificates)
    assert status["state"] == "degraded"
    assert [reason for reason in status["reasons"] if "mqtt.insecure" in reason] == status["reasons"]
    assert "event=degraded" in agent.text()
    assert "mqtt.insecure: the broker's certificate is not checked" in agent.text()
    checked = json.loads(run_agent("check", "--config", str(agent.config), "--json", *login).stdout)
    assert any("mqtt.insecure" in warning for warning in checked["warnings"])
    found = findings(run_agent("doctor", "--config", str(agent.config), "--json", *login))["broker.tls"]
    assert (found["state"], "not checked" in found["said"]) == ("problem", True)


def test_nothing_older_than_tls_1_2_is_spoken(certificates: Path):
    """A server that can do 1.1 alone, as a broker in a plant may."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.set_ciphers("ALL:@SECLEVEL=0")
    server.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    with pytest.warns(DeprecationWarning, match="TLS"):
        server.minimum_version = server.maximum_version = ssl.TLSVersion.TLSv1_1
    ours = context(BrokerAddress("127.0.0.1", 1, tls=True, ca_file=f"{certificates}/ca.pem"))
    assert ours.minimum_version == ssl.TLSVersion.TLSv1_2
    ours.set_ciphers("ALL:@SECLEVEL=0")  # so that the version alone keeps them apart
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_shake, args=(server, listener))
        thread.start()
        with (
            socket.create_connection(listener.getsockname()) as line,
            pytest.raises(ssl.SSLError, match=r"VERSION|alert"),
        ):
            ours.wrap_socket(line, server_hostname="127.0.0.1")
        thread.join(10)


def _shake(server: ssl.SSLContext, listener: socket.socket) -> None:
    line, _ = listener.accept()
    try:
        server.wrap_socket(line, server_side=True).close()
    except OSError:
        line.close()


def test_a_key_with_a_passphrase_is_an_error_and_no_question(certificates: Path):
    signed(certificates, "ours", "jetson-07")
    openssl(certificates, "pkey", "-in", "ours.key", "-aes256", "-passout", "pass:x", "-out", "locked.key")
    for key, said in {
        "locked.key": "passphrase",
        "ca.key": "cannot read the certificate and its key",
        "gone": "No such file",
    }.items():
        with pytest.raises(ConfigurationError, match=said):
            context(
                BrokerAddress("b", 1, tls=True, cert_file=f"{certificates}/ours.pem", key_file=f"{certificates}/{key}")
            )


def test_a_broker_that_closes_the_line_at_once_leaves_a_reason(wait_until: Callable):
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        made = Connection(BrokerAddress("127.0.0.1", listener.getsockname()[1]), ConnectionOptions("t", "t"))
        made.start()
        for _ in ("with MQTT 5", "with MQTT 3.1.1"):
            listener.accept()[0].close()
        wait_until(lambda: made.last_error, what="a reason")
        made.stop()
    assert "closed the connection" in made.last_error
