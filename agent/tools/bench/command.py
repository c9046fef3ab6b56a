"""`drsn-agent bench`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.service.cli import configured
from drsn.model.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    import argparse

    from drsn.agent.settings.loader import Configuration
    from drsn.model.errors import Parser

DEFAULT_BUNDLE = "shipped:cwru"
LEAST_SECONDS, SECONDS, MOST_SECONDS = 0.1, 20.0, 3600.0


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "bench", help="measure what a window costs on this machine, stage by stage, and how many sensors that is"
    )
    configured(parser, bench, required=False)
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, metavar="S", help="of measurement; default: %(default)g"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def bench(arguments: argparse.Namespace) -> int:
    """Measure and print; without --config a shipped bundle, and the defaults of every setting.

    Raises:
        UsageError: --seconds is out of range.
    """
    from drsn.agent.observability import logs  # noqa: PLC0415 (--help needs no runtime)
    from drsn.agent.tools.bench.measurement import measure  # noqa: PLC0415
    from drsn.agent.tools.bench.report import as_json, lines_of  # noqa: PLC0415

    if not LEAST_SECONDS <= arguments.seconds <= MOST_SECONDS:
        raise UsageError(f"--seconds {arguments.seconds:g}: {LEAST_SECONDS:g} to {MOST_SECONDS:g}")
    configuration = _configuration(arguments)
    logs.configure("error")
    measured = measure(configuration, arguments.seconds)
    print(json.dumps(as_json(measured)) if arguments.json else "\n".join(lines_of(measured)))
    return EXIT_OK


def _configuration(arguments: argparse.Namespace) -> Configuration:
    from drsn.agent.settings.loader import load  # noqa: PLC0415 (as above)

    if arguments.config is not None:
        return load(arguments.config, arguments.set)
    with tempfile.TemporaryDirectory(prefix="drsn-bench-") as folder:
        path = Path(folder) / "bench.toml"
        path.write_text(
            f'[agent]\nbundle = "{DEFAULT_BUNDLE}"\nstate_dir = "{folder}"\n'
            '[[inputs]]\ntopic = "bench/{sensor}/frame"\nsensor = "{sensor}"\n',
            encoding="utf-8",
        )
        return load(path, arguments.set)
