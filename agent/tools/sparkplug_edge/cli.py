"""`drsn-sparkplug`: its arguments and exit codes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.settings.arguments import add_broker
from drsn.model.errors import EXIT_OK, Parser, UnavailableError, run_command
from drsn.model.version_option import add_version

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTION = "Shows the machines of the agents to a SCADA host, as devices of one Sparkplug B edge node."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bridge until it is terminated; return its exit code."""
    return run_command("drsn-sparkplug", lambda: _run(argv))


def bridge_parser() -> Parser:
    """Return the parser of the command."""
    parser = Parser(prog="drsn-sparkplug", description=DESCRIPTION)
    add_version(parser)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings of this command (TOML)")
    parser.add_argument("--group", metavar="ID", help="group id of the edge node")
    parser.add_argument("--node", metavar="ID", help="edge node id, unique in its group")
    parser.add_argument("--primary-host", metavar="ID", help="wait for the STATE of this host")
    parser.add_argument(
        "--sparkplug-broker",
        dest="sparkplug_url",
        metavar="URL",
        help="broker of the host; default: that of the agents",
    )
    parser.add_argument(
        "--state-dir", type=Path, metavar="DIR", help="folder for the file with bdSeq; default: $STATE_DIRECTORY"
    )
    parser.add_argument(
        "--measured-every",
        dest="measured_every_s",
        type=float,
        metavar="S",
        help="shortest time between two messages of one machine with RMS alone; default: 10 s",
    )
    parser.add_argument("--prefix", help="of the agents' topics; default: drsn/v1")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), help="default: info")
    add_broker(parser, config=False)
    return parser


def _run(argv: Sequence[str] | None) -> int:
    arguments = bridge_parser().parse_args(argv)
    try:
        from drsn.agent.tools.sparkplug_edge.process import run  # noqa: PLC0415 (--help does without protobuf)
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("google"):
            raise
        raise UnavailableError("protobuf is missing; pip install 'drsn-edge[sparkplug]'") from None
    run(arguments)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
