"""Arguments of `drsn-agent alarms`, `events`, `trend`, and the commands of an operator: `ack`, `shelve` and so on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.rpc.verb_help import VERB_HELP
from drsn.agent.settings.arguments import add_broker

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser

SENSOR_VERBS = ("ack", "reset", "shelve", "unshelve", "out_of_service", "in_service", "forget")
"""Verbs that take a sensor and get one answer; in the shell with dashes."""


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands."""
    parser = _usual(subparsers.add_parser("alarms", help="what stands now, of all sensors"), "alarms")
    parser.add_argument("--all", action="store_true", help="sensors without an alarm too")
    parser.add_argument(
        "--agent", metavar="ID", help="read its summary, where the broker gives no retained messages to wildcards"
    )
    parser = _usual(subparsers.add_parser("events", help=VERB_HELP["events"]), "events")
    parser.add_argument("sensor")
    parser.add_argument("--from-seq", type=int, default=1, metavar="N", help="the first to show; default: all it has")
    parser = _usual(subparsers.add_parser("trend", help=VERB_HELP["trend"]), "trend")
    parser.add_argument("sensor")
    for verb in SENSOR_VERBS:
        parser = _usual(subparsers.add_parser(verb.replace("_", "-"), help=VERB_HELP[verb]), "command_alarm")
        parser.set_defaults(verb=verb)
        parser.add_argument("sensor")
        one = verb in ("ack", "reset")
        if verb == "forget":
            parser.set_defaults(condition=None)
        else:
            parser.add_argument(
                "condition", nargs=None if one else "?", help=None if one else "default: all of the sensor"
            )
        parser.add_argument("--comment", help="kept with the event")
        parser.add_argument("--by", default=None, help="who; default: the user of this shell")
        if verb == "ack":
            parser.add_argument("--event-id", metavar="ID", help="that was seen; default: the one that stands now")
        if verb == "shelve":
            parser.add_argument("--hours", type=float, required=True, help="at most 8")

    parser = subparsers.add_parser("clean", help="remove what an agent that is gone has left at the broker")
    _usual(parser, "clean")
    parser.add_argument("--agent", required=True, metavar="OLD_ID", help="its id")
    parser.add_argument("--yes", action="store_true", help="remove it; without this it is only shown")
    _add_baselines(subparsers)
    parser = subparsers.add_parser("reload", help=VERB_HELP["reload"])
    _usual(parser, "reload")
    parser.add_argument("agent", help="its id")
    parser.add_argument("--comment", help="for the agent's log")
    parser.add_argument("--by", default=None, help="who; default: the user of this shell")


def _add_baselines(subparsers: argparse._SubParsersAction[Parser]) -> None:
    parser = subparsers.add_parser("commission", help=VERB_HELP["commission"])
    _usual(parser, "commission")
    parser.add_argument("sensor")
    parser.add_argument("--gate", action="store_true", help="judge it from a quarter of that RMS on only")
    parser.add_argument(
        "--despite-alarm", action="store_true",
        help="learn although an alarm stands: you have looked at the machine; needs --by and --comment",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="signal to gather, up to a week; default: its settings"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--undo", action="store_true", help="forget what was learnt, or end the learning")
    what.add_argument("--show", action="store_true", help="show what was learnt")
    what.add_argument("--export", type=Path, metavar="FILE", help="write what was learnt to a file")
    what.add_argument(
        "--import", dest="imported", type=Path, metavar="FILE", help="use the file of a twin, if the first minute fits"
    )
    parser.add_argument("--comment", help="kept with what is learnt")
    parser.add_argument("--by", default=None, help="who; default: the user of this shell")

    parser = subparsers.add_parser("baselines", help="compare two files of `commission --export`")
    parser.add_argument("files", nargs=2, type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(command="drsn.agent.tools.operator.cli:baselines")


def _usual(parser: Parser, function: str) -> Parser:
    add_broker(parser)
    parser.add_argument("--prefix", help="of the agents' topics; default: that of --config, else drsn/v1")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(command=f"drsn.agent.tools.operator.cli:{function}")
    return parser
