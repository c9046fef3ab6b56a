"""A real `drsn-agent run` on mosquitto: as fast as it goes, then at the pace of so many live sensors.

Latency is the agent's own: packet received to votes committed; up to 250 ms of it they wait for others, which a change
of an alarm does not. Publisher and broker share the machine's cores. KB/s: what the agent writes to the disk.
ratio: windows a second to the first row.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _report import report

from drsn.agent.mqtt.broker_address import BrokerAddress
from drsn.agent.mqtt.connection import Connection
from drsn.agent.mqtt.connection_options import ConnectionOptions
from drsn.agent.tools.replay.player import ReplayPlan, play
from drsn.model.data.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW, RATE_HZ = 2048, 12_000.0
CASES = ((50, 40, 0.0), (10, 60, 1.0), (50, 60, 1.0), (100, 60, 1.0))
"""(sensors, windows of each, speed); speed 0: as fast as possible, 1: real time."""

CONFIG = """
[agent]
id = "bench"
bundle = "shipped:cwru"
state_dir = "{state}"
health_every_s = 1
[mqtt]
url = "mqtt://127.0.0.1:{port}"
[[inputs]]
topic = "plant/replay/{{sensor}}/frame"
sensor = "{{sensor}}"
"""


@contextmanager
def running(folder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run a broker and an agent; yield the broker's port and the agent's process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "broker.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 20000\n")
    (folder / "agent.toml").write_text(CONFIG.format(state=folder / "state", port=port))
    mosquitto = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin") or sys.exit("needs mosquitto")
    broker = subprocess.Popen([mosquitto, "-c", folder / "broker.conf"], stderr=subprocess.DEVNULL)
    agent = subprocess.Popen(
        [sys.executable, "-m", "drsn.agent", "run", "--config", folder / "agent.toml"], stderr=subprocess.DEVNULL
    )
    try:
        yield port, agent
    finally:
        for process in (agent, broker):
            process.terminate()
            process.wait()


def measured(sensors: int, windows: int, speed: float) -> list[object]:
    """Run one case; return its row."""
    rng = np.random.default_rng(1)
    recordings = [
        Recording(f"s{n}", "", rng.standard_normal((1, windows * WINDOW)).astype(np.float32), RATE_HZ)
        for n in range(sensors)
    ]
    health: dict[str, Any] = {}
    ready = threading.Event()

    def note(message: Any) -> None:  # noqa: ANN401
        document = json.loads(message.payload)
        if message.topic.endswith("/status") and document["ingest"] == "connected":
            ready.set()
        elif message.topic.endswith("/health"):
            health.update(document)
        message.ack()

    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as (port, agent):
        address = BrokerAddress("127.0.0.1", port)
        watcher = Connection(
            address, ConnectionOptions(name="w", client_id="w", filters=("drsn/v1/_agent/bench/+",)), on_message=note
        )
        player = Connection(address, ConnectionOptions(name="p", client_id="p"))
        watcher.start()
        player.start()
        ready.wait(30)
        before_s, before_kb, started_s = cpu_s(agent.pid), written_kb(agent.pid), time.monotonic()
        play(recordings, ReplayPlan(speed=speed), player, threading.Event())
        while health.get("packets", {}).get("processed", 0) < sensors * windows:
            time.sleep(0.01)
        wall_s, used_s = time.monotonic() - started_s, cpu_s(agent.pid) - before_s
        rss_mb, kb = peak_rss_mb(agent.pid), written_kb(agent.pid) - before_kb
        player.stop()
        watcher.stop()
    latency, total = health["latency_ms"], sensors * windows
    return [sensors, "live" if speed else "all at once", total / wall_s, latency["p50"], latency["p99"],
            100 * used_s / wall_s, used_s / total * 1e6, rss_mb, kb / wall_s]  # fmt: skip


def cpu_s(pid: int) -> float:
    """Return user and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def written_kb(pid: int) -> float:
    """Return the bytes written to the disk so far, with those in the page cache."""
    return int(Path(f"/proc/{pid}/io").read_text(encoding="utf-8").partition("\nwrite_bytes:")[2].split()[0]) / 1024


def peak_rss_mb(pid: int) -> float:
    """Return the largest resident memory so far."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    rows = [measured(*case) for case in CASES]
    report(
        "agent",
        ["sensors", "pace", "windows/s", "p50 ms", "p99 ms", "CPU %", "CPU us per window", "peak MB", "KB/s", "ratio"],
        [[*row, row[2] / rows[0][2]] for row in rows],
    )
