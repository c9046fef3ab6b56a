"""The option `--version` of the three commands."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add the option; the command ends after it has printed its name and the version."""
    parser.add_argument(
        "--version", action=_Version, nargs=0, default=argparse.SUPPRESS, help="show program's version number and exit"
    )


class _Version(argparse.Action):
    """Print the version. argparse's own action takes the text itself, and to look it up costs each command 25 ms."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version  # noqa: PLC0415 (25 ms of each command that needs no version)

        sys.stdout.write(f"{parser.prog} {version('drsn-edge')}\n")
        parser.exit()
