"""`drsn-agent`: arguments and exit codes; each command lives in its own module."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

from drsn.agent.service import cli as service_commands
from drsn.agent.tools.alarm_tests import command as cases_command
from drsn.agent.tools.bench import command as bench_command
from drsn.agent.tools.demo import command as demo_command
from drsn.agent.tools.doctor import command as doctor_command
from drsn.agent.tools.evidence import cli as evidence_command
from drsn.agent.tools.operator import cli as operator_commands
from drsn.agent.tools.replay import cli as replay_command
from drsn.agent.tools.simulation import command as simulation_command
from drsn.model.errors import Parser, run_command

if TYPE_CHECKING:
    from collections.abc import Sequence


MODULES = (
    service_commands,
    operator_commands,
    evidence_command,
    doctor_command,
    demo_command,
    bench_command,
    replay_command,
    simulation_command,
    cases_command,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    return run_command("drsn-agent", lambda: _command(argv))


def _command(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="drsn-agent", description="Diagnoses machines from their vibration, over MQTT.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('drsn-edge')}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in MODULES:
        module.add_to(subparsers)
    arguments = parser.parse_args(argv)
    return int(arguments.command(arguments))


if __name__ == "__main__":
    sys.exit(main())
