"""The agent as a service under a real systemd: `make system`, as root. Elsewhere these tests are skipped."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from machine import CLONE, REPOSITORY, Machine, Service, built_root, copy_sources, require_container

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BASE = """
[agent]
id = "{instance}"
bundle = "{bundle}"
{agent}
[mqtt]
url = "mqtt://localhost:1883"
{mqtt}
[[inputs]]
topic = "plant/{{point}}/frame"
sensor = "{{point}}"
"""


def documented(page: str, title: str) -> str:
    """The first block of shell commands below a heading."""
    text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8").partition(f"\n## {title}\n")[2]
    return re.search(r"```sh\n(.*?)```", text, re.DOTALL)[1]


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """Booted, with the agent installed by docs/start/service.md; its `line4` is enabled. No broker runs."""
    require_container()
    with tempfile.TemporaryDirectory(prefix="drsn-machine-") as folder:
        machine = Machine(built_root(), Path(folder))
        machine.boot()
        try:
            machine.write("/etc/hosts", "127.0.0.1 localhost\n")  # what debootstrap leaves to an installer
            copy_sources(machine.files / CLONE.lstrip("/"))
            steps = [
                line for line in documented("start/service.md", "Install").splitlines() if "journalctl" not in line
            ]
            machine.run("\n".join(steps), timeout_s=600)
            yield machine
        finally:
            machine.power_off()


@pytest.fixture
def broker(machine: Machine) -> Iterator[None]:
    """A broker runs, as Debian configures it, and keeps nothing for the next test."""
    machine.run("systemctl start mosquitto")
    yield
    machine.run("systemctl stop mosquitto; rm -f /var/lib/mosquitto/*")


@pytest.fixture
def make_service(machine: Machine) -> Iterator[Callable[..., Service]]:
    """`make_service("line5", bundle=…, agent="log_level = …", mqtt="username = …")`: configured, not started."""
    made: list[Service] = []

    def make(instance: str, bundle: str = "shipped:synthetic", agent: str = "", mqtt: str = "") -> Service:
        service = Service(machine, instance)
        service.configure(BASE.format(instance=instance, bundle=bundle, agent=agent, mqtt=mqtt))
        made.append(service)
        return service

    yield make
    for service in made:
        service.systemctl("kill -s CONT", check=False)
        service.systemctl("stop", check=False)
        service.systemctl("reset-failed", check=False)
