"""Arguments of `drsn-agent evidence`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.settings.arguments import add_broker

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("evidence", help="show, draw and replay the windows behind an event")
    parser.add_argument("event", nargs="?", metavar="EVENT", help="an event's id, or a file")
    parser.add_argument("--list", action="store_true", help="list all records, oldest first")
    parser.add_argument("--now", metavar="SENSOR", help="request the newest window; --json: with its samples")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the agent's configuration")
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="the agent's, without --config")
    parser.add_argument("--sensor", help="ask the agent of this sensor, over the broker")
    parser.add_argument("--prefix", help="of the agents' topics; default: that of --config, else drsn/v1")
    add_broker(parser, config=False)
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw it")
    parser.add_argument("--rpm", type=float, metavar="N", help="speed of the shaft, if the packets did not give it")
    parser.add_argument("--replay", action="store_true", help="decide again; exit code 1: another decision")
    parser.add_argument("--bundle", metavar="BUNDLE", help="for --replay; default: --config's, else the one that ships")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(command="drsn.agent.tools.evidence.cli:evidence")
