"""Acknowledgements are overdue, by a module that Python loads at its start: the connection is cut, all comes again."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from chaos.ledger import often
from servers import poll

if TYPE_CHECKING:
    from pathlib import Path

OVERDUE = """
import os, pathlib
from drsn.agent.acquisition.ack_tracker import AckTracker

order, give_up = pathlib.Path(os.environ["ORDER"]), AckTracker.give_up

def given_up(tracker):
    order.unlink()
    return give_up(tracker)

AckTracker.overdue = lambda tracker, now_s, limit_s: len(tracker) >= 8 and order.exists()
AckTracker.give_up = given_up
"""
"""On order, with at least eight packets in hand."""


@pytest.mark.timeout(900)
def test_what_is_overdue_comes_again_once_and_in_order(stage, tmp_path: Path):
    """While more of the same connection waits in the inbox: it must not overtake what is given up."""
    scene = stage("acknowledgements overdue", rate_hz=5)
    order = tmp_path / "order"
    (tmp_path / "sitecustomize.py").write_text(OVERDUE)
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    scene.agent.environment |= {"PYTHONPATH": path, "ORDER": str(order)}
    scene.begin()

    def pile_up() -> None:
        scene.agent.process.send_signal(signal.SIGSTOP)
        time.sleep(2.0)
        order.touch()
        scene.agent.process.send_signal(signal.SIGCONT)

    for turn in range(1, often(5, 60) + 1):
        scene.fault(pile_up)
        poll(lambda turn=turn: scene.agent.text().count("acknowledgements overdue") == turn, 20, "the cut")
        scene.caught_up()
    assert scene.finish()["events repaired"] == 0
    assert scene.subscriber.health["gaps"] == 0
