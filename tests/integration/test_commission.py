"""A shell commissions a healthy machine at a real agent; it holds over a kill, and is undone."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.operator.baselines import read_baseline
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEALTHY = next(actor for actor in DEMO_MACHINES if actor.fault is None)
SENSOR = HEALTHY.sensor


def play(broker, seconds: float) -> int:
    """As fast as it goes; the number of packets."""
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0, samples_per_packet=16 * 2048)
    sent = list(frames([record(HEALTHY, seconds, DEMO_MACHINES.index(HEALTHY))], plan, 1_700_000_000_000_000_000))
    for entry in sent:
        broker.publish(entry.topic, entry.payload)
    return len(sent)


@pytest.mark.slow
def test_commission_and_undo_from_a_shell(
    mosquitto, make_agent: Callable, run_agent: Callable, wait_until: Callable, tmp_path: Path
):
    agent = make_agent(mosquitto.url)
    agent.start("--set", "commission.seconds=6", "--set", "commission.give_up_after_s=7")
    results = mosquitto.listen(f"drsn/v1/{SENSOR}/result")
    wait_until(lambda: mosquitto.one("drsn/v1/_agent/tester/status").get("ingest") == "connected", what=agent.text())
    play(mosquitto, 3.0)
    wait_until(lambda: mosquitto.one(f"drsn/v1/{SENSOR}/alarm"), what=agent.text())

    def shell(*arguments: str, code: int = 0) -> tuple[str, str]:
        done = run_agent("commission", SENSOR, *arguments, "--broker", mosquitto.url)
        assert done.returncode == code, (done.stdout, done.stderr, agent.text())
        return done.stdout, done.stderr

    # Nothing comes from the machine: the agent says how far it is, and gives up.
    out, progress = shell(code=1)
    assert "refused: given up after 7 s: 0 of 6 s" in out
    assert progress.count("0 of 6 s") == 1, "an unchanged progress is shown once"
    mosquitto.publish(  # as a program would
        "drsn/v1/_agent/tester/cmd/commission",
        json.dumps({"request_id": "p1", "by": "scada", "sensor": SENSOR, "gate": True}).encode(),
    )
    wait_until(lambda: agent.text().count('event="command handled" verb=commission by=scada') == 1, what=agent.text())
    play(mosquitto, 10.0)
    ended = f'event="command ended" verb=commission sensor={SENSOR} failed=None'
    wait_until(lambda: ended in agent.text().rsplit("by=scada", 1)[-1], what=agent.text())
    agent.stop(signal.SIGKILL)
    agent.start()
    wait_until(lambda: mosquitto.one("drsn/v1/_agent/tester/status").get("ingest") == "connected", what=agent.text())
    play(mosquitto, 3.0)
    assert "rpm, 48 windows" in shell("--show")[0]
    shell("--export", str(tmp_path / "machine.json"))
    assert read_baseline(tmp_path / "machine.json").source == SENSOR
    out, _ = shell("--undo", "--by", "ana")
    assert f"{SENSOR}: forgotten, scada's of 20" in out
    assert "runs from an RMS of" in out
    assert "is not commissioned" in shell("--undo", code=1)[0]
    wait_until(lambda: mosquitto.health().get("unpublished_events") == 0)
    heard = [json.loads(line)["commission"] for line in results.lines()]
    assert heard[0] is None
    assert any(each and each["in_use"] and each["by"] == "scada" for each in heard)
