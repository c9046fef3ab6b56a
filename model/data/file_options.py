"""Options of every command that reads files: what the user states about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.data.content import Choice

if TYPE_CHECKING:
    import argparse


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """Add --sample-rate-hz, --variable, --channels and --decimal."""
    parser.add_argument("--sample-rate-hz", type=float, metavar="HZ", help="of files without a sample rate")
    parser.add_argument(
        "--variable", metavar="NAME", help="which array of a file with several; * and ? as in file names"
    )
    parser.add_argument(
        "--channels",
        type=_channels,
        default=(),
        metavar="A,B",
        help="to use, by number from 0 or by name; default: all",
    )
    parser.add_argument(
        "--decimal", choices=(".", ","), help="the decimal mark of text files in which both are possible"
    )


def choice_of(arguments: argparse.Namespace) -> Choice:
    """The options as a choice."""
    return Choice(arguments.sample_rate_hz, arguments.variable, arguments.channels, arguments.decimal)


def _channels(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
