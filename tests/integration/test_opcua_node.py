"""`drsn-opcua` with a client of another author (node-opcua): event, refresh, Acknowledge, encrypted endpoint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import own_loop
import pytest
from opcua_bridge import SENSOR, opcua_bridge, play
from servers import openssl, poll

CLIENT = Path(__file__).parents[1] / "opcua"
ALARM = f"drsn/v1/{SENSOR}/alarm"

asyncua = pytest.importorskip("asyncua")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def node(*arguments: str, fails_with: str | None = None) -> list[dict]:
    """Run the client to its end; what it wrote. `fails_with`: a part of its error."""
    if shutil.which("node") is None or not (CLIENT / "node_modules").is_dir():
        if os.environ.get("CI"):
            pytest.fail("CI needs node-opcua: make tests/opcua/node_modules")
        pytest.skip("needs node-opcua: make tests/opcua/node_modules")
    done = subprocess.run(
        ["node", "client.mjs", *arguments], cwd=CLIENT, capture_output=True, text=True, timeout=90, check=False
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if fails_with is not None:
        assert (done.returncode, fails_with in done.stderr) == (1, True), done.stderr[-2000:]
        return lines
    assert done.returncode == 0, (lines, done.stdout[-2000:], done.stderr[-2000:])
    return lines


def standing_alarm(mosquitto, make_agent) -> None:
    make_agent(mosquitto.url).start()
    play(mosquitto, 1_700_000_000)
    poll(lambda: mosquitto.one(ALARM).get("state") == "active_unacked", what="the alarm")


def check(lines: list[dict]) -> None:
    """A refresh gave the standing alarm, and its acknowledgement came back as an event."""
    what = [line["what"] for line in lines]
    start, end = what.index("RefreshStart"), what.index("RefreshEnd")
    (alarm,) = [line for line in lines[start:end] if line.get("name") == "inner_race"]
    assert (alarm["source"], alarm["name"], alarm["active"], alarm["acked"], alarm["retain"]) == (
        SENSOR, "inner_race", True, False, True,
    )  # fmt: skip
    assert alarm["condition"] == f"ns=2;s=tester/{SENSOR}/conditions/inner_race"
    assert [line["status"] for line in lines if line["what"] == "acknowledged"] == ["Good"]
    assert [line["status"] for line in lines if line["what"] == "again"] == ["BadConditionBranchAlreadyAcked"]
    assert any(line.get("name") == "inner_race" and line["acked"] and line["active"] for line in lines[end:])


def test_another_client_gets_the_standing_alarm_and_acknowledges_it(mosquitto, make_agent, tmp_path):
    standing_alarm(mosquitto, make_agent)
    with opcua_bridge(mosquitto.url, tmp_path) as endpoint:
        check(node(endpoint))
        alarm = mosquitto.one(ALARM)
    assert (alarm["state"], alarm["acked_by"], alarm["comment"]) == ("active_acked", "opcua", "seen by node-opcua")


def test_an_encrypted_endpoint_requires_the_login(mosquitto, make_agent, tmp_path, monkeypatch):
    standing_alarm(mosquitto, make_agent)
    openssl(tmp_path, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=drsn-opcua",
            "-addext", "subjectAltName=URI:urn:test:drsn-opcua,IP:127.0.0.1",
            "-addext", "keyUsage=digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyCertSign",
            "-addext", "extendedKeyUsage=serverAuth", "-keyout", "opcua.key", "-out", "opcua.pem")  # fmt: skip
    (tmp_path / "login").write_text("a secret\n", "utf-8")
    more = (
        f'cert_file = "{tmp_path / "opcua.pem"}"\nkey_file = "{tmp_path / "opcua.key"}"\n'
        f'username = "scada"\npassword_file = "{tmp_path / "login"}"\n'
    )
    with opcua_bridge(mosquitto.url, tmp_path, more) as endpoint:
        check(node(endpoint, "encrypted", "scada", "a secret", str(tmp_path / "pki")))
        assert mosquitto.one(ALARM)["acked_by"] == "scada"
        node(endpoint, "encrypted", "scada", "wrong", str(tmp_path / "pki"), fails_with="BadUserAccessDenied")
        node(endpoint, fails_with="End point must exist")
        # A careless client: it takes any endpoint of the server for one without encryption.
        monkeypatch.setattr(asyncua.Client, "find_endpoint", staticmethod(lambda endpoints, *_: endpoints[0]))
        own_loop.run(refused_without_encryption(endpoint))


async def refused_without_encryption(endpoint: str) -> None:
    """The channel for discovery is not encrypted: the server accepts no login on it."""
    client = asyncua.Client(endpoint)
    client.set_user("scada")
    client.set_password("a secret")
    with pytest.raises(asyncua.ua.uaerrors.BadSecurityModeInsufficient):
        await client.connect()
