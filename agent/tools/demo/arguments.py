"""Arguments of `drsn-agent demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "demo", help="diagnose five replayed machines on the screen; needs no broker and no configuration"
    )
    parser.add_argument("--seconds", type=float, help="duration of the demo; default: 30, with --page 300")
    parser.add_argument("--bundle", default="shipped:synthetic", help="another bundle: a path or shipped:NAME")
    parser.add_argument("--page", action="store_true", help="serve the page of drsn-web too; needs drsn-edge[web]")
    parser.add_argument("--json", action="store_true", help="no view; one JSON object on stdout")
    parser.set_defaults(command="drsn.agent.tools.demo.command:demo")
