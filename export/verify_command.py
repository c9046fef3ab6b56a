"""`drsn-export verify`: a text report, for example to paste into an issue, or a JSON report for scripts."""

from __future__ import annotations

import json
import platform
import secrets
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt.cuda import NoDevice, probe
from drsn.agent.backends.tensorrt.engine_file import default_engine_dir
from drsn.agent.backends.tensorrt.version import version_text
from drsn.export.engine_artifacts import find_engines
from drsn.export.noise_check import check_bundle, noise_lines
from drsn.export.verify import Verification, verify
from drsn.model.bundle import open_bundle
from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK, Parser, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.export.parity import Comparison
    from drsn.model.bundle import Bundle

CALLS = 200
PACKAGES = ("drsn-edge", "numpy", "onnxruntime")


def command(argv: Sequence[str]) -> int:
    """Verify all that can run here against the golden outputs; return 1 if something fails.

    With --noise the network is run on signals that no machine made too, and fails if noise raises alarms.
    """
    arguments = verify_parser().parse_args(argv)
    if arguments.calls < 0 or (arguments.seed is not None and arguments.seed < 0):
        raise UsageError("--calls and --seed are whole numbers of 0 or more")
    bundle = open_bundle(arguments.bundle)
    engines = find_engines(bundle, arguments.engine_dir or default_engine_dir(bundle.path))
    seed = secrets.randbits(32) if arguments.seed is None else arguments.seed
    findings = verify(bundle, engines.artifacts, arguments.calls, seed)
    noise = check_bundle(bundle) if arguments.noise else None
    where, misled = machine(), noise is not None and noise.refused
    if arguments.json:
        more = {} if noise is None else {"noise_check": noise.model_dump(mode="json")}
        print(json.dumps(document(bundle, findings, engines.not_run, where, seed) | more))
    else:
        if noise is not None:
            print("\n".join(noise_lines(noise)))
        print(report(bundle, findings, engines.not_run, where, seed))
    return EXIT_OK if findings.passed and not misled else EXIT_NEGATIVE


def verify_parser() -> Parser:
    """Return the parser of `verify`."""
    parser = Parser(prog="drsn-export verify", description="Runs all of a bundle that can run here.")
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("--engine-dir", type=Path, metavar="DIR", help="default: BUNDLE.engines")
    parser.add_argument("--calls", type=int, default=CALLS, metavar="N", help="timed, a batch size; 0: none")
    parser.add_argument("--seed", type=int, metavar="N", help="of the noise; default: another each time")
    parser.add_argument(
        "--noise", action="store_true", help="check the network on noise, hum, tones and others; writes nothing"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def machine() -> dict[str, str]:
    """Hardware and versions that the outputs may depend on; nothing that identifies the machine."""
    device = probe()
    if isinstance(device, NoDevice):
        gpu = device.reason
    else:
        cuda = version_text(device.cuda)
        gpu = f"{device.name}, compute capability {version_text(device.compute_capability)}, driver's CUDA {cuda}"
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "jetson_linux": trt_compat.jetson_linux() or "none",
        "gpu": gpu,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def report(bundle: Bundle, findings: Verification, not_run: Sequence[str], where: dict[str, str], seed: int) -> str:
    """The report as plain text of some twenty lines."""
    return "\n".join(
        [
            f"{bundle.path}: {bundle.manifest.name} {bundle.manifest.version} ({bundle.sha256[:12]})",
            *(f"  {name:13} {value}" for name, value in where.items()),
            f"  {'seed':13} {seed}",
            *map(str, findings.comparisons),
            *(
                f"     {timing.artefact}, batch {timing.batch}: p50 {timing.p50_us:.0f} us, p99 {timing.p99_us:.0f} us "
                f"a call ({timing.calls} calls)"
                for timing in findings.latencies
            ),
            *(f"FAIL {reason}" for reason in findings.broken),
            *(f"---- not run: {reason}" for reason in not_run),
            "passed" if findings.passed else "FAILED: do not use what is marked FAIL on this machine",
        ]
    )


def document(
    bundle: Bundle, findings: Verification, not_run: Sequence[str], where: dict[str, str], seed: int
) -> dict[str, Any]:
    """The report as a JSON document; NaN and infinity become null."""
    return {
        "bundle": str(bundle.path),
        "sha256": bundle.sha256,
        "machine": where,
        "seed": seed,
        "passed": findings.passed,
        "parity": [row(comparison) for comparison in findings.comparisons],
        "latency": [asdict(timing) for timing in findings.latencies],
        "broken": findings.broken,
        "not_run": list(not_run),
    }


def row(comparison: Comparison) -> dict[str, Any]:
    """One comparison as JSON; null for NaN and infinity."""
    finite = comparison.finite
    return {
        **comparison.parity.model_dump(),
        "finite": finite,
        "mean_abs": comparison.mean_abs if finite else None,
        "novelty_error": comparison.novelty_error if finite else None,
        "novelty_tolerance": comparison.novelty_tolerance,
        "abstention_agreement": comparison.abstention_agreement,
        "passed": comparison.passed,
    }
