"""`drsn-agent bench`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.observability import logs
from drsn.agent.settings.loader import load
from drsn.agent.tools.bench.measurement import measure
from drsn.agent.tools.bench.report import as_json, lines_of
from drsn.model.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    import argparse

    from drsn.agent.settings.loader import Configuration

DEFAULT_BUNDLE = "shipped:cwru"
LEAST_SECONDS, MOST_SECONDS = 0.1, 3600.0


def bench(arguments: argparse.Namespace) -> int:
    """Measure and print; without --config a shipped bundle, and the defaults of every setting.

    Raises:
        UsageError: --seconds is out of range.
    """
    if not LEAST_SECONDS <= arguments.seconds <= MOST_SECONDS:
        raise UsageError(f"--seconds {arguments.seconds:g}: {LEAST_SECONDS:g} to {MOST_SECONDS:g}")
    configuration = _configuration(arguments)
    logs.configure("error")
    measured = measure(configuration, arguments.seconds)
    print(json.dumps(as_json(measured)) if arguments.json else "\n".join(lines_of(measured)))
    return EXIT_OK


def _configuration(arguments: argparse.Namespace) -> Configuration:
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
