"""Arguments of `drsn-agent label` and `drsn-agent false-alarm`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.rpc.verb_help import VERB_HELP
from drsn.agent.settings.arguments import add_broker

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser

OUT = Path("labelled")


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands."""
    parser = subparsers.add_parser("false-alarm", help=VERB_HELP["false_alarm"])
    parser.add_argument("event", metavar="EVENT", help="an event's id, as `alarms` and `events` show it")
    parser.add_argument("--shelve", default="8h", metavar="TIME", help="such as 8h or 30m; default and most: 8h")
    _add_usual(parser, "false_alarm")
    parser = subparsers.add_parser("label", help="write the windows of events as labelled recordings, for drsn-train")
    parser.add_argument("events", nargs="+", metavar="EVENT", help="an event's id, or the file of its record")
    parser.add_argument("label", metavar="LABEL", help="normal, or what a person has found, such as inner_race")
    parser.add_argument("--replace", action="store_true", help="events that have another label there get this one")
    _add_usual(parser, "label")


def _add_usual(parser: Parser, function: str) -> None:
    parser.add_argument("--sensor", help="of the event, where the broker's alarms do not name the event")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help=f"of the recordings; default: {OUT}")
    parser.add_argument("--by", default=None, help="who; default: the user of this shell")
    parser.add_argument("--comment", help="what was found; kept with the event and the recording")
    add_broker(parser)
    parser.add_argument("--prefix", help="of the agents' topics; default: that of --config, else drsn/v1")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(command=f"drsn.agent.tools.labelling.cli:{function}")
