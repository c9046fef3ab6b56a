"""Arguments of `drsn-agent simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.settings.arguments import add_configuration
from drsn.model.data.file_options import add_file_options

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser

DEFAULT_BUNDLE = "shipped:cwru"


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "simulate", help="false alarms and delays of your settings and bundle, on recordings with noise"
    )
    parser.add_argument(
        "recordings",
        nargs="+",
        metavar="LABEL=FILE[@HZ]",
        help="a label or condition of the bundle; HZ where the file does not give the rate",
    )
    add_file_options(parser)
    add_configuration(parser, required=False)
    parser.add_argument("--bundle", help=f"a path or shipped:NAME; default: the configuration's, or {DEFAULT_BUNDLE}")
    parser.add_argument("--sensor", default="sensor", metavar="ID", help="whose [[sensors]] settings apply")
    parser.add_argument("--snr", type=float, nargs="+", default=[0.0, -4.0, -7.0, -10.0], metavar="DB", help="of noise")
    parser.add_argument(
        "--days", type=float, default=3.0, help="healthy sensor-days, of all SNRs; default: %(default)s"
    )
    parser.add_argument("--stretches", type=int, default=240, help="drawn from the healthy recordings at each SNR")
    parser.add_argument("--trials", type=int, default=200, help="faults of each condition; default: %(default)s")
    parser.add_argument(
        "--max-false-alarms", type=float, default=1.0, metavar="N", help="target, a sensor-day; default: %(default)s"
    )
    parser.add_argument(
        "--max-delay", type=float, default=10.0, metavar="S", help="target, 95th percentile; default: %(default)s s"
    )
    parser.add_argument(
        "--gaps",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="of windows before which a few samples are lost; that resets the votes if inputs.bridged_windows is 0",
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed draws the same")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw delays over SNR; needs matplotlib")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(command="drsn.agent.tools.simulation.command:simulate")
