"""A real `drsn-opcua` process for tests, and a sensor that raises an alarm."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from servers import free_port, poll

from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.replay.player import ReplayPlan, frames

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INNER_RACE = next(actor for actor in DEMO_MACHINES if actor.fault == "inner_race")
SENSOR = INNER_RACE.sensor


def play(broker, start_s: int, seconds: float = 3.0) -> None:
    """Publish seconds of the machine with a fault of the inner race."""
    plan = ReplayPlan(topic="plant/hall/{sensor}/frame", speed=0.0)
    recording = record(INNER_RACE, seconds, DEMO_MACHINES.index(INNER_RACE))
    for sent in frames([recording], plan, start_s * 1_000_000_000):
        broker.publish(sent.topic, sent.payload)


@contextmanager
def opcua_bridge(url: str, folder: Path, more: str = "") -> Iterator[str]:
    """Run the bridge; its endpoint."""
    endpoint = f"opc.tcp://127.0.0.1:{free_port()}/drsn"
    config, log = folder / "opcua.toml", folder / "opcua.log"
    config.write_text(f'[mqtt]\nurl = "{url}"\n[opcua]\nurl = "{endpoint}"\n{more}', "utf-8")
    command = [sys.executable, "-m", "drsn.agent.tools.opcua.command", "--config", str(config)]
    with log.open("ab") as out, subprocess.Popen(command, stderr=out) as process:
        try:
            poll(lambda: "listens" in log.read_text() or process.poll() is not None, 90, "the bridge listens")
            assert process.poll() is None, log.read_text()
            yield endpoint
        finally:
            process.terminate()
            code = process.wait(20)
    assert code == 0, log.read_text()
