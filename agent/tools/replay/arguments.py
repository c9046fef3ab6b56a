"""Arguments of `drsn-agent replay`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.acquisition.codec_names import CODECS
from drsn.agent.settings.arguments import add_broker
from drsn.model.data.file_options import add_file_options

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("replay", help="publish recordings as sensors")
    parser.add_argument(
        "recordings", nargs="+", type=Path, metavar="RECORDING", help="a file of any format of docs/reference/files.md"
    )
    add_broker(parser, "--to")
    parser.add_argument("--topic", help="{sensor} is the file's name; default: plant/replay/{sensor}/CODEC")
    parser.add_argument("--codec", choices=CODECS, default="frame", help="default: %(default)s; docs/reference/mqtt.md")
    parser.add_argument("--samples", type=int, default=2048, metavar="N", help="in a packet; default: %(default)s")
    parser.add_argument("--speed", type=float, default=1.0, help="relative to the recording's own time; 0: no pauses")
    parser.add_argument("--snr", type=float, metavar="DB", help="add noise to each packet")
    parser.add_argument("--noise", choices=("gaussian", "laplacian", "pink", "impulsive"), default="gaussian")
    parser.add_argument("--seed", type=int, default=0, help="of the noise")
    parser.add_argument("--loop", action="store_true", help="start again at the end, until interrupted")
    parser.add_argument(
        "--then",
        choices=("forget", "out-of-service"),
        help="command the agent at the end of the replay, so that it reports no silent sensor",
    )
    parser.add_argument("--prefix", help="of the agents' topics, for --then; default: that of --config, else drsn/v1")
    add_file_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(command="drsn.agent.tools.replay.cli:replay")
