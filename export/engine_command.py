"""`drsn-export --target trt` and `trt-rtx`: command-line options and output."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drsn.agent.backends.tensorrt.engine_file import default_engine_dir
from drsn.agent.backends.tensorrt.flavour import FLAVOURS
from drsn.agent.backends.tensorrt.sidecar import DEFAULT_BATCH, BatchRange
from drsn.export.build_progress import BuildProgress
from drsn.export.engine_from_onnx import BuildResult, EngineOptions, engine_from_onnx
from drsn.export.plan_from_onnx import DEFAULT_WORKSPACE_BYTES, BuilderOptions
from drsn.model.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from drsn.agent.backends.tensorrt.sidecar import Precision
    from drsn.model.bundle import Bundle
    from drsn.model.errors import Parser

MIB = 1 << 20
MAX_WORKSPACE_MIB = 1 << 16
OPTIONS = ("engine_dir", "precision", "batch", "workspace", "opt_level", "timing_cache", "compute_capability")
"""Options of the engine targets; None unless they are given."""


def add_to(parser: Parser) -> None:
    """Add the options of an engine build."""
    group = parser.add_argument_group("engines, --target trt and trt-rtx")
    batch = f"{DEFAULT_BATCH.min},{DEFAULT_BATCH.opt},{DEFAULT_BATCH.max}"
    group.add_argument("--engine-dir", type=Path, metavar="DIR", help="default: BUNDLE.engines")
    group.add_argument("--precision", metavar="fp32|fp16", help="default: fp32")
    group.add_argument("--batch", metavar="MIN,OPT,MAX", help=f"windows at once; default: {batch}")
    workspace = f"of GPU memory for the build and the run; default: {DEFAULT_WORKSPACE_BYTES // MIB}"
    group.add_argument("--workspace", metavar="MIB", help=workspace)
    group.add_argument("--opt-level", metavar="0..5", help="5: the longest search for the fastest engine; default: 3")
    cache = "what the device was measured at, kept for the next build; default: in the engines' folder"
    group.add_argument("--timing-cache", type=Path, metavar="FILE", help=cache)
    group.add_argument("--strict", action="store_true", help="no TF32: float32 products in full")
    capability = "--target trt-rtx: build ahead of time, without the GPU; for example 8.6,8.9"
    group.add_argument("--compute-capability", metavar="X.Y,..", help=capability)
    kept = "keep an engine that fits bundle, TensorRT, GPU and options"
    group.add_argument("--if-needed", action="store_true", help=kept)


def refuse_options(arguments: argparse.Namespace) -> None:
    """Refuse options of an engine build if no engine is built.

    Raises:
        UsageError: one of them was given.
    """
    given = [name for name in OPTIONS if getattr(arguments, name) is not None]
    given += [name for name in ("strict", "if_needed") if getattr(arguments, name)]
    if given:
        raise UsageError(f"--{given[0].replace('_', '-')} goes with --target trt or trt-rtx")


def engine_options(arguments: argparse.Namespace) -> EngineOptions:
    """Parse the options of an engine build, before a bundle is read.

    Raises:
        UsageError: one of them is impossible.
    """
    if arguments.timing_cache is not None and arguments.target == "trt-rtx":
        raise UsageError("--timing-cache goes with --target trt: TensorRT-RTX measures nothing while it builds")
    if arguments.compute_capability is not None and arguments.target == "trt":
        raise UsageError("--compute-capability goes with --target trt-rtx: TensorRT builds for the GPU that is here")
    if arguments.compute_capability is not None and arguments.if_needed:
        raise UsageError("--if-needed goes with the GPU that is here, not with --compute-capability")
    builder = BuilderOptions(
        batch=DEFAULT_BATCH if arguments.batch is None else _batch(arguments.batch),
        precision=_precision(arguments.precision or "fp32"),
        workspace_bytes=(
            DEFAULT_WORKSPACE_BYTES
            if arguments.workspace is None
            else MIB * _integer("--workspace", arguments.workspace, 1, MAX_WORKSPACE_MIB)
        ),
        opt_level=None if arguments.opt_level is None else _integer("--opt-level", arguments.opt_level, 0, 5),
        strict=arguments.strict,
        compute_capabilities=_capabilities(arguments.compute_capability),
    )
    return EngineOptions(arguments.target, builder, arguments.timing_cache, arguments.if_needed)


def build(bundle: Bundle, engine_dir: Path | None, options: EngineOptions) -> BuildResult:
    """Build the engine of a bundle, with progress on stderr."""
    folder = default_engine_dir(bundle.path) if engine_dir is None else engine_dir
    return engine_from_onnx(bundle, folder, options, BuildProgress(sys.stderr))


def describe(engine: BuildResult) -> str:
    """Lines for people on the engine that was built or kept."""
    sidecar, batch = engine.sidecar, engine.sidecar.batch
    gpu = sidecar.gpu or f"any GPU of compute capability {', '.join(sidecar.compute_capabilities)}"
    title = FLAVOURS[sidecar.flavour].title
    cost = f"{sidecar.build_s:.1f} s, {sidecar.peak_memory_bytes / MIB:.0f} MiB at most"
    lines = [
        f"{engine.path}: {'built' if engine.built else 'fits already, kept'}",
        f"  {title} {sidecar.tensorrt}, {gpu}; {sidecar.precision}, batch {batch.min} to {batch.max}",
        f"  {sidecar.plan_bytes:,} bytes; took {cost}{', timing cache used' if engine.cache_used else ''}",
    ]
    if not sidecar.parity:
        lines.append("  not run here: the agent compares it with the golden windows before it uses it")
    lines.extend(f"  ok   {p.pair}: {p.max_abs:.2g} (tolerance {p.tolerance:g})" for p in sidecar.parity)
    return "\n".join(lines)


def document(engine: BuildResult) -> dict[str, Any]:
    """JSON keys on the engine that was built or kept, for scripts."""
    return {"engine": str(engine.path), "built": engine.built, "sidecar": engine.sidecar.model_dump(mode="json")}


def _precision(text: str) -> Precision:
    if text == "int8" or text.startswith("dla"):
        raise UsageError("--precision: INT8 and DLA are not built (they can't run these networks); use fp32 or fp16")
    if text == "fp32":
        return "fp32"
    if text == "fp16":
        return "fp16"
    raise UsageError(f"--precision {text}: is neither fp32 nor fp16")


def _batch(text: str) -> BatchRange:
    if not re.fullmatch(r"[1-9]\d{0,4},[1-9]\d{0,4},[1-9]\d{0,4}", text):
        raise UsageError(f"--batch {text}: is not MIN,OPT,MAX, three whole numbers of 1 to 99999")
    least, best, most = map(int, text.split(","))
    batch = BatchRange(min=least, opt=best, max=most)
    if not batch.ordered:
        raise UsageError(f"--batch {text}: MIN <= OPT <= MAX does not hold")
    if batch.min > 1:
        raise UsageError(f"--batch {text}: MIN must be 1: the agent gives single windows too")
    return batch


def _integer(option: str, text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"\d{1,9}", text) or not least <= int(text) <= most:
        raise UsageError(f"{option} {text}: is no whole number of {least} to {most}")
    return int(text)


def _capabilities(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    if not re.fullmatch(r"\d{1,2}\.\d(,\d{1,2}\.\d)*", text):
        raise UsageError(f"--compute-capability {text}: is not of the form 8.6,8.9")
    return tuple(sorted(set(text.split(",")), key=lambda capability: [int(part) for part in capability.split(".")]))
