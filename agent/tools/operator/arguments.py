"""Arguments of `drsn-agent alarms`, `events`, and the commands of an operator: `ack`, `reset`, `shelve` and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.settings.arguments import add_broker

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser

SENSOR_VERBS = {
    "ack": "acknowledge an alarm",
    "reset": "reset a latched alarm whose cause is gone",
    "shelve": "suppress alarms of a sensor for some time, 8 hours at most",
    "unshelve": "end a shelving",
    "out_of_service": "suppress alarms of a sensor until `in-service`",
    "in_service": "end `out-of-service`",
    "forget": "remove a sensor that is gone: its alarm and its state, not its history",
}
"""Verbs that take a sensor and get one answer -> their help. In the shell with dashes."""


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the commands."""
    parser = _usual(subparsers.add_parser("alarms", help="what stands now, of all sensors"), "alarms")
    parser.add_argument("--all", action="store_true", help="sensors without an alarm too")
    parser = _usual(
        subparsers.add_parser("events", help="what happened to a sensor, from the agent's journal"), "events"
    )
    parser.add_argument("sensor")
    parser.add_argument("--from-seq", type=int, default=1, metavar="N", help="the first to show; default: all it has")
    for verb, meaning in SENSOR_VERBS.items():
        parser = _usual(subparsers.add_parser(verb.replace("_", "-"), help=meaning), "command_alarm")
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

    parser = subparsers.add_parser("commission", help="learn the baseline of a machine from a healthy minute")
    _usual(parser, "commission")
    parser.add_argument("sensor")
    parser.add_argument("--gate", action="store_true", help="judge it from a quarter of that RMS on only")
    parser.add_argument("--undo", action="store_true", help="forget what was learnt, or end the learning")
    parser.add_argument("--comment", help="kept with what is learnt")
    parser.add_argument("--by", default=None, help="who; default: the user of this shell")

    parser = subparsers.add_parser("reload", help="take over new settings or another bundle, if they pass the check")
    _usual(parser, "reload")
    parser.add_argument("agent", help="its id")
    parser.add_argument("--comment", help="for the agent's log")
    parser.add_argument("--by", default=None, help="who; default: the user of this shell")


def _usual(parser: Parser, function: str) -> Parser:
    add_broker(parser, "--broker")
    parser.add_argument("--prefix", default="drsn/v1", help="of the agents' topics")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(command=f"drsn.agent.tools.operator.cli:{function}")
    return parser
