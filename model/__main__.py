"""`drsn-train`: train from a recipe, `look` at files, `evaluate` a checkpoint, or learn a machine's `baseline`."""

from __future__ import annotations

import os
import pkgutil
import sys
from typing import TYPE_CHECKING

from drsn.model.errors import UsageError, run_command

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Before torch is imported. Its threads else spin while they wait: on two cores with a load of ten, 60 steps took
    # 62 s of processor and 260 s instead of 13 and 90.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return run_command("drsn-train", lambda: _command(arguments))


def _command(argv: list[str]) -> int:
    """Only what the command needs is imported: torch takes two seconds, `--help` should not."""
    if argv[:1] == ["benchmark"]:
        raise UsageError("benchmark: the accuracy grid runs from a source checkout: python benchmarks/accuracy")
    if argv[:1] == ["evaluate"]:
        from drsn.model.evaluate_command import evaluate_command  # noqa: PLC0415

        return evaluate_command(argv[1:])
    if argv[:1] == ["look"]:
        from drsn.model.look_command import look_command  # noqa: PLC0415 (no other command needs its readers)

        return look_command(argv[1:])
    if argv[:1] == ["baseline"]:
        # By its name: the science does not import the agent, whose features and whose network a baseline is of.
        return int(pkgutil.resolve_name("drsn.agent.tools.baseline.cli:baseline_command")(argv[1:]))
    from drsn.model.train_command import train_command  # noqa: PLC0415

    return train_command(argv)


if __name__ == "__main__":
    sys.exit(main())
