"""`drsn-export`: checkpoint -> verified bundle -> engine; `verify` and `inspect` bundles."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.export.engine_from_onnx import engine_from_onnx
from drsn.export.inspection import describe
from drsn.export.verify import verify
from drsn.model.bundle import open_bundle
from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK, Parser, UnavailableError, UsageError, run_command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from drsn.export.parity import Comparison
    from drsn.model.bundle import Bundle


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return run_command("drsn-export", lambda: _command(arguments))


def _command(argv: list[str]) -> int:
    """`verify` and `inspect` come first on the line; all else is an export."""
    commands = {"verify": verify_command, "inspect": inspect_command}
    if argv and argv[0] in commands:
        parser = Parser(prog=f"drsn-export {argv[0]}")
        parser.add_argument("bundle", type=Path, metavar="BUNDLE")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
        return commands[argv[0]](parser.parse_args(argv[1:]))
    return export_command(_export_parser().parse_args(argv))


def _export_parser() -> Parser:
    parser = Parser(
        prog="drsn-export",
        description="Makes a verified bundle of a checkpoint, and an engine of a bundle.",
        epilog="Also: drsn-export verify BUNDLE, drsn-export inspect BUNDLE.",
    )
    parser.add_argument("--target", choices=("onnx", "trt", "trt-rtx"), required=True)
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="what drsn-train wrote")
    parser.add_argument("--out", type=Path, metavar="BUNDLE", help="a directory, or a file that ends in .zip")
    parser.add_argument("--bundle", type=Path, metavar="BUNDLE", help="--target trt: the bundle to build an engine of")
    parser.add_argument("--engine-dir", type=Path, metavar="DIR", help="default: BUNDLE.engines")
    parser.add_argument("--force", action="store_true", help="replace an older bundle")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def export_command(arguments: argparse.Namespace) -> int:
    """`--target onnx`, `trt` and `trt-rtx`."""
    if arguments.checkpoint is not None and (arguments.out is None or arguments.bundle is not None):
        raise UsageError("--checkpoint goes with --out BUNDLE, and not with --bundle")
    if arguments.checkpoint is None and arguments.out is not None:
        raise UsageError("--out goes with --checkpoint FILE; an engine's place is --engine-dir DIR")
    if arguments.target == "onnx" and arguments.engine_dir is not None:
        raise UsageError("--engine-dir goes with --target trt or trt-rtx")
    if arguments.target == "onnx" and arguments.checkpoint is None:
        raise UsageError("--target onnx needs --checkpoint FILE and --out BUNDLE")
    if arguments.checkpoint is None and arguments.bundle is None:
        raise UsageError(f"--target {arguments.target} needs --bundle BUNDLE, or --checkpoint FILE and --out BUNDLE")
    if arguments.target != "onnx":
        if arguments.bundle is not None:
            open_bundle(arguments.bundle)  # a broken bundle is the nearer problem
        engine_from_onnx(arguments.target)
    bundle, comparisons = _bundle(arguments)
    return _report(bundle, comparisons, as_json=arguments.json)


def _bundle(arguments: argparse.Namespace) -> tuple[Bundle, list[Comparison]]:
    try:
        from drsn.export.steps import bundle_from_checkpoint  # noqa: PLC0415 (torch and onnx: no base need)
    except ModuleNotFoundError as error:
        raise UnavailableError(f"export needs {error.name}: pip install 'drsn-edge[export]'") from None
    return bundle_from_checkpoint(arguments.checkpoint, arguments.out, force=arguments.force)


def verify_command(arguments: argparse.Namespace) -> int:
    """Compare all that can run here with the golden outputs."""
    bundle = open_bundle(arguments.bundle)
    return _report(bundle, verify(bundle), as_json=arguments.json)


def inspect_command(arguments: argparse.Namespace) -> int:
    """Show the manifest."""
    bundle = open_bundle(arguments.bundle)
    if arguments.json:
        print(json.dumps({"sha256": bundle.sha256, "manifest": bundle.manifest.model_dump(mode="json")}))
    else:
        print(describe(bundle))
    return EXIT_OK


def _report(bundle: Bundle, comparisons: list[Comparison], *, as_json: bool) -> int:
    passed = all(comparison.passed for comparison in comparisons)
    if as_json:
        rows = [
            {
                **c.parity.model_dump(),
                "novelty_error": c.novelty_error if c.finite else None,
                "abstention_agreement": c.abstention_agreement,
                "passed": c.passed,
            }
            for c in comparisons
        ]
        print(json.dumps({"bundle": str(bundle.path), "sha256": bundle.sha256, "passed": passed, "parity": rows}))
    else:
        print(f"{bundle.path}: {bundle.manifest.name} {bundle.manifest.version} ({bundle.sha256[:12]})")
        for comparison in comparisons:
            print(comparison)
    return EXIT_OK if passed else EXIT_NEGATIVE


if __name__ == "__main__":
    sys.exit(main())
