"""`drsn-train RECIPE.toml`: train, fine-tune, or resume an interrupted training."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK, Parser, UsageError
from drsn.model.terminal import bar, made, torch_needed
from drsn.model.version_option import add_version

if TYPE_CHECKING:
    from argparse import Namespace

    from drsn.model.recipe import Recipe
    from drsn.model.training.pretrained import PretrainedModel

UNFINISHED = "training.pt"
FINISHED = "checkpoint.pt"
REFUSED = "checkpoint.refused.pt"
"""A model with a condition that it never finds and accepts (drsn.model.training.blind_conditions)."""


def train_command(argv: list[str]) -> int:
    """Train to a checkpoint; print the results and write them beside it."""
    arguments = _parser().parse_args(argv)
    with torch_needed():
        from drsn.model.recipe import read_recipe  # noqa: PLC0415
        from drsn.model.training.pretrained import read_pretrained  # noqa: PLC0415 (torch takes two seconds; --help should not)
    recipe = read_recipe(arguments.recipe)
    pretrained = None
    if arguments.origin:
        pretrained = read_pretrained(arguments.origin)
        recipe = pretrained.with_architecture(recipe)
    folder: Path = arguments.out or Path("runs") / recipe.name
    _check_begin(folder, arguments)
    try:
        return _train(recipe, pretrained, made(folder), arguments)
    except KeyboardInterrupt:
        if (folder / UNFINISHED).exists():
            said = f"drsn-train: interrupted; the same command with --resume goes on from {folder / UNFINISHED}"
            print(said, file=sys.stderr)
        raise


def _parser() -> Parser:
    parser = Parser(
        prog="drsn-train",
        description="Trains a network from a recipe. 'drsn-train evaluate CHECKPOINT' measures one, "
        "'drsn-train look FILE' shows what would be read of a file, "
        "'drsn-train baseline FOLDER' learns what is healthy from recordings.",
    )
    add_version(parser)
    parser.add_argument("recipe", type=Path, metavar="RECIPE.toml")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/<name of the recipe>")
    parser.add_argument(
        "--from", dest="origin", type=Path, metavar="BUNDLE", help="fine-tune this bundle instead of training anew"
    )
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument("--resume", action="store_true", help="go on with the training that was interrupted in --out")
    begin.add_argument("--restart", action="store_true", help="give that training up and begin anew")
    parser.add_argument("--force", action="store_true", help="overwrite the finished training in --out")
    parser.add_argument(
        "--add",
        type=Path,
        metavar="DIR",
        help="train on these labelled recordings too: what drsn-agent label wrote, or folders named like the labels",
    )
    parser.add_argument("--json", action="store_true", help="print the metrics as one JSON object")
    return parser


def _check_begin(folder: Path, arguments: Namespace) -> None:
    unfinished = (folder / UNFINISHED).exists()
    if unfinished and not (arguments.resume or arguments.restart):
        raise UsageError(f"{folder / UNFINISHED}: a training was interrupted; --resume goes on, --restart begins anew")
    if arguments.resume and not unfinished:
        raise UsageError(f"{folder / UNFINISHED}: not there, so nothing to go on with; leave --resume out")
    finished = next((folder / name for name in (FINISHED, REFUSED) if (folder / name).exists()), None)
    if finished and not (arguments.force or arguments.resume or arguments.restart):
        raise UsageError(f"{finished}: a finished training is here; choose another --out, or overwrite it with --force")


def _train(recipe: Recipe, pretrained: PretrainedModel | None, folder: Path, arguments: Namespace) -> int:
    from drsn.model.added_recordings import with_labelled_recordings  # noqa: PLC0415
    from drsn.model.dataset_report import report_dataset  # noqa: PLC0415
    from drsn.model.report import folder as report  # noqa: PLC0415
    from drsn.model.report import tables  # noqa: PLC0415
    from drsn.model.sources import corpus_of  # noqa: PLC0415
    from drsn.model.training.resume import ResumeFile, TrainingIdentity  # noqa: PLC0415
    from drsn.model.training.selection import training_steps  # noqa: PLC0415
    from drsn.model.training.train import train  # noqa: PLC0415

    unfinished = folder / UNFINISHED
    with bar(recipe.optimisation.steps) as shown:
        corpus = corpus_of(recipe)
        if arguments.add:
            corpus = with_labelled_recordings(corpus, arguments.add, recipe)
        shown.say(str(report_dataset(recipe, corpus)))
        shown.expect(training_steps(recipe, corpus))
        identity = TrainingIdentity.of(recipe, corpus.sha256, pretrained)
        resume_file = ResumeFile.resumed(unfinished, identity) if arguments.resume else ResumeFile(unfinished, identity)
        outcome = train(recipe, shown.step, corpus=corpus, pretrained=pretrained, resume_file=resume_file)
    refused = bool(outcome.blind) and recipe.selection.carry == "best"
    checkpoint = folder / (REFUSED if refused else FINISHED)
    outcome.checkpoint.save(checkpoint)
    (folder / (FINISHED if refused else REFUSED)).unlink(missing_ok=True)  # of the training that is overwritten
    report.write(folder, outcome.checkpoint, outcome.scores, recipe, corpus)
    unfinished.unlink(missing_ok=True)
    if arguments.json:
        print(json.dumps(json.loads((folder / "metrics.json").read_text(encoding="utf-8"))))
        return EXIT_NEGATIVE if refused else EXIT_OK
    print(tables.summary(outcome.checkpoint, outcome.scores, corpus.test))
    print(f"\nwritten to {folder}: {checkpoint.name}, metrics.json, four pictures")
    if refused:
        named = ", ".join(dict.fromkeys(blind.condition for blind in outcome.blind))
        print(
            f"refused, so that no wrong name is given with confidence: record more of {named} under what was left "
            "out, or set selection.carry to the model that you want all the same"
        )
        return EXIT_NEGATIVE
    print(f"next: drsn-export --target onnx --checkpoint {checkpoint} --out {recipe.name}.zip")
    return EXIT_OK
