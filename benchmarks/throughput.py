"""What a window costs: the agent, a script of twenty lines, the same in Node, and an agent whose network is instant.

    python benchmarks/throughput.py                          # all of it, in a quarter of an hour
    python benchmarks/throughput.py --only flood --rounds 1  # a minute

In each round of `flood` all consumers drain equal queues of one broker, one after the other; ratios are to the script
of the same round. Each value is the median of the rounds. CPU time is that of the process alone, without the broker's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from _report import report, show
from _rig import HERE, WINDOW, WINDOW_S, Pace, Rig, Signals, installed_environment, packets, wait_until

from drsn.agent.acquisition.ring_buffer import BYTES_A_SAMPLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from _rig import Consumer

    Values = dict[str, float]

SENSORS = 50
MANY = (1, 1_000, 10_000)
"""Sensors of the part `sensors`."""
KNOWN_AFTER = 9
"""Windows after which a sensor takes the short way: one more than `fingerprints.FIRST_PACKETS`."""
BARS = {
    "flood: agent over script": ">= 1.5",
    "flood: CPU a window, agent over script": "<= 0.7",
    "flood: agent over Node": ">= 1.2",
    "flood: agent with a network of 0.3 ms over script": ">= 2.5",
    "flood: share of the agent's CPU that the network has, %": ">= 50",
    "live: CPU a window over that at flood": "<= 1.5",
    "sensors: cost of 1,000 over 1": "0.8 to 1.2",
    "sensors: cost of 10,000 over 1": "0.8 to 1.2",
    "memory: base, MB": "<= 90",
    "memory: a sensor without evidence, beyond its ring, KB": "<= 8",
    "start: READY after, s": "<= 0.8",
    "start: --help, s": "<= 0.2",
}


def flood(signals: Signals, windows: int) -> Values:
    """Drain equal queues: script, agent, Node, agent with an instant network, agent whose network's CPU is counted."""
    node = node_script()
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder), signals)
        with rig.broker():
            for name in ("script", "node")[: 2 if node else 1]:
                rig.subscribe(name, agent=False)
            for name in ("agent", "instant", "counting"):
                rig.subscribe(name, agent=True)
            rig.publisher.send(packets(signals, SENSORS, windows))
            with rig.script("script", [sys.executable, str(HERE / "script_baseline.py")]) as consumer:
                script = consumer.drain(windows)
            with rig.agent("agent") as consumer:
                agent = consumer.drain(windows)
                batch = consumer.health["windows"] / consumer.health["batches"]
            values = _paces({"script": script, "agent": agent}, script) | {"flood: agent, windows in a batch": batch}
            if node:
                with rig.script("node", node) as consumer:
                    pace = consumer.drain(windows)
                values |= _paces({"Node": pace}, script)
                values["flood: agent over Node"] = agent.windows_per_s / pace.windows_per_s
            with rig.agent("instant", backend="--answer-ms 0.3") as consumer:
                values |= _paces({"agent with a network of 0.3 ms": consumer.drain(windows)}, script)
            with rig.agent("counting", backend=" ") as consumer:
                share = consumer.drain(windows).network_share
    values["flood: share of the agent's CPU that the network has, %"] = 100 * share
    return values


def _paces(paces: dict[str, Pace], script: Pace) -> Values:
    values = {}
    for name, pace in paces.items():
        values[f"flood: {name}, windows/s"] = pace.windows_per_s
        values[f"flood: {name}, CPU us a window"] = pace.cpu_us
        if pace is not script:
            values[f"flood: {name} over script"] = pace.windows_per_s / script.windows_per_s
            values[f"flood: CPU a window, {name} over script"] = pace.cpu_us / script.cpu_us
    return values


def node_script() -> list[str] | None:
    """Return the command of the baseline in Node, with its packages installed; None: there is no Node."""
    if not (shutil.which("node") and shutil.which("npm")):
        print("Node is left out: there is no node or no npm on the PATH", file=sys.stderr)
        return None
    folder = HERE / "node"
    if not (folder / "node_modules" / "onnxruntime-node").exists():
        # Without its script, which downloads libraries for CUDA; what runs on the CPU is in the package.
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
        if subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False).returncode:
            print("Node is left out: npm can't install its packages", file=sys.stderr)
            return None
    return ["node", str(folder / "baseline.js")]


def live(signals: Signals, windows: int) -> Values:
    """Compare the CPU time of a window of 100 live sensors, 586 windows a second, with that of a queue of theirs."""
    sensors, seconds = 100, 10
    per_s = sensors / WINDOW_S
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder), signals)
        with rig.broker():
            rig.subscribe("agent", agent=True)
            rig.publisher.send(packets(signals, sensors, windows))
            with rig.agent("agent") as agent:
                flooded = agent.drain(windows, limit_s=8)
                wait_until(lambda: agent.windows >= windows, 120, "the end of the queue")
                before_kb, before_s = agent.written_kb(), time.monotonic()
                paced = _paced(rig, agent, sensors, first=windows, count=int(per_s * seconds), per_s=per_s)
                written_kb_per_s = (agent.written_kb() - before_kb) / (time.monotonic() - before_s)
                latency_ms = agent.health["latency_ms"]
    return {
        "live: CPU us a window": paced.cpu_us,
        "live: CPU a window over that at flood": paced.cpu_us / flooded.cpu_us,
        "live: CPU of a core, %": paced.cpu_us * paced.windows_per_s / 1e4,
        "live: packet received to acknowledged, p50, ms": latency_ms["p50"],
        "live: packet received to acknowledged, p99, ms": latency_ms["p99"],
        "live: written to the disk, KB/s": written_kb_per_s,
    }


def _paced(rig: Rig, agent: Consumer, sensors: int, *, first: int, count: int, per_s: float) -> Pace:
    """Return the pace of an agent that gets packets at a constant rate, without the first and the last second."""
    prepared = list(packets(rig.signals, sensors, count, first=first))
    started_s = time.monotonic()
    rig.publisher.pace(prepared, per_s)
    ended_s = time.monotonic()
    before = agent.mark_after(started_s + 1.0)
    after = next(mark for mark in reversed(agent.marks) if mark.at_s < ended_s)
    return Pace.of(before, after)


def many_sensors(signals: Signals, windows: int) -> Values:
    """Measure the CPU time of a window with 1, 1,000 and 10,000 sensors, at 500 windows a second.

    Each sensor has had its first windows, which take a longer way (`KNOWN_AFTER`), and its first alarm has gone out.
    What those cost is measured apart.
    """
    del windows
    costs, first_us = [], 0.0
    for sensors in MANY:
        with tempfile.TemporaryDirectory() as folder:
            rig = Rig(Path(folder), signals)
            with rig.broker():
                rig.subscribe("agent", agent=True)
                known = KNOWN_AFTER * sensors
                rig.publisher.send(packets(signals, sensors, known))
                with rig.agent("agent") as agent:
                    if sensors == max(MANY):
                        wait_until(lambda a=agent: a.windows > 0, 30, "the first window")
                        first = agent.marks[0]
                        wait_until(lambda n=sensors, a=agent: a.windows >= n, 300, "the first window of each")
                        first_us = Pace.of(first, agent.marks[-1]).cpu_us
                    wait_until(lambda n=known, a=agent: a.windows >= n, 900, "the first windows of each")
                    _wait_idle(agent)
                    costs.append(_paced(rig, agent, sensors, first=known, count=4_000, per_s=500).cpu_us)
    return {
        "sensors: 1, CPU us a window": costs[0],
        "sensors: cost of 1,000 over 1": costs[1] / costs[0],
        "sensors: cost of 10,000 over 1": costs[2] / costs[0],
        "sensors: CPU us of the first window of a sensor": first_us,
    }


def _wait_idle(agent: Consumer) -> None:
    """Wait until an agent has sent the alarms of its new sensors, a minute at most: it uses little of a core then."""
    for _ in range(40):
        before = agent.marks[-1]
        wait_until(lambda b=before: agent.marks[-1].at_s > b.at_s + 1.5, 30, "a health document")
        after = agent.marks[-1]
        if after.cpu_s - before.cpu_s < 0.1 * (after.at_s - before.at_s):
            return


def memory(signals: Signals, windows: int) -> Values:
    """Measure the resident memory: of an agent without sensors, and what 1,000 more sensors add to it."""
    del windows
    base_mb, bare_kb = _memory_of(signals, each=2, more="[evidence]\nwindows = 0\n")
    _base_mb, full_kb = _memory_of(signals, each=9, more="")
    return {
        "memory: base, MB": base_mb,
        "memory: a sensor without evidence, beyond its ring, KB": bare_kb - BYTES_A_SAMPLE * WINDOW / 1024,
        "memory: a sensor with eight windows of evidence, KB": full_kb,
    }


def _memory_of(signals: Signals, *, each: int, more: str) -> tuple[float, float]:
    """Return MB of an agent without sensors, and KB that each further sensor adds."""
    few, many = 200, 1_200
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder), signals)
        with rig.broker(), rig.agent("agent", more=more) as agent:
            time.sleep(1)
            used_kb = [agent.memory_kb()]
            done = 0
            for sensors in (few, many):
                done += each * sensors
                rig.publisher.send(packets(signals, sensors, each * sensors))
                wait_until(lambda n=done: _handled(agent) >= n, 120, "all windows")
                used_kb.append(agent.memory_kb())
    return used_kb[0] / 1024, (used_kb[2] - used_kb[1]) / (many - few)


def _handled(agent: Consumer) -> int:
    counts = agent.health.get("packets", {})
    return sum(counts.get(name, 0) for name in ("processed", "duplicate", "stale"))


def start(signals: Signals, windows: int) -> Values:
    """Measure the time to READY, as systemd learns it, and that of --help."""
    del windows
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        rig = Rig(Path(folder), signals)
        channel.bind(f"{folder}/notify")
        channel.settimeout(30)
        os.environ["NOTIFY_SOCKET"] = f"{folder}/notify"
        try:
            with rig.broker(), rig.agent("agent", wait=False) as agent:
                while b"READY=1" not in channel.recv(4096):
                    pass
                ready_s = time.monotonic() - agent.started_s
        finally:
            del os.environ["NOTIFY_SOCKET"]
    environment, started_s = installed_environment(), time.monotonic()
    subprocess.run([sys.executable, "-m", "drsn.agent", "--help"], stdout=subprocess.DEVNULL, check=True,
                   env=environment)  # fmt: skip
    return {"start: READY after, s": ready_s, "start: --help, s": time.monotonic() - started_s}


def latency(signals: Signals, windows: int) -> Values:
    """Measure from a packet's publication to the receipt of the alarm that it raised or cleared, at half load.

    The publisher and the receiver share the cores with the agent. The deciding packet is found by the end of its
    window.
    """
    windows = windows // SENSORS * SENSORS
    with tempfile.TemporaryDirectory() as folder:
        rig = Rig(Path(folder), signals)
        with rig.broker():
            rig.subscribe("agent", agent=True)
            rig.publisher.send(packets(signals, SENSORS, windows))
            with rig.agent("agent") as agent:
                half_per_s = agent.drain(windows, limit_s=8).windows_per_s / 2
                wait_until(lambda: agent.windows >= windows, 120, "the end of the queue")
                agent.events.clear()
                count, start_unix_ns = int(12 * half_per_s), time.time_ns()
                alarms = packets(signals, SENSORS, count, block=24, first=windows, start_unix_ns=start_unix_ns)
                times_s = rig.publisher.pace(list(alarms), half_per_s)
                time.sleep(1)
                health = agent.health
    first_seq = windows // SENSORS
    waits_ms = []
    for at_s, event in agent.events:
        end_s = datetime.fromisoformat(event["since"].replace("Z", "+00:00")).timestamp() - start_unix_ns / 1e9
        seq = round(end_s / WINDOW_S) - 1
        n = (seq - first_seq) * SENSORS + int(event["sensor"][1:])
        waits_ms.append(1e3 * (at_s - times_s[n]))
    return {
        "latency: windows/s": half_per_s,
        "latency: alarms": len(waits_ms),
        "latency: packet in to alarm out, p50, ms": float(np.percentile(waits_ms, 50)),
        "latency: packet in to alarm out, p99, ms": float(np.percentile(waits_ms, 99)),
        "latency: one call of the network, p99, ms": health["inference_ms"]["p99"],
    }


PARTS: dict[str, Callable[[Signals, int], Values]] = {
    "flood": flood, "live": live, "latency": latency, "sensors": many_sensors, "memory": memory, "start": start,
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report; a part alone is written only with --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; may be repeated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--windows", type=int, default=30_000, help="in the queue of a flood")
    parser.add_argument("--out", metavar="NAME", help="results/NAME.json; default: throughput, of a whole run")
    arguments = parser.parse_args(argv)
    signals = Signals()
    rows: list[list[object]] = []
    for part in arguments.only or PARTS:
        rounds = []
        for _ in range(arguments.rounds):
            started_s = time.monotonic()
            rounds.append(PARTS[part](signals, arguments.windows))
            print(f"{part}: a round took {time.monotonic() - started_s:.0f} s", file=sys.stderr)
        for name in rounds[0]:
            values = [float(values[name]) for values in rounds]
            rows.append([name, statistics.median(values), min(values), max(values), BARS.get(name, "")])
    head = ["measure", "median", "least", "greatest", "bar"]
    name = arguments.out or ("" if arguments.only else "throughput")
    if name:
        report(name, head, rows)
    else:
        show(head, rows)


if __name__ == "__main__":
    main()
