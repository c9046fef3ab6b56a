"""The Debian package on a machine without a network: installed, run, upgraded, removed, purged, in this order."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from machine import RELEASES, REPOSITORY, Machine, Service, built_root, require_container
from servers import require

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.booted, pytest.mark.timeout(1800)]

HOME = "/usr/lib/drsn-edge"
NEXT = "0.1.1"
WRITTEN_BY_OTHERS = (
    "/var/log", "/var/lib/dpkg", "/tmp", "/var/tmp", "/srv", "/root", "/var/cache/ldconfig",
    "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/.pwd.lock",
)  # fmt: skip
"""What dpkg, systemd and the programs that make users keep: no part of a package."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The package and a later version of it, for the Python of the release under test."""
    require("dpkg-buildpackage")
    python = RELEASES[os.environ.get("DRSN_SYSTEM_RELEASE") or "bookworm"].python
    out = tmp_path_factory.mktemp("packages")
    build = [sys.executable, REPOSITORY / "systemd" / "debian" / "build_package.py", "--pythons", python, "--out", out]
    for options in ([], ["--version", NEXT]):
        done = subprocess.run([*build, *options], capture_output=True, text=True, check=False, timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr
    first, second = sorted(out.glob("*.deb"))
    return first, second


@pytest.fixture(scope="module")
def fresh(packages) -> Iterator[Machine]:
    """Booted, with both packages in /srv."""
    require_container()
    with tempfile.TemporaryDirectory(prefix="drsn-machine-") as folder:
        machine = Machine(built_root(), Path(folder))
        machine.boot()
        try:
            machine.write("/etc/hosts", "127.0.0.1 localhost\n")
            for package in packages:
                (machine.files / "srv" / package.name).write_bytes(package.read_bytes())
            yield machine
        finally:
            machine.power_off()


def files(machine: Machine) -> set[str]:
    """All names on its disk, but those that no package owns."""
    listed = machine.run("find / -xdev -not -path '*/__pycache__*'").stdout.splitlines()
    return {name for name in listed if not name.startswith(WRITTEN_BY_OTHERS)}


@pytest.fixture(scope="module")
def before(fresh: Machine) -> set[str]:
    return files(fresh)


@pytest.fixture(scope="module")
def installed(fresh: Machine, before, packages) -> Machine:
    fresh.run(f"dpkg -i /srv/{packages[0].name}", timeout_s=600)
    return fresh


def test_it_installs_without_a_network_and_starts_nothing(installed: Machine):
    assert installed.run("drsn-agent --version").stdout.split() == ["drsn-agent", "0.1.0"]
    assert installed.run("systemctl is-enabled drsn-agent.service", check=False).stdout.strip() == "disabled"
    assert installed.run("systemctl list-units --plain --no-legend 'drsn-*'").stdout == ""
    assert installed.run("stat -c '%U %a' /var/lib/drsn /etc/drsn/agent.toml").stdout.split("\n")[:2] == [
        "root 755", "root 644",
    ]  # fmt: skip
    assert installed.run("getent passwd drsn").stdout.split(":")[5] == "/var/lib/drsn"


def test_a_tensorrt_of_the_system_is_imported_and_a_numpy_of_the_system_is_not(installed: Machine):
    """JetPack's TensorRT is in dist-packages; the numpy there is too old for the agent."""
    machine, folder = installed, "/usr/lib/python3/dist-packages"
    machine.write(f"{folder}/tensorrt.py", "__version__ = '10.3.0'\n")
    machine.write(f"{folder}/numpy.py", "raise ImportError('the numpy of the system')\n")
    code = "import numpy, tensorrt; print(tensorrt.__version__, numpy.__file__)"
    version, numpy = machine.run(f"{HOME}/venv/bin/python -c '{code}'").stdout.split()
    machine.run(f"rm -r {folder}/tensorrt.py {folder}/numpy.py")
    assert version == "10.3.0"
    assert numpy.startswith(f"{HOME}/venv")


def test_the_extras_in_the_package_can_be_imported(installed: Machine):
    modules = "cbor2, msgpack, orjson, jsonpath, cryptography, prometheus_client, google.protobuf, textual"
    installed.run(f"{HOME}/venv/bin/python -c 'import {modules}'")


def test_the_settings_of_the_package_pass_the_check_and_the_service_starts(installed: Machine):
    installed.run("sudo -u drsn drsn-agent check --config /etc/drsn/agent.toml --set agent.state_dir=/tmp/check")
    installed.run("systemctl start drsn-agent")  # it returns when the agent is ready
    journal = installed.run("journalctl -u drsn-agent -o cat --no-pager").stdout
    assert "event=ready" in journal
    assert installed.run("stat -c %U /var/lib/drsn/agent").stdout.strip() == "drsn"
    installed.run("systemctl reload drsn-agent && systemctl stop drsn-agent")


@pytest.fixture(scope="module")
def upgraded(installed: Machine, packages) -> tuple[Machine, int]:
    """With settings that the administrator changed, and one instance that runs; the process id before."""
    machine = installed
    machine.run(
        "echo '# changed by hand' >> /etc/drsn/agent.toml\n"
        'cp /etc/drsn/agent.toml /etc/drsn/line4.toml && sed -i \'s/"line4"/"line-4"/\' /etc/drsn/line4.toml\n'
        "systemctl enable --now drsn-agent@line4"
    )
    running = Service(machine, "line4").main_pid
    machine.run(f"dpkg -i /srv/{packages[1].name}", timeout_s=600)
    return machine, running


def test_an_upgrade_keeps_the_settings_and_restarts_only_what_runs(upgraded: tuple[Machine, int]):
    machine, running = upgraded
    assert machine.run("drsn-agent --version").stdout.split() == ["drsn-agent", NEXT]
    assert "# changed by hand" in machine.run("cat /etc/drsn/agent.toml").stdout
    line4 = Service(machine, "line4")
    assert line4.active
    assert line4.main_pid not in (0, running)
    assert "venv-2" in machine.run(f"cat /proc/{line4.main_pid}/cmdline").stdout.replace("\0", " ")
    assert machine.run("systemctl is-active drsn-agent", check=False).stdout.strip() == "inactive"
    assert machine.run(f"ls -d {HOME}/venv*").stdout.split() == [f"{HOME}/venv", f"{HOME}/venv-2"]


def test_another_python_gets_another_environment(upgraded: tuple[Machine, int]):
    """As after an upgrade of the release: dpkg calls the package when /usr/bin/python3 was replaced."""
    machine, _ = upgraded
    version = RELEASES[os.environ.get("DRSN_SYSTEM_RELEASE") or "bookworm"].python
    machine.run(f"mv {HOME}/venv-2/lib/python{version} {HOME}/venv-2/lib/python3.9")
    assert machine.run("drsn-agent --version", check=False).returncode != 0
    trigger = "dpkg-trigger --by-package=python3-minimal /usr/bin/python3 && dpkg --triggers-only -a"
    machine.run(trigger, timeout_s=600)
    assert machine.run("drsn-agent --version").stdout.split() == ["drsn-agent", NEXT]
    line4 = Service(machine, "line4")
    running = line4.main_pid
    assert line4.active
    machine.run(trigger)
    assert line4.main_pid == running  # the same version of Python: nothing changes


def test_removed_it_stops_and_keeps_settings_and_state(upgraded: tuple[Machine, int]):
    machine, _ = upgraded
    machine.run("dpkg --remove drsn-edge")
    assert not Service(machine, "line4").active
    assert machine.run(f"ls -d {HOME} /usr/bin/drsn-agent", check=False).stdout == ""
    machine.run("ls /etc/drsn/agent.toml /etc/drsn/line4.toml /var/lib/drsn/line4/agent.sqlite3")


def test_purged_it_leaves_no_file_but_those_that_the_administrator_wrote(upgraded: tuple[Machine, int], before):
    machine, _ = upgraded
    machine.run("dpkg --purge drsn-edge")
    assert sorted(files(machine) - before) == ["/etc/drsn", "/etc/drsn/line4.toml"]
    assert machine.run("getent passwd drsn; getent group drsn", check=False).stdout == ""
