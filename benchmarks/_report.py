"""Timing and reports of all benchmarks: median and spread, a ratio to a baseline of the same run, the machine."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).with_name("results")
ROUNDS = 15
ROUND_S = 0.05


def timed_us(call: Callable[[], object]) -> tuple[float, float, float]:
    """Return microseconds for each call: median, least and greatest of `ROUNDS` rounds of about `ROUND_S` each."""
    call()
    started_s = time.perf_counter()
    call()
    once_s = max(time.perf_counter() - started_s, 1e-7)
    count = max(1, round(ROUND_S / once_s))
    rounds = []
    for _ in range(ROUNDS):
        started_s = time.perf_counter()
        for _ in range(count):
            call()
        rounds.append((time.perf_counter() - started_s) / count * 1e6)
    return statistics.median(rounds), min(rounds), max(rounds)


def machine() -> dict[str, Any]:
    """Return the machine and the versions of this measurement."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    packages = {name: version(name) for name in ("drsn-edge", "numpy", "onnxruntime", "paho-mqtt")}
    return {
        "cpu": model or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **packages,
    }


def commit() -> str:
    """Return the commit of the code that ran, as git describes it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=RESULTS).stdout.strip()


def show(head: list[str], rows: list[list[object]]) -> None:
    """Print a table, numbers with three digits."""
    cells = [head, *([f"{v:.3g}" if isinstance(v, float) else str(v) for v in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def report(name: str, head: list[str], rows: list[list[object]]) -> None:
    """Print a table; write it with the machine to `results/<name>.json`."""
    where = machine()
    print(f"\n{name}, on {where['cpu']}, {where['cores']} cores")
    show(head, rows)
    document = {"machine": where, "code": commit(), "rows": [dict(zip(head, row, strict=True)) for row in rows]}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
