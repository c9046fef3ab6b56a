"""`drsn-web`: arguments, and the process."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from drsn.agent.observability import logs
from drsn.agent.settings.arguments import add_broker
from drsn.agent.settings.broker_options import broker_of, require_no_login
from drsn.model.errors import EXIT_OK, Parser, UnavailableError, run_command
from drsn.model.version_option import add_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drsn.agent.mqtt.broker_address import BrokerAddress
    from drsn.agent.tools.web.feed import UpdateReceiver
    from drsn.agent.tools.web.settings import WebConfiguration

PROGRAM: Final = "drsn-web"

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the page; return the exit code."""
    return run_command(PROGRAM, lambda: _command(argv))


def parser() -> Parser:
    """The parser of the program."""
    found = Parser(prog=PROGRAM, description="Serves a page with the machines and alarms of all agents, over HTTP.")
    add_version(found)
    add_broker(found, config=False)
    found.add_argument(
        "--config", type=Path, metavar="FILE", help="settings of the page (TOML), docs/use/page-server.md"
    )
    found.add_argument("--prefix", help="of the agents' topics; default: web.prefix of the settings")
    found.add_argument("--listen", metavar="HOST:PORT", help="default: web.listen of the settings, 127.0.0.1:8088")
    found.add_argument("--state-dir", metavar="DIR", help="folder of the history; default: web.state_dir")
    found.add_argument("--test-notify", metavar="NAME", help="send a test message to an entry of [[notify]]")
    found.add_argument("--open", action="store_true", help="open the page in the browser of this machine")
    return found


def _command(argv: Sequence[str] | None) -> int:
    arguments = parser().parse_args(argv)
    logs.configure_command(PROGRAM)
    try:
        from drsn.agent.tools.web.server import WebPage  # noqa: PLC0415 (starlette and uvicorn are an extra)
    except ModuleNotFoundError as error:
        raise UnavailableError(f"{PROGRAM} needs {error.name}: pip install 'drsn-edge[web]'") from None
    from drsn.agent.service.systemd import notify  # noqa: PLC0415 (with the process)
    from drsn.agent.tools.web.settings import load_web  # noqa: PLC0415 (pydantic is slow to import)

    overrides: dict[str, Any] = {"listen": arguments.listen, "prefix": arguments.prefix}
    overrides["state_dir"] = arguments.state_dir
    configuration = load_web(arguments.config, {key: value for key, value in overrides.items() if value is not None})
    for warning in configuration.warnings:
        log.warning(warning)
    if arguments.test_notify is not None:
        from drsn.agent.tools.notify.trial import send_test  # noqa: PLC0415 (seldom)

        print(send_test(configuration.notify, arguments.test_notify))
        return EXIT_OK
    page = WebPage(configuration, _broker(arguments, configuration), _receivers(configuration))
    _end_in_order()

    def ready() -> None:
        notify("READY=1")
        print(f"{PROGRAM}: {page.url}", file=sys.stderr, flush=True)
        if arguments.open:
            import webbrowser  # noqa: PLC0415 (seldom)

            webbrowser.open(page.url)

    page.run(ready)
    return EXIT_OK


def _receivers(configuration: WebConfiguration) -> tuple[UpdateReceiver, ...]:
    """What follows the events besides the page: the messages of `[[notify]]`, if there are entries."""
    if not configuration.notify:
        return ()
    from drsn.agent.tools.notify.notifier import Notifier  # noqa: PLC0415 (with entries alone)

    return (Notifier(configuration.notify, configuration.state_dir / "notify.json"),)


def _broker(arguments: argparse.Namespace, configuration: WebConfiguration) -> BrokerAddress:
    """The broker of `--broker`, else of the settings, else of $DRSN_BROKER.

    Raises:
        UsageError: no broker is named.
    """
    if arguments.url is None and configuration.broker is not None:
        require_no_login(arguments)
        return configuration.broker
    return broker_of(argparse.Namespace(**{**vars(arguments), "config": None}))


def _end_in_order() -> None:
    """Let a signal end the server; uvicorn sends it again when it has ended, and by then it means nothing."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
