"""`drsn-opcua`: the process of the bridge, from its arguments to its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.agent.observability import logs
from drsn.model.errors import EXIT_OK, Parser, UnavailableError, run_command
from drsn.model.version_option import add_version

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bridge until SIGTERM or SIGINT; return the exit code."""
    return run_command("drsn-opcua", lambda: _run(_parser().parse_args(argv)))


def _parser() -> Parser:
    parser = Parser(
        prog="drsn-opcua",
        description="Serves the alarms of all agents of a broker as OPC UA Alarms & Conditions.",
    )
    add_version(parser)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings (TOML) with [mqtt] and [opcua]")
    parser.add_argument(
        "--broker", metavar="URL", help="URL of the broker; default: that of --config, else $DRSN_BROKER"
    )
    parser.add_argument("--check", action="store_true", help="check the settings and the certificate, and end")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from drsn.agent.settings.credentials import disable_core_dumps  # noqa: PLC0415 (--help needs no library)
    from drsn.agent.tools.opcua.settings import read  # noqa: PLC0415 (as above)

    url = arguments.broker or (os.environ.get("DRSN_BROKER") if arguments.config is None else None)
    configuration = read(arguments.config, url)
    disable_core_dumps()
    logs.configure("info")
    try:
        from drsn.agent.tools.opcua.process import check, run  # noqa: PLC0415 (asyncua is an extra)
    except ModuleNotFoundError as error:
        raise UnavailableError(f"drsn-opcua needs {error.name}: pip install 'drsn-edge[opcua]'") from None
    asyncio.run((check if arguments.check else run)(configuration, (signal.SIGTERM, signal.SIGINT)))
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
