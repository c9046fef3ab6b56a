"""`drsn-train benchmark`: the grid, resumable; one JSON a cell, a table at the end."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.model.benchmark import ledger, results
from drsn.model.benchmark.contest import run_cell
from drsn.model.benchmark.plan import Cell, Plan, cells_of, read_plan
from drsn.model.errors import EXIT_OK, Parser, StorageError, UsageError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator

    from drsn.model.benchmark.results import Cell as Measured

JOBS = 2
"""Processes, each of one thread: two cores are what everybody has."""


def benchmark(argv: list[str]) -> int:
    """Run what is missing, then show all."""
    arguments = _parser().parse_args(argv)
    plan = read_plan(arguments.plan)
    unknown = {*(arguments.rung or ()), *(arguments.contestant or ())} - {*plan.rungs, *plan.contestants}
    if unknown or arguments.jobs < 1:
        raise UsageError(f"{arguments.plan} has no {sorted(unknown)}" if unknown else "--jobs must be 1 or more")
    folder: Path = arguments.out / ("selection" if arguments.select else "test")
    wanted = [
        cell
        for cell in cells_of(plan, select=arguments.select)
        if (not arguments.rung or cell.rung.partition("-inner-")[0] in arguments.rung)
        and (not arguments.contestant or cell.contestant in arguments.contestant)
    ]
    commit = "" if arguments.select or arguments.report else ledger.committed(arguments.plan)
    if not arguments.report:
        _run_missing(plan, [cell for cell in wanted if not _done(folder, cell)], folder, commit, arguments)
    cells = [cell for cell in results.read_cells(folder) if any(_is(cell, known) for known in wanted)]
    if arguments.json:
        print(json.dumps([_summary(cell, plan) for cell in cells]))
    else:
        print(table(cells, plan))
    return EXIT_OK


def _parser() -> Parser:
    parser = Parser(prog="drsn-train benchmark", description="Runs the cells of the benchmark that are not there yet.")
    parser.add_argument("--plan", type=Path, default=Path("configs/benchmark/grid.toml"), metavar="FILE")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/accuracy"), metavar="DIR")
    parser.add_argument("--select", action="store_true", help="train on inner rungs, measure on validation sets")
    parser.add_argument("--rung", action="append", metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--contestant", action="append", metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--jobs", type=int, default=JOBS, metavar="N", help="processes of one thread each")
    parser.add_argument("--report", action="store_true", help="run nothing, show what is there")
    parser.add_argument("--json", action="store_true", help="one JSON array on stdout")
    return parser


def _is(measured: Measured, cell: Cell) -> bool:
    key = (measured["rung"], measured["contestant"], measured["seed"], measured["recipe_sha256"])
    return key == (cell.rung, cell.contestant, cell.seed, cell.recipe_sha256)


def _done(folder: Path, cell: Cell) -> bool:
    path = folder / f"{cell.name}.json"
    return path.is_file() and _is(json.loads(path.read_text(encoding="utf-8")), cell)


def _run_missing(plan: Plan, cells: list[Cell], folder: Path, commit: str, arguments: Namespace) -> None:
    from rich.console import Console  # noqa: PLC0415 (slow to import)
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("benchmark", total=len(cells))
        for cell, measured in _measured(plan, cells, select=arguments.select, jobs=arguments.jobs):
            _write(folder / f"{cell.name}.json", measured)
            if not arguments.select:
                ledger.note(folder.parent / "ledger.csv", commit, cell, results.macro_recall(measured, 0.0))
            bar.update(task, advance=1, description=cell.name)


def _measured(plan: Plan, cells: list[Cell], *, select: bool, jobs: int) -> Iterator[tuple[Cell, Measured]]:
    """Each cell as it is done, in so many processes; with one job in this one."""
    if jobs == 1:
        yield from ((cell, run_cell(plan, cell, select=select)) for cell in cells)
        return
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        running = {pool.submit(run_cell, plan, cell, select=select): cell for cell in cells}
        for future in as_completed(running):
            yield running[future], future.result()


def _write(path: Path, measured: Measured) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(measured, separators=(",", ":")) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror or error}") from error


def _summary(cell: Measured, plan: Plan) -> dict[str, object]:
    recalls = {str(level): results.macro_recall(cell, level) for level in (*plan.snr_db, None)}
    return {**{k: v for k, v in cell.items() if k != "rows"}, "macro_recall": recalls}


def table(cells: Iterable[Measured], plan: Plan) -> str:
    """Macro recall in per cent, mean of the paper's noises and of the seeds: a block a rung, a line a contestant."""
    levels = sorted(plan.snr_db)
    groups: dict[tuple[str, str], list[Measured]] = {}
    for cell in cells:
        groups.setdefault((cell["rung"], cell["contestant"]), []).append(cell)
    lines, shown = [], ""
    for (rung, contestant), group in sorted(groups.items()):
        if rung != shown:
            shown = rung
            head = "".join(f"{level:+5g} dB" for level in levels)
            lines.append(f"\n{rung:32}{head}   clean  seeds  parameters     MMAC  fit s")
        means = [100 * sum(results.macro_recall(c, v) for c in group) / len(group) for v in (*levels, None)]
        cost = group[0]
        lines.append(
            f"  {contestant:30}{''.join(f'{m:8.1f}' for m in means)}{len(group):7}{cost.get('parameters', 0):12,}"
            f"{cost.get('macs', 0) / 1e6:9.2f}{sum(c['fit_s'] for c in group) / len(group):7.0f}"
        )
    return "\n".join(lines).strip("\n")
