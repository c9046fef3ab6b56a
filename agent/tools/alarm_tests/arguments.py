"""Arguments of `drsn-agent test-alarms`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from drsn.model.errors import Parser


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "test-alarms", help="run alarm cases: inputs over time, and the events that they must cause"
    )
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="alarm cases in TOML; docs/reference/alarm-cases.md"
    )
    parser.add_argument("--case", metavar="TEXT", help="run only cases with TEXT in their name")
    parser.add_argument("--events", action="store_true", help="show every event, as a case would expect it")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.set_defaults(command="drsn.agent.tools.alarm_tests.command:test_alarms")
