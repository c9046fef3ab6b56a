"""A real agent on a real broker, while another process has locked its database."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

from faulty_disk import locked

from drsn.agent.storage.journal import FILE
from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ACTOR = next(actor for actor in DEMO_MACHINES if actor.fault == "inner_race")
ALARM = f"drsn/v1/{ACTOR.sensor}/alarm"
STATUS = "drsn/v1/_agent/tester/status"


def test_a_lock_of_another_process_delays_no_alarm_and_the_alarm_is_written_when_it_ends(
    mosquitto, make_agent: Callable, wait_until, tmp_path: Path
):
    agent = make_agent(mosquitto.url)
    agent.start()
    wait_until(lambda: mosquitto.one(STATUS).get("ingest") == "connected", what="the subscription")
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
    with locked(tmp_path / "state"):
        for entry in frames([record(ACTOR, 3.0, DEMO_MACHINES.index(ACTOR))], plan, 1_700_000_000_000_000_000):
            mosquitto.publish(entry.topic, entry.payload)
        began_s = time.monotonic()
        wait_until(lambda: mosquitto.one(ALARM, 1).get("condition") == "inner_race", what=agent.text())
        assert time.monotonic() - began_s < 3, "a second for the disk, and the rest for a busy machine"
        wait_until(lambda: mosquitto.one(STATUS).get("state") == "degraded", what=agent.text())
        assert "database is locked; the agent continues in memory" in mosquitto.one(STATUS)["reasons"][0]
    assert agent.stop() == 0
    with closing(sqlite3.connect(tmp_path / "state" / FILE)) as database:
        assert database.execute("SELECT count(*) FROM journal WHERE sensor = ?", (ACTOR.sensor,)).fetchone() == (1,)
