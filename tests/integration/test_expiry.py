"""Certificates that end soon, before a real broker: log, status, check and doctor say it, and nothing is degraded."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from servers import NEW_KEY, PASSWORD, openssl

from drsn.agent.mqtt.certificate_expiry import NOT_WATCHED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STATUS = "drsn/v1/_agent/tester/status"


def heard(port: int, folder: Path) -> dict:
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(port), "-t", STATUS, "-C", "1", "-W", "3",
               "--insecure", "--cafile", f"{folder}/ca.pem", "-u", "agent", "-P", PASSWORD]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return json.loads(done.stdout) if done.stdout else {}


def login(folder: Path) -> list[str]:
    given = {"ca_file": "ca.pem", "cert_file": "ours.pem", "key_file": "ours.key", "password_file": "password"}
    settings = [f"mqtt.{key}={folder}/{name}" for key, name in given.items()]
    return [part for text in [*settings, "mqtt.username=agent"] for part in ("--set", text)]


def sign(folder: Path, name: str, days: int) -> None:
    """`NAME.pem`, good from now on for so long."""
    openssl(folder, "req", *NEW_KEY, "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", str(days), "-extfile", "ext", "-out", f"{name}.pem")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("short", ["server", "ours", "ca"])
def test_what_ends_within_30_days_is_said_everywhere_and_degrades_nothing(
    short: str, encrypted, certificates: Path, make_agent: Callable, run_agent: Callable, wait_until: Callable
):
    days = {"server": 400, "ours": 400} | {short: 10}
    if short == "ca":
        openssl(certificates, "req", "-x509", "-key", "ca.key", "-days", "10", "-subj", "/CN=test CA", "-out", "ca.pem")
    for name in ("server", "ours"):
        sign(certificates, name, days[name])
    encrypted.stop()
    encrypted.start()
    said = {"server": "the broker's certificate expires on", "ours": "mqtt.cert_file: ", "ca": "mqtt.ca_file: "}[short]
    agent = make_agent(f"mqtts://127.0.0.1:{encrypted.port}")
    agent.start(*login(certificates))

    def status() -> dict:
        return heard(encrypted.port, certificates)

    wait_until(lambda: status().get("warnings"), 30, agent.text())
    (warning,) = status()["warnings"]
    assert warning.startswith(said)
    assert (status()["state"], status()["reasons"]) == ("online", []), "it watches as it was prepared to"
    assert agent.text().count('event="certificate expires"') == 1
    assert f"expires on {warning.partition('expires on ')[2][:10]}" in agent.text()

    checked = run_agent("check", "--config", str(agent.config), "--json", *login(certificates))
    warned = [w for w in json.loads(checked.stdout)["warnings"] if " expires on " in w]
    assert (checked.returncode, warned) == (0, [] if short == "server" else [warning]), "it asks no broker"
    doctor = run_agent("doctor", "--config", str(agent.config), "--json", *login(certificates))
    (found,) = (each for each in json.loads(doctor.stdout)["findings"] if each["check"] == "broker.tls")
    assert (found["state"], found["remedy"]) == ("soon", warning)
    shown = run_agent("doctor", "--config", str(agent.config), *login(certificates))
    assert f"-> {warning}" in shown.stdout.partition("SOON    broker.tls")[2].splitlines()[1], (
        shown.stdout,
        shown.stderr,
    )

    if short == "server":  # renewed at the broker: the next connection ends it
        sign(certificates, "server", 400)
        encrypted.stop()
        encrypted.start()
        wait_until(lambda: status().get("ingest") == "connected" and not status()["warnings"], 60, agent.text())


@pytest.mark.slow
def test_what_lasts_is_not_warned_of(encrypted, certificates: Path, make_agent: Callable, run_agent: Callable):
    sign(certificates, "ours", 400)
    agent = make_agent(f"mqtts://127.0.0.1:{encrypted.port}")
    agent.start(*login(certificates))
    assert heard(encrypted.port, certificates)["warnings"] == []
    assert 'event="certificate expires"' not in agent.text()
    doctor = run_agent("doctor", "--config", str(agent.config), "--json", *login(certificates))
    (found,) = (each for each in json.loads(doctor.stdout)["findings"] if each["check"] == "broker.tls")
    assert (found["state"], found["remedy"]) == ("ok", None)


@pytest.mark.slow
def test_without_the_extra_log_and_doctor_tell_what_to_install(encrypted, certificates: Path, make_agent: Callable):
    sign(certificates, "ours", 10)
    (certificates / "cryptography.py").write_text("raise ImportError")  # hides the installed one
    agent = make_agent(f"mqtts://127.0.0.1:{encrypted.port}")
    agent.environment["PYTHONPATH"] = str(certificates)
    agent.start(*login(certificates))
    assert agent.text().count(NOT_WATCHED) == 1
    status = heard(encrypted.port, certificates)
    assert (status["state"], status["warnings"], status["reasons"]) == ("online", [], [])
    # A process of its own: `run_agent` forks one that may have imported cryptography before.
    command = [sys.executable, "-m", "drsn.agent", "doctor", "--config", str(agent.config), "--json"]
    doctor = subprocess.run(
        [*command, *login(certificates)], env=agent.environment, capture_output=True, text=True, check=False, timeout=60
    )
    (found,) = (each for each in json.loads(doctor.stdout)["findings"] if each["check"] == "broker.tls")
    assert (found["state"], NOT_WATCHED in found["said"]) == ("ok", True)
