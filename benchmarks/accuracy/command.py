"""The command line of the accuracy grid: resumable, one JSON a cell, a table at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from accuracy import ledger, results
from accuracy.grid_cell import GridCell, cells_of
from accuracy.grid_plan import read_plan
from accuracy.summary import summary, table
from accuracy.workers import measured
from drsn.model.errors import EXIT_OK, Parser, StorageError, UsageError

if TYPE_CHECKING:
    from argparse import Namespace

    from accuracy.grid_plan import GridPlan
    from accuracy.results import CellResult

ROOT = Path(__file__).resolve().parents[2]
JOBS = 2
"""Worker processes of one thread each; two, because any machine has two cores."""


def benchmark(argv: list[str]) -> int:
    """Run the missing cells, then show all; return the exit code."""
    arguments = _parser().parse_args(argv)
    plan = read_plan(arguments.plan)
    wanted = _wanted(plan, arguments)
    folder: Path = arguments.out / ("selection" if arguments.select else "test")
    if not arguments.report:
        commit = "" if arguments.select else ledger.committed(arguments.plan)
        _run_missing([cell for cell in wanted if not _done(folder, cell)], folder, commit, arguments)
    cells = [cell for cell in results.read_cells(folder) if any(_matches(cell, known) for known in wanted)]
    if arguments.figures:
        from accuracy.figures import draw  # noqa: PLC0415 (matplotlib is slow to import)

        draw(cells, arguments.figures)
    print(json.dumps([summary(cell) for cell in cells]) if arguments.json else table(cells))
    return EXIT_OK


def _parser() -> Parser:
    parser = Parser(prog="benchmarks/accuracy", description="Runs the cells of the accuracy grid that are missing.")
    parser.add_argument("--plan", type=Path, default=ROOT / "configs" / "benchmark" / "grid.toml", metavar="FILE")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "accuracy", metavar="DIR")
    parser.add_argument("--select", action="store_true", help="train on inner protocols, measure on validation sets")
    parser.add_argument("--group", action="append", metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--protocol", action="append", metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--contestant", action="append", metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="processes of one thread each")
    parser.add_argument("--report", action="store_true", help="run nothing, show what is there")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="draw what is there into DIR")
    parser.add_argument("--json", action="store_true", help="one JSON array on stdout")
    return parser


def _wanted(plan: GridPlan, arguments: Namespace) -> list[GridCell]:
    names = {*(arguments.group or ()), *(arguments.protocol or ()), *(arguments.contestant or ())}
    if unknown := sorted(names - {*plan.groups, *plan.protocols, *plan.contestants}):
        raise UsageError(f"{arguments.plan} has no {unknown}")
    if arguments.jobs < 1:
        raise UsageError("--jobs must be 1 or more")
    if arguments.group:
        plan = plan.model_copy(update={"groups": {name: plan.groups[name] for name in arguments.group}})
    return [
        cell
        for cell in cells_of(plan, select=arguments.select)
        if (not arguments.protocol or cell.protocol.partition("-inner-")[0] in arguments.protocol)
        and (not arguments.contestant or cell.contestant in arguments.contestant)
    ]


def _matches(found: CellResult, cell: GridCell) -> bool:
    key = (found["rung"], found["contestant"], found["seed"], found["recipe_sha256"], found.get("asked"))
    return key == (cell.protocol, cell.contestant, cell.seed, cell.recipe_sha256, cell.asked.model_dump(mode="json"))


def _done(folder: Path, cell: GridCell) -> bool:
    path = folder / f"{cell.name}.json"
    return path.is_file() and _matches(json.loads(path.read_text(encoding="utf-8")), cell)


def _run_missing(cells: list[GridCell], folder: Path, commit: str, arguments: Namespace) -> None:
    from rich.console import Console  # noqa: PLC0415 (slow to import)
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("accuracy grid", total=len(cells))
        for cell, found in measured(cells, select=arguments.select, jobs=arguments.jobs):
            _write(folder / f"{cell.name}.json", found)
            if not arguments.select:
                level = 0.0 if 0.0 in cell.asked.snr_db else cell.asked.snr_db[0]
                ledger.note(folder.parent / "ledger.csv", commit, cell, level, results.macro_recall(found, level))
            bar.update(task, advance=1, description=cell.name)


def _write(path: Path, found: CellResult) -> None:
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
        part.replace(path)  # a half-written cell would make every later run fail
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageError(f"{path}: {error.strerror or error}") from error
