"""The command line of the examples: train, measure, print a table and what it shows, save figures."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from comparison import FAMILIES, QUICK_FAMILIES, compared
from comparison_report import document_of, figure_of, print_document

from drsn.model.errors import EXIT_OK, StorageError, run_command
from drsn.model.terminal import made

if TYPE_CHECKING:
    from collections.abc import Sequence

    from comparison import Task

SEEDS = 3


class MakeTask(Protocol):
    """Makes the task of an example; `quick` makes less data."""

    def __call__(self, *, quick: bool) -> Task:
        """Make it."""


def run(
    make_task: MakeTask, description: str | None, words: Sequence[str] | None, *, steps: int, quick_steps: int
) -> int:
    """Run an example with the words of its command line (None: those of this process); return its exit code."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="trainings of each family; default %(default)s")
    parser.add_argument("--steps", type=int, default=steps, help="of each training; default %(default)s")
    parser.add_argument(
        "--quick", action="store_true", help=f"drsn_cw and resnet, one seed, {quick_steps} steps, less data: seconds"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/examples"), metavar="DIR", help="default %(default)s")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    arguments = parser.parse_args(words)

    def command() -> int:
        started_s = time.monotonic()
        folder = made(arguments.out)
        task = make_task(quick=arguments.quick)
        if arguments.quick:
            results = compared(task, QUICK_FAMILIES, range(1), quick_steps)
        else:
            results = compared(task, FAMILIES, range(arguments.seeds), arguments.steps)
        document = document_of(
            task, results, quick_steps if arguments.quick else arguments.steps, time.monotonic() - started_s
        )
        try:
            (folder / f"{task.name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
            figure_of(document, results).savefig(folder / f"{task.name}.png", dpi=110, metadata={"Software": None})
        except OSError as error:
            raise StorageError(f"{folder}: {error.strerror or error}; give another --out") from error
        if arguments.json:
            print(json.dumps(document))
        else:
            print_document(document, results)
        return EXIT_OK

    return run_command(parser.prog, command)
