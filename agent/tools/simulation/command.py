"""`drsn-agent simulate`: how good the alarms of a bundle are, on recordings."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drsn.model.errors import EXIT_OK, BadDataError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from drsn.agent.tools.simulation.study import Plan
    from drsn.model.contract import ModelContract
    from drsn.model.data.recording import Recording
    from drsn.model.errors import Parser

WIDTH = 40

STRANGE_S = 20.0
"""Of a signal that no machine made, before it repeats."""


class Bar:
    """A line on stderr; where that is no terminal, nothing."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0

    def step(self, steps: int) -> None:
        """So many more are done."""
        self._done = min(self._done + steps, self._total)
        if sys.stderr.isatty():
            part = self._done / self._total
            sys.stderr.write(f"\r[{'#' * round(WIDTH * part):{WIDTH}}] {100 * part:3.0f} %")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the line."""
        if sys.stderr.isatty():
            sys.stderr.write("\n")


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("simulate", help="false alarms and delays of a bundle's alarms, on recordings")
    parser.add_argument(
        "recordings", nargs="+", metavar="LABEL=FILE[@HZ]", help="a label or condition of the bundle; HZ where unsaid"
    )
    parser.add_argument("--bundle", default="shipped:cwru", help="a path or shipped:NAME; default: %(default)s")
    parser.add_argument("--snr", type=float, nargs="+", default=[0.0, -4.0, -7.0, -10.0], metavar="DB", help="of noise")
    parser.add_argument("--days", type=float, default=30.0, help="of a healthy sensor; default: %(default)s")
    parser.add_argument("--stretches", type=int, default=240, help="drawn from the healthy recordings at each SNR")
    parser.add_argument("--trials", type=int, default=1000, help="faults of each condition; default: %(default)s")
    parser.add_argument(
        "--false-alarms-per-sensor-year", type=float, default=0.1, metavar="N", help="of the sequential rule"
    )
    parser.add_argument("--strange-hours", type=float, default=1.0, help="of each signal that no machine made")
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(command=simulate)


def simulate(arguments: argparse.Namespace) -> int:
    """Run the study and print it."""
    from drsn.agent.settings.loader import bundle_path  # noqa: PLC0415 (--help needs no runtime)
    from drsn.agent.tools.simulation.study import Plan  # noqa: PLC0415
    from drsn.agent.tools.simulation.table import table  # noqa: PLC0415
    from drsn.model.bundle import open_bundle  # noqa: PLC0415

    amounts = (arguments.days, arguments.trials, arguments.strange_hours, arguments.false_alarms_per_sensor_year)
    if min(amounts) <= 0 or arguments.stretches < 8:
        above_0 = "--days, --trials, --strange-hours and --false-alarms-per-sensor-year"
        raise UsageError(f"{above_0} must be above 0, --stretches 8 at least")
    bundle = open_bundle(bundle_path(arguments.bundle))
    healthy, faulty = sorted_out(arguments.recordings, bundle.contract)
    plan = Plan(
        snr_db=tuple(arguments.snr),
        days=arguments.days,
        stretches=arguments.stretches,
        trials=arguments.trials,
        strange_hours=arguments.strange_hours,
        false_alarms_per_sensor_year=arguments.false_alarms_per_sensor_year,
        seed=arguments.seed,
    )
    found = run(bundle.contract, bundle.read("model.onnx"), healthy, faulty, plan)
    if arguments.json:
        print(json.dumps(found))
    else:
        print("\n".join(table(found)))
    return EXIT_OK


def run(
    contract: ModelContract,
    model: bytes,
    healthy: list[Recording],
    faulty: dict[str, list[Recording]],
    plan: Plan,
    others: Mapping[str, list[Recording]] | None = None,
) -> dict[str, Any]:
    """The study as a document, with a bar on stderr; `others` are recordings of machines that the model knows not."""
    from drsn.agent.backends.onnx import OnnxBackend  # noqa: PLC0415
    from drsn.agent.tools.simulation.pool import BATCH, Watcher  # noqa: PLC0415
    from drsn.agent.tools.simulation.study import Study, document, steps_of  # noqa: PLC0415
    from drsn.model.foreign_signals import made  # noqa: PLC0415

    n = round(STRANGE_S * contract.sample_rate_hz)
    strangers = made(contract.sample_rate_hz, n, plan.stretches // 4, plan.seed) | dict(others or {})
    bar = Bar(steps_of(plan, len(faulty), sum(map(len, strangers.values()))))
    with OnnxBackend(model, contract, BATCH) as backend:
        found = document(Study(Watcher(contract, backend), healthy, faulty, strangers, plan, bar.step))
    bar.end()
    return found


def sorted_out(named: list[str], contract: ModelContract) -> tuple[list[Recording], dict[str, list[Recording]]]:
    """Healthy recordings, and those of each condition.

    Raises:
        UsageError: not LABEL=FILE, or no label or condition of the model, or a model of several channels.
        BadDataError: a file is no recording, or no recording is healthy, or none is not.
    """
    from drsn.model.contract import NORMAL  # noqa: PLC0415
    from drsn.model.data.files import read_recording  # noqa: PLC0415

    if contract.channels != 1:
        raise UsageError(f"the bundle needs {contract.channels} channels at once; only bundles of one can be simulated")
    condition_of = {name: name for name in contract.conditions} | {x.name: x.condition for x in contract.labels}
    by_condition: dict[str, list[Recording]] = {name: [] for name in contract.conditions}
    for entry in named:
        found = re.fullmatch(r"(?P<label>[^=]+)=(?P<file>.+?)(@(?P<rate_hz>[0-9.]+))?", entry)
        if found is None:
            raise UsageError(f"{entry!r} is not LABEL=FILE or LABEL=FILE@HZ")
        if found["label"] not in condition_of:
            raise UsageError(f"{found['label']!r} is no label of the bundle: {', '.join(condition_of)}")
        rate_hz = float(found["rate_hz"]) if found["rate_hz"] else None
        by_condition[condition_of[found["label"]]].append(read_recording(Path(found["file"]), rate_hz))
    healthy = by_condition.pop(NORMAL)
    faulty = {name: recordings for name, recordings in by_condition.items() if recordings}
    if not healthy or not faulty:
        raise BadDataError("one recording at least must be healthy, and one must not; give normal=FILE and others")
    return healthy, faulty
