"""Installed by the documented steps, on a machine without a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from machine import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from machine import Machine

pytestmark = [pytest.mark.booted, pytest.mark.timeout(1800)]


@pytest.fixture
def line4(machine: Machine) -> Service:
    return Service(machine, "line4")


def test_the_documented_steps_lead_to_a_service_that_is_ready_without_a_broker(line4: Service, wait_until):
    assert (line4.show("Type"), line4.show("UnitFileState"), line4.show("NRestarts")) == ("notify", "enabled", "0")
    assert line4.active  # `enable --now` came back, so it has said READY=1
    assert "event=ready" in line4.journal()
    wait_until(lambda: "no connection, trying again" in line4.journal(), 60)


def test_it_comes_back_after_a_reboot_without_a_broker(line4: Service, wait_until):
    line4.machine.reboot()
    wait_until(lambda: line4.active, 60)
    assert line4.show("NRestarts") == "0"


def test_each_instance_has_a_state_directory_of_its_own_that_one_agent_locks(
    line4: Service, make_service: Callable[..., Service]
):
    line5 = make_service("line5")
    line5.systemctl("start")
    listed = line4.machine.run("stat -c '%n %U %a' /var/lib/drsn/line4 /var/lib/drsn/line5").stdout.splitlines()
    assert listed == ["/var/lib/drsn/line4 drsn 750", "/var/lib/drsn/line5 drsn 750"]
    run = f"/opt/drsn/venv/bin/drsn-agent run --config {line5.config} --set agent.state_dir=/var/lib/drsn/line5"
    second = line4.machine.run(f"sudo -u drsn {run}", check=False)
    assert (second.returncode, "another agent" in second.stderr) == (78, True), second.stderr
    assert line5.active


def test_it_leaves_no_core_and_reaches_nothing_but_its_state(line4: Service):
    limits = line4.machine.run(f"grep 'core file' /proc/{line4.main_pid}/limits").stdout.split()
    assert limits[4:6] == ["0", "0"]
    enter = f"nsenter --target {line4.main_pid} --mount"
    writable = line4.machine.run(
        f"for d in /etc /usr /opt /var/lib/drsn/line4 /home; do {enter} test -w $d && echo $d; done; true"
    )
    assert writable.stdout.split() == ["/var/lib/drsn/line4"]
    devices = line4.machine.run(f"{enter} ls /dev").stdout.split()
    assert "null" in devices
    assert not {"console", "kmsg", "mem"} & set(devices)


def test_the_gpu_profile_starts_where_no_gpu_is_and_the_engine_is_skipped(
    machine: Machine, make_service: Callable[..., Service]
):
    """What the profile opens is untried on a GPU; that it closes nothing which the agent needs is tried here."""
    service = make_service("gpu")
    machine.run(
        "install -m 644 systemd/drsn-engine@.service /etc/systemd/system/\n"
        f"install -D -m 644 systemd/drsn-agent-gpu.conf /etc/systemd/system/{service.unit}.d/10-gpu.conf"
    )
    service.drop_in(["DevicePolicy=closed", "DeviceAllow=/dev/null rw", "ProtectClock=yes"])
    service.systemctl("start")
    engine = "drsn-engine@gpu.service"
    told = machine.run(f"systemctl show -p ConditionResult -p Result {engine}").stdout.split()
    assert sorted(told) == ["ConditionResult=no", "Result=success"]
    assert service.active
    written = machine.run("/opt/drsn/venv/bin/drsn-agent doctor --write-device-dropin /tmp/devices.conf", check=False)
    assert (written.returncode, "no device node" in written.stderr) == (69, True)
