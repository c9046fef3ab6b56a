"""`python benchmarks/accuracy`: run the cells of the accuracy grid that are missing, then show all."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from drsn.model.errors import run_command
from drsn.model.terminal import torch_needed

BENCHMARKS = str(Path(__file__).resolve().parents[1])


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if BENCHMARKS not in sys.path:  # Python puts this package's own folder there, not the one that holds it
        sys.path.insert(0, BENCHMARKS)
    # Before torch is imported: its threads would spin while they wait (see drsn.model.__main__).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return run_command("benchmarks/accuracy", lambda: _benchmark(arguments))


def _benchmark(argv: list[str]) -> int:
    with torch_needed():
        from accuracy.command import benchmark  # noqa: PLC0415 (needs the path that `main` sets; torch takes two seconds)
    return benchmark(argv)


if __name__ == "__main__":
    sys.exit(main())
