"""`drsn-agent`: arguments and exit codes; each command lives in its own module.

The modules of the arguments are light to import. The module that carries out a command imports numpy, pydantic and so
on; it is imported when the command runs.
"""

from __future__ import annotations

import gc
import pkgutil
import sys
from typing import TYPE_CHECKING

from drsn.agent.observability import logs
from drsn.agent.service import arguments as service_arguments
from drsn.agent.tools.alarm_tests import arguments as cases_arguments
from drsn.agent.tools.bench import arguments as bench_arguments
from drsn.agent.tools.completion import arguments as completion_arguments
from drsn.agent.tools.demo import arguments as demo_arguments
from drsn.agent.tools.doctor import arguments as doctor_arguments
from drsn.agent.tools.evidence import arguments as evidence_arguments
from drsn.agent.tools.init import arguments as init_arguments
from drsn.agent.tools.labelling import arguments as labelling_arguments
from drsn.agent.tools.operator import arguments as operator_arguments
from drsn.agent.tools.replay import arguments as replay_arguments
from drsn.agent.tools.simulation import arguments as simulation_arguments
from drsn.agent.tools.top import arguments as top_arguments
from drsn.agent.tools.watch import arguments as watch_arguments
from drsn.model.errors import Parser, run_command
from drsn.model.version_option import add_version

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence


MODULES = (
    init_arguments,
    service_arguments,
    operator_arguments,
    watch_arguments,
    top_arguments,
    labelling_arguments,
    evidence_arguments,
    doctor_arguments,
    demo_arguments,
    bench_arguments,
    replay_arguments,
    simulation_arguments,
    cases_arguments,
    completion_arguments,
)
"""`add_to` of each adds commands. `command` of a command is the text "module:function": what to import and to call."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    return run_command("drsn-agent", lambda: _command(argv))


def _command(argv: Sequence[str] | None) -> int:
    arguments = command_parser().parse_args(argv)
    logs.configure_command("drsn-agent")  # `run` and a few others have another form, and set it themselves
    command = pkgutil.resolve_name(arguments.command) if argv else _imported(arguments.command)
    return int(command(arguments))


def _imported(name: str) -> Callable[[argparse.Namespace], int]:
    """Import what carries out the command of this process.

    Imports make 100,000 objects that stay. To look for garbage among them took a tenth of the start, and then 50 ms in
    each full collection: they are left out. A process that calls `main` as a function keeps its own collections.
    """
    gc.collect()  # the parser
    gc.disable()
    try:
        command: Callable[[argparse.Namespace], int] = pkgutil.resolve_name(name)
        gc.freeze()
    finally:
        gc.enable()
    return command


def command_parser() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(prog="drsn-agent", description="Diagnoses machines from their vibration, over MQTT.")
    add_version(parser)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in MODULES:
        module.add_to(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
