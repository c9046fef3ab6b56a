"""Arguments of `drsn-agent run` and `drsn-agent check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.settings.arguments import add_configuration

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands."""
    parser = subparsers.add_parser("run", help="serve until SIGTERM; SIGHUP reloads")
    add_configuration(parser)
    parser.set_defaults(command="drsn.agent.service.cli:run")
    parser = subparsers.add_parser(
        "check", help="check configuration, bundle and its self-test, and exit; no network, no state"
    )
    add_configuration(parser)
    parser.add_argument(
        "--sample", type=Path, metavar="FILE", help="also decode the payload in this file and show the samples"
    )
    parser.add_argument("--topic", help="topic of the payload of --sample; needed with several inputs")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(command="drsn.agent.service.cli:check")
