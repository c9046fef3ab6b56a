"""Arguments of `drsn-agent doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.settings.arguments import add_configuration

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "doctor", help="check broker, GPU, TensorRT, engine, directories and clock, with a remedy for each problem"
    )
    add_configuration(parser, required=False)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument(
        "--write-device-dropin",
        type=Path,
        metavar="FILE",
        help="check nothing; list this machine's GPU devices in a drop-in for the systemd units (docs/start/jetson.md)",
    )
    parser.set_defaults(command="drsn.agent.tools.doctor.command:doctor")
