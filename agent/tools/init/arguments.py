"""Arguments of `drsn-agent init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.settings.arguments import add_broker

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "init", help="listen to sensors that publish, write a configuration for them, and run it to the first result"
    )
    add_broker(parser, config=False)
    parser.add_argument("--topic", metavar="FILTER", help="to listen to; default: #, every topic but the agents' own")
    parser.add_argument("--seconds", type=float, default=10.0, help="to listen; a sensor must send a few packets")
    parser.add_argument(
        "--out", type=Path, default=Path("agent.toml"), metavar="FILE", help="the configuration to write"
    )
    parser.add_argument("--force", action="store_true", help="write over FILE")
    parser.add_argument("--id", metavar="ID", help="of the agent; default: the name of this machine")
    parser.add_argument("--prefix", default="drsn/v1", help="of the topics that the agent publishes")
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="default: a directory of this user")
    parser.add_argument("--rate", type=float, metavar="HZ", help="sample rate, where the packets do not state it")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a setting of [[inputs]] that you know, such as dtype=i16; may be repeated",
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing; what is not certain is not read")
    parser.add_argument("--no-run", action="store_true", help="do not run the agent to its first result")
    parser.add_argument("--result-seconds", type=float, default=30.0, help="to wait for the first result")
    parser.add_argument("--json", action="store_true", help="ask nothing; one JSON object on stdout")
    parser.set_defaults(config=None, command="drsn.agent.tools.init.command:init")
