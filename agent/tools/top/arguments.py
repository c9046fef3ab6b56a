"""Arguments of `drsn-agent top`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.settings.arguments import add_broker

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser

SORTS = ("urgency", "sensor", "age", "rate", "confidence")
"""What rows can be sorted by."""


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("top", help="live view of all agents and sensors; needs drsn-edge[top]")
    add_broker(parser)
    parser.add_argument("--prefix", help="of the agents' topics; default: that of --config, else drsn/v1")
    parser.add_argument("--sort", choices=SORTS, default="urgency", help="default: %(default)s")
    parser.add_argument("--filter", default="", metavar="TEXT", help="only rows that contain it")
    parser.add_argument("--by", default=None, help="who, in commands; default: the user of this shell")
    parser.set_defaults(command="drsn.agent.tools.top.command:top")
