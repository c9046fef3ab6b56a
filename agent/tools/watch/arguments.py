"""Arguments of `drsn-agent watch`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.settings.arguments import add_broker

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser

SEVERITIES = ("minor", "major", "critical")
"""From the least to the greatest; those of the model's contract."""


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("watch", help="show alarms as they come, and run a command for each")
    parser.add_argument("sensors", nargs="*", metavar="SENSOR", help="only these; * and ? are wildcards; default: all")
    add_broker(parser)
    parser.add_argument("--prefix", help="of the agents' topics; default: that of --config, else drsn/v1")
    parser.add_argument("--severity", choices=SEVERITIES, default="minor", help="the least to show; default: minor")
    parser.add_argument("--exec", dest="execute", metavar="CMD", help="run it for each event, without a shell")
    parser.add_argument("--shell", action="store_true", help="run the command of --exec with /bin/sh")
    parser.add_argument(
        "--exec-timeout", type=float, default=30.0, metavar="S", help="then it is killed; default: %(default)g s"
    )
    parser.add_argument("--once", action="store_true", help="show the alarms that stand now, and end")
    parser.add_argument("--json", action="store_true", help="one JSON object a line on stdout")
    parser.set_defaults(command="drsn.agent.tools.watch.command:watch")
