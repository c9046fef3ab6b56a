"""`drsn-train benchmark`: the grid, resumable; one JSON a cell, a table at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.model.benchmark import ledger, results
from drsn.model.benchmark.cell import Cell, cells_of
from drsn.model.benchmark.plan import read_plan
from drsn.model.benchmark.summary import summary, table
from drsn.model.benchmark.workers import measured
from drsn.model.errors import EXIT_OK, Parser, StorageError, UsageError

if TYPE_CHECKING:
    from argparse import Namespace

    from drsn.model.benchmark.plan import Plan
    from drsn.model.benchmark.results import Cell as Measured

JOBS = 2
"""Processes, each of one thread: two cores are what everybody has."""


def benchmark(argv: list[str]) -> int:
    """Run what is missing, then show all."""
    arguments = _parser().parse_args(argv)
    plan = read_plan(arguments.plan)
    wanted = _wanted(plan, arguments)
    folder: Path = arguments.out / ("selection" if arguments.select else "test")
    if not arguments.report:
        commit = "" if arguments.select else ledger.committed(arguments.plan)
        _run_missing([cell for cell in wanted if not _done(folder, cell)], folder, commit, arguments)
    cells = [cell for cell in results.read_cells(folder) if any(_is(cell, known) for known in wanted)]
    if arguments.figures:
        from drsn.model.benchmark.figures import draw  # noqa: PLC0415 (matplotlib is slow to import)

        draw(cells, arguments.figures)
    print(json.dumps([summary(cell) for cell in cells]) if arguments.json else table(cells))
    return EXIT_OK


def _parser() -> Parser:
    parser = Parser(prog="drsn-train benchmark", description="Runs the cells of the benchmark that are not there yet.")
    parser.add_argument("--plan", type=Path, default=Path("configs/benchmark/grid.toml"), metavar="FILE")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/accuracy"), metavar="DIR")
    parser.add_argument("--select", action="store_true", help="train on inner rungs, measure on validation sets")
    parser.add_argument("--group", action="append", metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--rung", action="append", metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--contestant", action="append", metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="processes of one thread each")
    parser.add_argument("--report", action="store_true", help="run nothing, show what is there")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="draw what is there into DIR")
    parser.add_argument("--json", action="store_true", help="one JSON array on stdout")
    return parser


def _wanted(plan: Plan, arguments: Namespace) -> list[Cell]:
    names = {*(arguments.group or ()), *(arguments.rung or ()), *(arguments.contestant or ())}
    if unknown := sorted(names - {*plan.groups, *plan.rungs, *plan.contestants}):
        raise UsageError(f"{arguments.plan} has no {unknown}")
    if arguments.jobs < 1:
        raise UsageError("--jobs must be 1 or more")
    if arguments.group:
        plan = plan.model_copy(update={"groups": {name: plan.groups[name] for name in arguments.group}})
    return [
        cell
        for cell in cells_of(plan, select=arguments.select)
        if (not arguments.rung or cell.rung.partition("-inner-")[0] in arguments.rung)
        and (not arguments.contestant or cell.contestant in arguments.contestant)
    ]


def _is(found: Measured, cell: Cell) -> bool:
    key = (found["rung"], found["contestant"], found["seed"], found["recipe_sha256"], found.get("asked"))
    return key == (cell.rung, cell.contestant, cell.seed, cell.recipe_sha256, cell.asked.model_dump(mode="json"))


def _done(folder: Path, cell: Cell) -> bool:
    path = folder / f"{cell.name}.json"
    return path.is_file() and _is(json.loads(path.read_text(encoding="utf-8")), cell)


def _run_missing(cells: list[Cell], folder: Path, commit: str, arguments: Namespace) -> None:
    from rich.console import Console  # noqa: PLC0415 (slow to import)
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("benchmark", total=len(cells))
        for cell, found in measured(cells, select=arguments.select, jobs=arguments.jobs):
            _write(folder / f"{cell.name}.json", found)
            if not arguments.select:
                level = 0.0 if 0.0 in cell.asked.snr_db else cell.asked.snr_db[0]
                ledger.note(folder.parent / "ledger.csv", commit, cell, level, results.macro_recall(found, level))
            bar.update(task, advance=1, description=cell.name)


def _write(path: Path, found: Measured) -> None:
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
        part.replace(path)  # half a cell would end every later run
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StorageError(f"{path}: {error.strerror or error}") from error
