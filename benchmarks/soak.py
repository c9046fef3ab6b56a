"""Two hours at full rate: growth of the agent's memory, and of the number of its threads and open files.

A hundred sensors, live (586 packets a second), through mosquitto and the line of tests/chaos; at the end every packet
is accounted for and every event held against them. The slope is Theil and Sen's over the samples after the first
quarter of an hour; its interval holds 95 of 100 bootstraps of ten-minute blocks. Where the memory falls by 5 MB between
two samples, the kernel has reclaimed pages: samples before and after that are not compared.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _report import RESULTS, commit, machine

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from chaos.scene import SETTINGS, Scene, Usage
from chaos.sensors import Sensors
from chaos.signals import WINDOW_NS
from chaos.subscriber import Subscriber
from chaos.wire import Wire
from servers import Agent, Mosquitto

from drsn.agent.bundles import shipped
from drsn.model.report.canvas import canvas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

FILE = RESULTS / "soak.json"
SENSORS = 100
BLOCK = 64
"""Packets in one state: nine events a second in all."""

SAMPLE_S = 10.0
WARM_UP_S = 900.0
FALL_MB = 5.0
CONFIG = """
[agent]
id = "tester"
bundle = "{bundle}"
state_dir = "{state}"
[mqtt]
url = "{url}"
[[inputs]]
topic = "plant/{{area}}/{{point}}/frame"
sensor = "{{point}}"
"""


def parts_of(rss_mb: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each sample the number of its part, between falls of the memory."""
    return np.cumsum(np.diff(rss_mb, prepend=rss_mb[0]) < -FALL_MB)


def slope_mb_per_h(hours: NDArray[np.float64], rss_mb: NDArray[np.float64]) -> float:
    """Return the median slope between all pairs of samples of one part."""
    first, second = np.triu_indices(len(hours), 1)
    part = parts_of(rss_mb)
    alike = part[first] == part[second]
    first, second = first[alike], second[alike]
    return float(np.median((rss_mb[second] - rss_mb[first]) / (hours[second] - hours[first])))


def growth(hours: NDArray[np.float64], rss_mb: NDArray[np.float64]) -> dict[str, Any]:
    """Return the values of the report."""
    warm = hours * 3600 >= min(WARM_UP_S, hours[-1] * 900)
    return {
        "slope MB/h": slope_mb_per_h(hours[warm], rss_mb[warm]),
        "slope interval": interval(hours[warm], rss_mb[warm]),
        "falls": int(parts_of(rss_mb[warm])[-1]),
    }


def interval(hours: NDArray[np.float64], rss_mb: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of the slope, by a bootstrap of ten-minute blocks."""
    rng = np.random.default_rng(1)
    blocks = [part for part in np.array_split(np.arange(len(hours)), max(2, round(np.ptp(hours) * 6))) if len(part)]
    slopes = []
    for _ in range(200):
        rows = np.unique(np.concatenate([blocks[n] for n in rng.integers(0, len(blocks), len(blocks))]))
        slopes.append(slope_mb_per_h(hours[rows], rss_mb[rows]) if len(rows) > 2 else np.nan)
    low, high = np.nanpercentile(slopes, [2.5, 97.5])
    return float(low), float(high)


def staged(folder: Path, stack: ExitStack, sensors: int) -> Scene:
    """Start a broker, an agent, its sensors, a wire between them that can be cut, and a subscriber."""
    broker = Mosquitto(folder)
    broker.start()
    stack.callback(broker.stop)
    crowd = Sensors(broker.port, sensors, 1e9 / WINDOW_NS, BLOCK)
    stack.callback(crowd.close)
    wire = Wire(broker.port, crowd.mark)
    stack.callback(wire.close)
    subscriber = Subscriber(broker.port)
    stack.callback(subscriber.close)
    config, log = folder / "agent.toml", folder / "agent.log"
    config.write_text(
        CONFIG.format(bundle=shipped("synthetic"), state=folder / "state", url=wire.url) + SETTINGS.format(block=BLOCK)
    )
    log.touch()
    agent = Agent(config, log, dict(os.environ))
    stack.callback(agent.end)
    return Scene("soak", broker, agent, wire, crowd, subscriber)


def samples(scene: Scene, hours: float) -> Iterator[tuple[float, Usage, dict[str, Any]]]:
    """Return seconds since the start, memory, threads and files of the process, and its health."""
    began_s = time.monotonic()
    while (now_s := time.monotonic() - began_s) < hours * 3600:
        usage = Usage.of(scene.agent.process.pid)
        assert usage is not None, f"the agent is gone: {scene.agent.text()[-2000:]}"
        yield now_s, usage, scene.subscriber.health
        time.sleep(max(0.0, SAMPLE_S - (time.monotonic() - began_s - now_s)))


def told(times_s: list[float], used: list[Usage], scene: Scene, row: dict[str, Any]) -> dict[str, Any]:
    """Return the report."""
    hours, rss_mb = np.array(times_s) / 3600, np.array([each.rss_mb for each in used])
    warm = hours * 3600 >= min(WARM_UP_S, times_s[-1] / 4)
    health = scene.subscriber.health
    result: dict[str, Any] = {
        **row,
        "hours": float(hours[-1]),
        "packets/s": row["acknowledged by the agent"] / times_s[-1],
        **growth(hours, rss_mb),
        "RSS MB at the start, the middle, the end": [float(rss_mb[n]) for n in (0, len(rss_mb) // 2, -1)],
    }
    for name, values in (("threads", [u.threads for u in used]), ("files", [u.descriptors for u in used])):
        late = np.array(values)[warm]
        result[f"{name}, least and most"] = [int(late.min()), int(late.max())]
    result |= {name: health[name] for name in ("packets", "gaps", "reconnects", "lost_events", "latency_ms")}
    trace = [[round(float(h), 4), round(float(mb), 2)] for h, mb in zip(hours[::6], rss_mb[::6], strict=True)]
    return {"code": commit(), "machine": machine(), "rows": [result], "hours and RSS MB": trace}


def draw(report: dict[str, Any]) -> None:
    """Draw memory over time, and the slope."""
    (row,) = report["rows"]
    hours, rss_mb = np.array(report["hours and RSS MB"]).T
    drawing = canvas(7, 3)
    axes = drawing.subplots()
    axes.plot(hours, rss_mb, linewidth=1, label=f"{row['slope MB/h']:.2f} MB/h after the first quarter of an hour")
    axes.set(xlabel="hours", ylabel="resident memory, MB", ylim=(0, 1.3 * rss_mb.max()))
    axes.legend()
    drawing.savefig(FILE.with_suffix(".png"), dpi=110)


def main() -> None:
    """Run, and write results/soak.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=2.1)
    parser.add_argument("--sensors", type=int, default=SENSORS)
    parser.add_argument("--again", action="store_true", help="the slope of results/soak.json again, and its figure")
    arguments = parser.parse_args()
    if arguments.again:
        report = json.loads(FILE.read_text(encoding="utf-8"))
        report["rows"][0] |= growth(*np.array(report["hours and RSS MB"]).T)
        FILE.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        draw(report)
        return
    times_s: list[float] = []
    used: list[Usage] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        scene = staged(Path(folder), stack, arguments.sensors)
        scene.begin()
        for now_s, usage, health in samples(scene, arguments.hours):
            times_s.append(now_s)
            used.append(usage)
            if len(used) % 6 == 1:
                done = health.get("packets", {}).get("processed", 0)
                print(f"{now_s:6.0f} s  {usage.rss_mb:6.1f} MB  {usage.descriptors} files  {usage.threads} threads  "
                      f"{done} packets", flush=True)  # fmt: skip
        report = told(times_s, used, scene, scene.finish())
        assert scene.agent.stop() == 0, scene.agent.text()[-2000:]
    FILE.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    draw(report)
    print(json.dumps(report["rows"][0], indent=1))


if __name__ == "__main__":
    main()
