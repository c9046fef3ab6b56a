"""SIGHUP with a real process and a real broker."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from drsn.agent.bundles import shipped

if TYPE_CHECKING:
    from collections.abc import Callable

STATUS = "drsn/v1/_agent/tester/status"


def test_a_bundle_is_swapped_behind_a_link_in_one_process_and_a_bad_one_is_not(
    mosquitto, make_agent: Callable[..., object], wait_until: Callable[..., object], tmp_path
):
    current = tmp_path / "current"
    current.symlink_to(shipped("synthetic"))
    agent = make_agent(mosquitto.url, bundle=current)
    agent.start()

    def running() -> str:
        status = mosquitto.one(STATUS)
        return status["bundle"]["name"] if status.get("state") in ("online", "degraded") else ""

    def swap(target: object) -> None:
        current.unlink()
        current.symlink_to(target)
        agent.process.send_signal(signal.SIGHUP)

    wait_until(lambda: running() == "synthetic")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(shipped("cwru").read_bytes()[:-1000])
    swap(broken)
    wait_until(lambda: "reload refused" in agent.text(), what="the refusal is said")
    assert str(current) in agent.text()  # what, and where
    assert running() == "synthetic"

    swap(shipped("cwru"))
    wait_until(lambda: running() == "cwru", 40, "the new bundle")
    assert agent.process.poll() is None  # the same process
    assert agent.text().count("event=ready") == 2
    assert agent.stop() == 0


def test_a_hangup_with_a_bad_configuration_costs_nothing(
    mosquitto, make_agent: Callable[..., object], wait_until: Callable[..., object]
):
    agent = make_agent(mosquitto.url)
    agent.start()
    agent.config.write_text("[agent]\nidd = 1\n")
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reload refused" in agent.text())
    assert "idd" in agent.text()
    assert agent.text().count("event=stopped") == 0
    assert agent.stop() == 0
