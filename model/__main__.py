"""`drsn-train RECIPE.toml` makes a checkpoint; `evaluate CHECKPOINT` measures it; `benchmark` runs the grid."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.model.errors import EXIT_OK, Parser, StorageError, UnavailableError, UsageError, run_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from drsn.model.checkpoint import Checkpoint
    from drsn.model.evaluate import Score
    from drsn.model.fit import Progress


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["evaluate"]:
        return run_command("drsn-train", lambda: _evaluate(arguments[1:]))
    if arguments[:1] == ["benchmark"]:
        return run_command("drsn-train", lambda: _benchmark(arguments[1:]))
    return run_command("drsn-train", lambda: _train(arguments))


def _train(argv: list[str]) -> int:
    parser = Parser(
        prog="drsn-train",
        description="Trains a network from a recipe. 'drsn-train evaluate CHECKPOINT' measures one, "
        "'drsn-train benchmark' compares many.",
    )
    parser.add_argument("recipe", type=Path, metavar="RECIPE.toml")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/<name of the recipe>")
    parser.add_argument("--json", action="store_true", help="print the metrics as one JSON object")
    arguments = parser.parse_args(argv)
    with _torch_needed():
        from drsn.model.recipe import read_recipe  # noqa: PLC0415 (torch takes two seconds; --help should not)
        from drsn.model.train import train  # noqa: PLC0415
    recipe = read_recipe(arguments.recipe)
    folder = _made(arguments.out or Path("runs") / recipe.name)
    with _progress(recipe.optimisation.steps) as progress:
        outcome = train(recipe, progress)
    outcome.checkpoint.save(folder / "checkpoint.pt")
    _report(outcome.checkpoint, outcome.scores, folder, as_json=arguments.json)
    return EXIT_OK


def _evaluate(argv: list[str]) -> int:
    parser = Parser(
        prog="drsn-train evaluate",
        description="Measures a checkpoint on the test set of its own recipe, or of another with the same labels.",
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("--recipe", type=Path, help="take its data and its noise instead")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write metrics.json and pictures there")
    parser.add_argument("--json", action="store_true", help="print the metrics as one JSON object")
    arguments = parser.parse_args(argv)
    with _torch_needed():
        from drsn.model.checkpoint import Checkpoint  # noqa: PLC0415
        from drsn.model.evaluate import evaluate  # noqa: PLC0415
        from drsn.model.recipe import read_recipe, recipe_from  # noqa: PLC0415
        from drsn.model.sources import corpus_of  # noqa: PLC0415
    checkpoint = Checkpoint.load(arguments.checkpoint)
    if arguments.recipe:
        recipe = read_recipe(arguments.recipe)
    else:
        recipe = recipe_from(checkpoint.training.recipe, f"in {arguments.checkpoint}")
    if recipe.contract(checkpoint.contract.abstention_threshold) != checkpoint.contract:
        raise UsageError(f"{arguments.recipe}: not the labels and signal of {arguments.checkpoint}; use its own")
    scores = evaluate(checkpoint, recipe, corpus_of(recipe).test)
    _report(checkpoint, scores, arguments.out and _made(arguments.out), as_json=arguments.json)
    return EXIT_OK


def _benchmark(argv: list[str]) -> int:
    with _torch_needed():
        from drsn.model.benchmark.command import benchmark  # noqa: PLC0415
    return benchmark(argv)


def _report(checkpoint: Checkpoint, scores: Sequence[Score], folder: Path | None, *, as_json: bool) -> None:
    from drsn.model import report  # noqa: PLC0415

    if folder:
        report.write(folder, checkpoint, scores)
    if as_json:
        print(json.dumps(report.metrics_of(checkpoint, scores)))
    else:
        print(f"{checkpoint.name} {checkpoint.version}: test accuracy in per cent")
        print(report.table(scores))
        if folder:
            print(f"written to {folder}")


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"output folder {folder}: can't make it ({error}); give another --out") from error
    return folder


@contextmanager
def _torch_needed() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise UnavailableError(f"training needs {error.name}; pip install 'drsn-edge[train]'") from error


@contextmanager
def _progress(steps: int) -> Iterator[Progress]:
    """A bar on stderr; where that is no terminal, rich draws it once at the end."""
    with _torch_needed():
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import Progress as Bar  # noqa: PLC0415
    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task("preparing data", total=steps)
        yield lambda step, loss: bar.update(task, completed=step, description=f"training, loss {loss:.3f}")


if __name__ == "__main__":
    sys.exit(main())
