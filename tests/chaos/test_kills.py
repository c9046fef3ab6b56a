"""The agent is killed again and again, and stopped for a while."""

from __future__ import annotations

import signal
import time

import pytest
from chaos.ledger import often


@pytest.mark.timeout(1500)
def test_an_agent_that_is_killed_again_and_again_loses_nothing(stage):
    scene = stage("SIGKILL of the agent")
    scene.begin()
    for _ in range(often(5, 100)):
        scene.wait(0.0, 4.0)  # it takes about two seconds to start: some are killed before they are ready
        scene.fault(lambda: scene.agent.stop(signal.SIGKILL))
        scene.agent.launch()
    row = scene.finish()
    assert row["events"] > 20
    assert row["events repaired"] == 0


@pytest.mark.timeout(900)
def test_an_agent_that_is_stopped_for_a_while_goes_on(stage):
    scene = stage("SIGSTOP of the agent")
    scene.begin()
    for _ in range(often(1, 6)):
        scene.fault(lambda: scene.agent.process.send_signal(signal.SIGSTOP))
        time.sleep(often(10, 60) if scene.faults % 2 else 10)
        scene.agent.process.send_signal(signal.SIGCONT)
        scene.caught_up()
    assert scene.finish()["events repaired"] == 0
