"""`drsn-export`: checkpoint -> verified bundle -> engine; `verify` and `inspect` bundles."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drsn.agent.backends.tensorrt.engine_file import default_engine_dir
from drsn.agent.backends.tensorrt.flavour import FLAVOUR_OF
from drsn.export import engine_command, verify_command
from drsn.export.engine_from_onnx import device_and_library
from drsn.export.inspection import describe
from drsn.export.noise_check import noise_lines
from drsn.model.bundle import open_bundle
from drsn.model.errors import EXIT_OK, Parser, UnavailableError, UsageError, run_command
from drsn.model.version_option import add_version

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from drsn.export.engine_from_onnx import BuildResult
    from drsn.export.parity import Comparison
    from drsn.model.bundle import Bundle

HALF = "model.fp16.onnx"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return run_command("drsn-export", lambda: _command(arguments))


def _command(argv: list[str]) -> int:
    """Run `verify`, `inspect` or, if neither is the first word, an export."""
    commands = {"verify": verify_command.command, "inspect": inspect_command}
    if argv and argv[0] in commands:
        return commands[argv[0]](argv[1:])
    arguments = export_parser().parse_args(argv)
    check_export(arguments)
    return export_command(arguments)


def export_parser() -> Parser:
    """Return the parser of an export, without `verify` and `inspect`."""
    parser = Parser(
        prog="drsn-export",
        description="Makes a verified bundle of a checkpoint, and an engine of a bundle.",
        epilog="Also: drsn-export verify BUNDLE, drsn-export inspect BUNDLE.",
    )
    add_version(parser)
    parser.add_argument("--target", choices=("onnx", "trt", "trt-rtx"), help="needed, but with --onnx")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="what drsn-train wrote")
    parser.add_argument("--out", type=Path, metavar="BUNDLE", help="a directory, or a file that ends in .zip")
    parser.add_argument("--bundle", type=Path, metavar="BUNDLE", help="--target trt: the bundle to build an engine of")
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="a network trained elsewhere, to make a bundle of")
    parser.add_argument("--contract", type=Path, metavar="FILE", help="--onnx: TOML that says what it promises")
    parser.add_argument("--golden", type=Path, metavar="FILE", help="--onnx: .npz with windows and its own answers")
    parser.add_argument("--force", action="store_true", help="replace an older bundle; build one that names noise")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    engine_command.add_to(parser)
    return parser


def check_export(arguments: argparse.Namespace) -> None:
    """Refuse contradictory options before anything is read.

    Raises:
        UsageError: one of them was given.
    """
    source = [name for name in ("checkpoint", "onnx", "bundle") if getattr(arguments, name) is not None]
    if len(source) > 1:
        raise UsageError(f"--{source[0]} and --{source[1]}: give one of --checkpoint, --onnx and --bundle")
    if arguments.target is None and source != ["onnx"]:
        raise UsageError("--target onnx, trt or trt-rtx is missing")
    if source in (["checkpoint"], ["onnx"]) and arguments.out is None:
        raise UsageError(f"--{source[0]} goes with --out BUNDLE")
    if source in ([], ["bundle"]) and arguments.out is not None:
        raise UsageError("--out goes with --checkpoint FILE; an engine's place is --engine-dir DIR")
    if (source == ["onnx"]) != (None not in (arguments.contract, arguments.golden)):
        raise UsageError("--onnx FILE, --contract FILE and --golden FILE go together")
    if arguments.target == "onnx" and source in ([], ["bundle"]):
        raise UsageError("--target onnx needs --checkpoint FILE and --out BUNDLE")
    if not source:
        raise UsageError(f"--target {arguments.target} needs --bundle BUNDLE, or --checkpoint FILE and --out BUNDLE")
    if arguments.target in (None, "onnx"):
        engine_command.refuse_options(arguments)


def export_command(arguments: argparse.Namespace) -> int:
    """Make a bundle, an engine, or both at once."""
    options = engine_command.engine_options(arguments) if arguments.target in FLAVOUR_OF else None
    if options and arguments.bundle is None:  # before minutes of export; with --bundle the bundle is checked first
        device_and_library(options.target, options.builder.compute_capabilities)
    bundle, comparisons = _bundle(arguments)
    engine = engine_command.build(bundle, arguments.engine_dir, options) if options else None
    _print_result(bundle, comparisons, engine, as_json=arguments.json)
    return EXIT_OK


def _bundle(arguments: argparse.Namespace) -> tuple[Bundle, list[Comparison]]:
    if arguments.bundle is not None:
        return open_bundle(arguments.bundle), []
    try:
        from drsn.export.bundle_from_checkpoint import bundle_from_checkpoint  # noqa: PLC0415 (torch and onnx: no base need)
        from drsn.export.bundle_from_onnx import bundle_from_onnx  # noqa: PLC0415 (as above)
    except ModuleNotFoundError as error:
        raise UnavailableError(f"export needs {error.name}: pip install 'drsn-edge[export]'") from None
    if arguments.onnx is not None:
        return bundle_from_onnx(
            arguments.onnx, arguments.contract, arguments.golden, arguments.out, force=arguments.force
        )
    return bundle_from_checkpoint(arguments.checkpoint, arguments.out, force=arguments.force)


def inspect_command(argv: Sequence[str]) -> int:
    """Run `drsn-export inspect`: show the manifest."""
    arguments = inspect_parser().parse_args(argv)
    bundle = open_bundle(arguments.bundle)
    if arguments.json:
        print(json.dumps({"sha256": bundle.sha256, "manifest": bundle.manifest.model_dump(mode="json")}))
    else:
        print(describe(bundle))
    return EXIT_OK


def inspect_parser() -> Parser:
    """Return the parser of `inspect`."""
    parser = Parser(prog="drsn-export inspect", description="Shows what a bundle promises.")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def _print_result(bundle: Bundle, comparisons: list[Comparison], engine: BuildResult | None, *, as_json: bool) -> None:
    """Print what was made. A failed comparison here belongs to the fp16 network, which was then left out."""
    left_out = bool(comparisons) and not all(comparison.passed for comparison in comparisons)
    if as_json:
        told: dict[str, Any] = {
            "bundle": str(bundle.path),
            "sha256": bundle.sha256,
            "passed": True,
            "left_out": [HALF] if left_out else [],
            "parity": [verify_command.row(comparison) for comparison in comparisons],
            "noise_check": bundle.manifest.noise_check and bundle.manifest.noise_check.model_dump(mode="json"),
        }
        print(json.dumps(told if engine is None else told | engine_command.document(engine)))
        return
    print(f"{bundle.path}: {bundle.manifest.name} {bundle.manifest.version} ({bundle.sha256[:12]})")
    for comparison in comparisons:
        print(comparison)
    if bundle.manifest.noise_check is not None and comparisons:
        print("\n".join(noise_lines(bundle.manifest.noise_check)))
    if left_out:
        print(f"{HALF} was left out of the bundle: in float16 the network is too far off (FAIL above)")
    if engine is not None:
        print(f"{engine_command.describe(engine)}\n{next_step(bundle.path, engine.path.parent)}")
    elif comparisons:
        print(f"written to {bundle.path}\n{next_step(bundle.path)}")


def next_step(bundle: Path, engines: Path | None = None) -> str:
    """The settings that use what was made, and the command that checks them."""
    folder = "" if engines is None or engines == default_engine_dir(bundle) else f" and agent.engine_dir to {engines}"
    return f"next: set agent.bundle to {bundle}{folder}, then drsn-agent check --config agent.toml"


if __name__ == "__main__":
    sys.exit(main())
