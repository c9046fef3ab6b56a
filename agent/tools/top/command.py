"""`drsn-agent top`: a live view of all agents and sensors on the terminal."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from drsn.agent.settings.broker_options import broker_of, prefix_of
from drsn.model.errors import EXIT_OK, UnavailableError, UsageError

if TYPE_CHECKING:
    import argparse


def top(arguments: argparse.Namespace) -> int:
    """Show the view until q is pressed.

    Raises:
        UnavailableError: textual is not installed, or there is no connection at the start.
        UsageError: stdout is no terminal.
    """
    broker, prefix = broker_of(arguments), prefix_of(arguments)
    try:
        from drsn.agent.tools.top.app import TopApp  # noqa: PLC0415 (textual is an extra)
    except ModuleNotFoundError as error:
        raise UnavailableError(f"top needs {error.name}: pip install 'drsn-edge[top]'") from None
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("top needs a terminal; `drsn-agent watch` and `drsn-agent alarms --json` do without one")
    from drsn.agent.tools.evidence.over_broker import evidence_text  # noqa: PLC0415 (as above)
    from drsn.agent.tools.live.subscriber import Subscriber  # noqa: PLC0415 (paho is slow to import)

    with Subscriber(broker, prefix, arguments.by or getpass.getuser(), results=True) as subscriber:
        app = TopApp(
            subscriber, lambda sensor, event_id: evidence_text(broker, prefix, sensor, event_id), arguments.sort
        )
        app.text = arguments.filter
        app.run()
    return EXIT_OK
