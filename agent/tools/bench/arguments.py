"""Arguments of `drsn-agent bench`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.settings.arguments import add_configuration

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser

SECONDS = 20.0


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "bench",
        help="measure the CPU time of a window on this machine, stage by stage, and how many sensors it can serve",
    )
    add_configuration(parser, required=False)
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, metavar="S", help="of measurement; default: %(default)g"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(command="drsn.agent.tools.bench.command:bench")
