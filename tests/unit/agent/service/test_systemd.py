from __future__ import annotations

import os
import socket
import uuid
from typing import TYPE_CHECKING

import pytest

from drsn.agent.service.systemd import notify, watchdog_interval_s

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch):
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The service manager's end."""
    name = "@drsn-" + uuid.uuid4().hex if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(name.replace("@", "\0") if request.param == "abstract" else name)
        channel.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield channel


def test_each_state_arrives_as_one_datagram(systemd: socket.socket):
    assert notify("READY=1")
    assert notify("STATUS=läuft")
    assert [systemd.recv(99), systemd.recv(99)] == [b"READY=1", "STATUS=läuft".encode()]


def test_without_systemd_nothing_happens():
    assert not notify("READY=1")


@pytest.mark.parametrize("address", ["", "nowhere", "@nobody-listens", "x" * 500])
def test_a_systemd_that_does_not_listen_is_no_error(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not notify("READY=1")


@pytest.mark.parametrize(
    ("microseconds", "pid_offset", "seconds"),
    [
        ("30000000", None, 15.0),
        ("30000000", 0, 15.0),
        ("30000000", 1, None),  # another process is watched
        (None, None, None),
        ("0", None, None),
        ("", None, None),
        ("soon", None, None),
        ("-5", None, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(
    microseconds: str | None, pid_offset: int | None, seconds: float | None, monkeypatch: pytest.MonkeyPatch
):
    # Names of tests hold no pid: pytest-xdist asks that every process collects the same names.
    pid = None if pid_offset is None else os.getpid() + pid_offset
    for name, value in (("WATCHDOG_USEC", microseconds), ("WATCHDOG_PID", pid)):
        if value is not None:
            monkeypatch.setenv(name, str(value))
    assert watchdog_interval_s() == seconds
