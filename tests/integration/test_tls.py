"""An encrypted broker that asks for a name and a password."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from servers import PASSWORD, openssl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STATUS = "drsn/v1/_agent/tester/status"


def heard(broker, certificates: Path) -> dict:
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), "-t", STATUS, "-C", "1", "-W", "3",
               "--cafile", f"{certificates}/ca.pem", "-u", "agent", "-P", PASSWORD]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    return json.loads(done.stdout) if done.stdout else {}


def options(certificates: Path, **settings: str) -> list[str]:
    given = {"ca_file": f"{certificates}/ca.pem", "username": "agent", "password_file": f"{certificates}/password"}
    return [part for key, value in {**given, **settings}.items() for part in ("--set", f"mqtt.{key}={value}")]


def test_the_agent_speaks_tls_with_a_name_and_a_password(
    encrypted, certificates: Path, make_agent: Callable, wait_until: Callable
):
    agent = make_agent(f"mqtts://127.0.0.1:{encrypted.port}")
    agent.start(*options(certificates))
    assert wait_until(lambda: heard(encrypted, certificates).get("ingest") == "connected", 30, agent.text())
    assert "travels unencrypted" not in agent.text()
    assert PASSWORD not in agent.text()


@pytest.mark.parametrize("wrong", ["password", "authority"])
def test_what_keeps_it_out_is_named_in_the_log(
    wrong: str, encrypted, certificates: Path, make_agent: Callable, wait_until: Callable
):
    (certificates / "wrong").write_text("guess")
    openssl(certificates, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=other CA",
            "-keyout", "other.key", "-out", "other.pem")  # fmt: skip
    settings = {
        "password": {"password_file": f"{certificates}/wrong"},
        "authority": {"ca_file": f"{certificates}/other.pem"},
    }[wrong]
    agent = make_agent(f"mqtts://127.0.0.1:{encrypted.port}")
    agent.start(*options(certificates, **settings))
    said = {"password": "Not authorized", "authority": "CERTIFICATE_VERIFY_FAILED"}[wrong]
    assert wait_until(lambda: said in agent.text(), 30, agent.text())
    assert agent.process.poll() is None, "it goes on trying"
