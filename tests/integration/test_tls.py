"""An encrypted broker that asks for a name and a password."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from servers import require

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STATUS = "drsn/v1/_agent/tester/status"
PASSWORD = "not a secret here"


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A certification authority, `ca.pem`, and a server at 127.0.0.1 that it vouches for."""
    require("openssl", "mosquitto_passwd")
    openssl(tmp_path, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test CA",
            "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip
    openssl(tmp_path, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=broker",
            "-keyout", "server.key", "-out", "server.csr")  # fmt: skip
    (tmp_path / "ext").write_text("subjectAltName = IP:127.0.0.1\n")
    openssl(tmp_path, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "ext", "-out", "server.pem")  # fmt: skip
    subprocess.run(["mosquitto_passwd", "-b", "-c", "passwords", "agent", PASSWORD], cwd=tmp_path, check=True)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return tmp_path


@pytest.fixture
def encrypted(mosquitto, certificates: Path):
    """The broker, encrypted."""
    mosquitto.stop()
    mosquitto.extra = (
        f"allow_anonymous false\npassword_file {certificates}/passwords\ncafile {certificates}/ca.pem\n"
        f"certfile {certificates}/server.pem\nkeyfile {certificates}/server.key\nuser root\n"
    )
    mosquitto.start()
    return mosquitto


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
