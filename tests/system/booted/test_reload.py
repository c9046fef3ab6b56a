"""A new configuration, a new bundle and a password, given to a service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from machine import Machine, Service

pytestmark = [pytest.mark.booted, pytest.mark.timeout(1800)]

CURRENT = "/opt/drsn/bundles/current"
LIAR = """
import hashlib, io, json, numpy, zipfile
source = zipfile.ZipFile("agent/bundles/cwru.zip")
files = {name: source.read(name) for name in source.namelist()}
golden = dict(numpy.load(io.BytesIO(files["golden.npz"])))
golden["probabilities"] = golden["probabilities"][:, ::-1]
packed = io.BytesIO()
numpy.savez(packed, **golden)
files["golden.npz"] = packed.getvalue()
manifest = json.loads(files["manifest.json"])
digest = hashlib.sha256(files["golden.npz"]).hexdigest()
manifest["files"]["golden.npz"] = {"sha256": digest, "bytes": len(files["golden.npz"])}
files["manifest.json"] = json.dumps(manifest).encode()
with zipfile.ZipFile("/opt/drsn/bundles/liar.zip", "w") as out:
    for name, content in files.items():
        out.writestr(name, content)
"""
"""A bundle whose every hash is right, and whose network does not say what it said when it was made."""


def status(machine: Machine, instance: str, *options: str) -> dict:
    """Its retained status, {} when there is none."""
    topic = f"drsn/v1/_agent/{instance}/status"
    told = machine.run(f"mosquitto_sub {' '.join(options)} -t {topic} -C 1 -W 3", check=False).stdout
    return json.loads(told) if told else {}


def running(machine: Machine, instance: str) -> str:
    """The bundle of an agent that serves."""
    told = status(machine, instance)
    return told["bundle"]["name"] if told.get("state") in ("online", "degraded") else ""


def test_a_bad_configuration_leaves_the_old_one_running_and_systemctl_says_so(
    broker, make_service: Callable[..., Service], wait_until
):
    service = make_service("careful")
    service.systemctl("start")
    before = service.main_pid
    make_service("careful", agent="colour = 'blue'")
    assert service.systemctl("reload", check=False).returncode != 0
    assert "agent.colour" in service.journal()
    assert (service.active, service.main_pid) == (True, before)
    assert "reload refused" not in service.journal()  # the agent was not even asked

    service.systemctl("kill -s HUP --kill-who=main")  # by hand, without the unit's check
    wait_until(lambda: "reload refused" in service.journal(), 60)
    assert "agent.colour" in service.show("StatusText")
    assert (service.active, service.main_pid) == (True, before)


def test_a_good_configuration_is_taken_over_without_a_restart(
    machine: Machine, broker, make_service: Callable[..., Service], wait_until
):
    service = make_service("changing")
    service.systemctl("start")
    before = service.main_pid
    first = wait_until(lambda: status(machine, "changing").get("config_sha256"), 30)
    make_service("changing", agent="results_per_s = 2.0")
    service.systemctl("reload")
    wait_until(lambda: status(machine, "changing").get("config_sha256") not in (None, first), 60)
    wait_until(lambda: service.journal().count("event=ready") == 2, 60)
    assert (service.active, service.main_pid, service.show("NRestarts")) == (True, before, "0")


def test_a_storm_of_hangups_ends_nothing(make_service: Callable[..., Service], wait_until):
    """Between two agents in one process nobody handles the signal, whose default is to end."""
    service = make_service("storm")
    service.systemctl("start")
    before = service.main_pid
    service.machine.run(f"for i in $(seq 200); do kill -HUP {before}; sleep 0.05; done")
    wait_until(lambda: service.journal().count("event=ready") >= 2 and service.show("SubState") == "running", 90)
    assert (service.main_pid, service.show("NRestarts")) == (before, "0")


def test_the_current_bundle_is_swapped_only_for_one_that_passes_its_golden_windows(
    machine: Machine, broker, make_service: Callable[..., Service], wait_until
):
    machine.run(
        "install -D -m 644 -t /opt/drsn/bundles agent/bundles/cwru.zip agent/bundles/synthetic.zip\n"
        f"ln -sfn synthetic.zip {CURRENT}"
    )
    machine.write("/tmp/liar.py", LIAR)
    machine.run("/opt/drsn/venv/bin/python /tmp/liar.py")
    service = make_service("swap", bundle=CURRENT)
    service.systemctl("start")
    before = service.main_pid
    wait_until(lambda: running(machine, "swap") == "synthetic", 30)

    assert machine.run(f"ln -sfn liar.zip {CURRENT} && systemctl reload {service.unit}", check=False).returncode != 0
    assert "on its golden windows" in service.journal()
    service.systemctl("kill -s HUP --kill-who=main")
    wait_until(lambda: "reload refused" in service.journal(), 60)
    assert running(machine, "swap") == "synthetic"

    machine.run(f"ln -sfn cwru.zip {CURRENT} && systemctl reload {service.unit}")
    wait_until(lambda: running(machine, "swap") == "cwru", 60)
    assert (service.main_pid, service.show("NRestarts")) == (before, "0")


def test_the_password_is_a_credential_that_only_root_and_the_agent_can_read(
    machine: Machine, make_service: Callable[..., Service], wait_until
):
    secret = "not-a-secret-here"
    machine.write("/tmp/broker.conf", "listener 1884 127.0.0.1\npassword_file /run/passwords\nuser root\n")
    machine.run(
        f"mosquitto_passwd -b -c /run/passwords line6 {secret}; systemd-run -q -u locked mosquitto -c /tmp/broker.conf"
    )
    service = make_service("line6", mqtt='username = "line6"')
    service.configure(machine.run(f"sed s/:1883/:1884/ {service.config}").stdout)
    machine.write("/etc/drsn/line6.mqtt-password", f"{secret}\n")
    machine.run("chmod 600 /etc/drsn/line6.mqtt-password")
    service.drop_in(["LoadCredential=mqtt-password:/etc/drsn/%i.mqtt-password"])
    service.systemctl("start")
    wait_until(lambda: service.journal().count("event=connected") >= 2, 30)
    assert machine.run("sudo -u drsn cat /etc/drsn/line6.mqtt-password", check=False).returncode != 0
    assert secret not in machine.run(f"cat /proc/{service.main_pid}/environ; systemctl show {service.unit}").stdout
    service.systemctl("reload")  # the check has the password, and so has the agent that takes over
    wait_until(lambda: service.journal().count("event=connected") >= 4, 60)
    assert secret not in service.journal()
    machine.run("systemctl stop locked")
