"""What systemd does with an agent that hangs, dies, or can't run."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from machine import Machine, Service

pytestmark = [pytest.mark.booted, pytest.mark.timeout(1800)]

WATCHDOG_S = 90
"""For the watchdog's 30 s, the abort, and a new start on a busy machine."""

MAIN_LOOP = r'loop\.py", line \d+ in run\b'
"""In the stacks, be it at work or just about to begin: systemd hears of readiness before the first turn."""

KILLER = """
import ctypes, os, pathlib, threading, time
name, order, started = os.environ["DOOMED"], pathlib.Path(os.environ["ORDER"]), time.time()
def wait():
    while not (order.exists() and order.stat().st_mtime > started):
        time.sleep(0.1)
    for thread in threading.enumerate():
        if thread.name == name:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
if name:
    threading.Thread(target=wait, daemon=True).start()
"""
"""Kills one thread of a process, on order: it is on the path of the agent under test as `sitecustomize`."""


def killed_and_restarted(service: Service, before: int, wait_until: Callable[..., object]) -> None:
    """The watchdog did it, and the stacks are there."""
    wait_until(lambda: "Watchdog timeout" in service.journal(), WATCHDOG_S, "the watchdog barks")
    wait_until(lambda: service.active and service.main_pid not in (0, before), WATCHDOG_S, "it is started again")
    journal = service.journal()
    assert "Failed with result 'watchdog'" in journal
    assert "Fatal Python error: Aborted" in journal
    assert re.search(MAIN_LOOP, journal), journal[-4000:]
    assert service.show("NRestarts") == "1"


def test_a_main_loop_that_stands_still_is_killed_with_its_stacks(make_service: Callable[..., Service], wait_until):
    service = make_service("stopped")
    service.systemctl("start")
    before = service.main_pid
    service.systemctl("kill -s STOP")
    killed_and_restarted(service, before, wait_until)


def test_an_agent_without_the_thread_of_a_connection_is_killed_with_its_stacks(
    machine: Machine, broker, make_service: Callable[..., Service], wait_until
):
    service = make_service("dead-thread")
    machine.write("/opt/killer/sitecustomize.py", KILLER)
    machine.run("rm -f /etc/drsn/order")
    service.drop_in(["Environment=PYTHONPATH=/opt/killer DOOMED=mqtt-ingest ORDER=/etc/drsn/order"])
    service.systemctl("start")
    before = service.main_pid
    wait_until(lambda: service.journal().count("event=connected") >= 2, 30, "both connections")
    machine.run("touch /etc/drsn/order")
    killed_and_restarted(service, before, wait_until)


def test_one_that_works_is_left_alone_for_longer_than_the_watchdogs_time(broker, make_service: Callable[..., Service]):
    service = make_service("healthy")
    service.systemctl("start")
    before = service.main_pid
    time.sleep(float(service.show("WatchdogUSec").removesuffix("s")) + 5)
    assert (service.active, service.main_pid) == (True, before)


def test_one_that_dies_is_started_again_at_a_pace(make_service: Callable[..., Service], wait_until):
    service = make_service("dies")
    service.systemctl("start")
    before = service.main_pid
    died_s = time.monotonic()
    service.systemctl("kill -s KILL")
    wait_until(lambda: service.active and service.main_pid not in (0, before), 60)
    assert time.monotonic() - died_s >= 5
    assert (service.show("NRestarts"), service.show("RestartUSec")) == ("1", "5s")


def test_none_is_given_up_that_may_start_one_day(make_service: Callable[..., Service], wait_until):
    """Five starts in ten seconds, systemd's own limit, would leave it dead until somebody comes."""
    service = make_service("stubborn")
    service.drop_in(["ExecStart=", "ExecStart=/bin/false", "RestartSec=50ms"])
    service.systemctl("start", check=False)
    wait_until(lambda: int(service.show("NRestarts")) > 8, 60, "restarts")
    service.drop_in([])  # the disk is back
    wait_until(lambda: service.active, 60)


def test_a_wrong_configuration_is_said_once_and_not_tried_again(make_service: Callable[..., Service]):
    service = make_service("wrong", agent="colour = 'blue'")
    assert service.systemctl("start", check=False).returncode != 0
    time.sleep(8)  # longer than RestartSec
    assert [service.show(name) for name in ("ActiveState", "ExecMainStatus", "NRestarts")] == ["failed", "78", "0"]
    told = [line for line in service.journal().splitlines() if "colour" in line]
    assert len(told) == 1
    assert service.config in told[0]
