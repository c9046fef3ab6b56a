"""`drsn-train evaluate CHECKPOINT`: measure a checkpoint on a test set."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from drsn.model.errors import EXIT_OK, Parser, UsageError
from drsn.model.terminal import made, torch_needed


def evaluate_command(argv: list[str]) -> int:
    """Score a checkpoint; print the results and, with --out, write them."""
    arguments = _parser().parse_args(argv)
    with torch_needed():
        from drsn.model.checkpoint import Checkpoint  # noqa: PLC0415 (torch takes two seconds; --help should not)
        from drsn.model.confidence import on_test_set, with_row  # noqa: PLC0415
        from drsn.model.evaluate import evaluate  # noqa: PLC0415
        from drsn.model.recipe import read_recipe, recipe_from  # noqa: PLC0415
        from drsn.model.report import folder, metrics, tables  # noqa: PLC0415
        from drsn.model.sources import corpus_of  # noqa: PLC0415
    checkpoint = Checkpoint.load(arguments.checkpoint)
    if arguments.recipe:
        recipe = read_recipe(arguments.recipe)
    else:
        recipe = recipe_from(checkpoint.training.recipe, f"in {arguments.checkpoint}")
    if recipe.contract(checkpoint.contract.abstention_threshold) != checkpoint.contract:
        raise UsageError(f"{arguments.recipe}: not the labels and signal of {arguments.checkpoint}; use its own")
    corpus = corpus_of(recipe)
    scores = evaluate(checkpoint, recipe, corpus.test)
    checkpoint = with_row(checkpoint, on_test_set(checkpoint, recipe, corpus.test))
    if arguments.out:
        folder.write(made(arguments.out), checkpoint, scores, recipe, corpus)
    if arguments.json:
        print(json.dumps(metrics.metrics_of(checkpoint, scores)))
    else:
        print(tables.summary(checkpoint, scores, corpus.test))
        if arguments.out:
            print(f"written to {arguments.out}")
        words = ["drsn-export", "--target", "onnx", "--checkpoint", str(arguments.checkpoint)]
        print(f"next: {shlex.join([*words, '--out', f'{checkpoint.name}.zip'])}")
    return EXIT_OK


def _parser() -> Parser:
    parser = Parser(
        prog="drsn-train evaluate",
        description="Measures a checkpoint on the test set of its own recipe, or of another with the same labels.",
    )
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("--recipe", type=Path, help="take its data and its noise instead")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write metrics.json and pictures there")
    parser.add_argument("--json", action="store_true", help="print the metrics as one JSON object")
    return parser
