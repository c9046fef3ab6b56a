"""Arguments of `drsn-agent completion`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser

SHELLS = ("bash", "zsh")
PROGRAMS = ("drsn-agent", "drsn-export", "drsn-train")


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("completion", help="print a script that completes a command in bash or zsh")
    parser.add_argument("shell", choices=SHELLS)
    parser.add_argument("program", nargs="?", choices=PROGRAMS, default="drsn-agent", help="default: %(default)s")
    parser.set_defaults(command="drsn.agent.tools.completion.command:completion")
