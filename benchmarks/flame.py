"""Where the agent's CPU time goes at flood: a table by stage, and a flame graph of the main thread.

    python benchmarks/flame.py            # half a minute; results/flame.json, results/flame.png

The main thread's stack is sampled by the process itself, in steady CPU time; the network runs on it too, without the
overlap. The other threads, which are those of the
MQTT library, the disk and the evidence, are one row. A frame's width is its time for each window.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _report import RESULTS, report
from _rig import Rig, Signals, packets, wait_until
from matplotlib.patches import Patch

from drsn.agent.tools.bench.stages import ORDER, stage_of_module
from drsn.model.report.canvas import canvas

if TYPE_CHECKING:
    from collections.abc import Iterator

SENSORS = 50
OTHER_THREADS = "other threads: MQTT, disk, evidence"
COLOURS = dict(zip(ORDER, ("C0", "C1", "C2", "C3", "C8", "C4", "C5", "C6", "C9", "C7"), strict=True))
LEAST_SHARE, MOST_DEPTH = 0.002, 14
"""Narrower and deeper frames are not drawn."""


def sampled(windows: int, more: str) -> dict[str, Any]:
    """Let an agent drain a queue; return what its sampler wrote."""
    signals = Signals()
    with tempfile.TemporaryDirectory() as folder:
        rig, stacks = Rig(Path(folder), signals), Path(folder) / "stacks.json"
        with rig.broker():
            rig.subscribe("agent", agent=True)
            rig.publisher.send(packets(signals, SENSORS, windows))
            with rig.agent("agent", backend=f"{more} --stacks {stacks}") as agent:
                wait_until(lambda: agent.windows >= windows * 0.9, 20, "")
            found: dict[str, Any] = json.loads(stacks.read_text(encoding="utf-8"))
    return found


def stage_of(stack: str) -> str:
    """Return the stage of a stack's innermost frame that has one."""
    for name in reversed(stack.split(";")):
        if (stage := stage_of_module(name.partition(":")[0])) is not None:
            return stage
    return "loop"


def rows_of(found: dict[str, Any]) -> Iterator[list[object]]:
    """Yield stage, CPU time of a window, and its share."""
    by_stage: dict[str, float] = defaultdict(float)
    for stack, us in found["stacks"].items():
        by_stage[stage_of(stack)] += us
    by_stage = {stage: by_stage[stage] for stage in ORDER}
    by_stage[OTHER_THREADS] = found["cpu_us"] - found["main_us"]
    for stage, us in [*by_stage.items(), ("in all", found["cpu_us"])]:
        yield [stage, us, 100 * us / found["cpu_us"]]


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw the flame graph: callers below, the widths of their callees above them."""
    drawing = canvas(11, 6)
    axes = drawing.subplots()
    begin = stack_of_loop(found["stacks"])
    level: list[tuple[float, int, dict[str, float]]] = [(0.0, 0, begin)]
    total, top = sum(begin.values()), 0
    while level:
        at_us, depth, stacks = level.pop()
        children: dict[str, dict[str, float]] = defaultdict(dict)
        for stack, us in stacks.items():
            name, _, rest = stack.partition(";")
            if name:
                children[name][rest] = children[name].get(rest, 0.0) + us
        for name, below in sorted(children.items()):
            width_us = sum(below.values())
            if width_us >= LEAST_SHARE * total and depth < MOST_DEPTH:
                _frame(axes, name, at_us, depth, width_us, total)
                level.append((at_us, depth + 1, below))
                top = max(top, depth + 1)
            at_us += width_us
    axes.legend(
        handles=[Patch(color=colour, alpha=0.6, label=stage) for stage, colour in COLOURS.items()],
        loc="upper left", ncols=5, fontsize=7, frameon=False,
    )  # fmt: skip
    axes.set(xlim=(0, total), ylim=(0, top + 2), xlabel="us of CPU time for each window, main thread", yticks=[])
    drawing.savefig(path, dpi=110)


def stack_of_loop(stacks: dict[str, float]) -> dict[str, float]:
    """Return the stacks from the loop on; what is below it is the same for all."""
    found: dict[str, float] = defaultdict(float)
    for stack, us in stacks.items():
        below, loop, above = stack.partition("drsn.agent.service.loop:")
        found[loop + above if loop else below] += us
    return found


def _frame(axes: Any, name: str, at_us: float, depth: int, width_us: float, total: float) -> None:  # noqa: ANN401 (matplotlib's)
    colour = COLOURS.get(stage_of_module(name.partition(":")[0]) or "", "0.8")
    axes.barh(depth + 0.5, width_us, 0.96, left=at_us, color=colour, alpha=0.6, edgecolor="white", linewidth=0.3)
    characters = int(width_us / total * 200)
    module, _, function = name.partition(":")
    text = f"{module.rpartition('.')[2]}.{function}"
    if characters > 3:
        axes.text(at_us + 0.002 * total, depth + 0.5, text[:characters], va="center", fontsize=6, clip_on=True)


def main() -> None:
    """Measure, draw and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=40_000)
    parser.add_argument("--out", metavar="NAME", default="flame", help="results/NAME.json and .png")
    parser.add_argument("--answer-ms", type=float, help="with a network that answers after this time")
    arguments = parser.parse_args()
    more = "" if arguments.answer_ms is None else f"--answer-ms {arguments.answer_ms}"
    found = sampled(arguments.windows, more)
    draw(found, RESULTS / f"{arguments.out}.png")
    report(arguments.out, ["stage", "CPU us a window", "share, %"], list(rows_of(found)))


if __name__ == "__main__":
    main()
