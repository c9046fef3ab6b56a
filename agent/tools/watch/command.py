"""`drsn-agent watch`: alarms as they come, one line each, and a command for each."""

from __future__ import annotations

import getpass
import signal
import sys
import threading
from contextlib import ExitStack
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from drsn.agent.settings.broker_options import broker_of, prefix_of
from drsn.agent.tools.live.subscriber import Subscriber
from drsn.agent.tools.watch.arguments import SEVERITIES
from drsn.agent.tools.watch.event_command import EventCommand
from drsn.agent.tools.watch.lines import json_of, line_of
from drsn.model.errors import EXIT_OK, UnavailableError, UsageError, printable

if TYPE_CHECKING:
    import argparse

    from drsn.agent.tools.live.live_state import Update

WAIT_S: Final = 0.5
SETTLED: Final = 2
"""Waits without a message after which the retained alarms have come, and --once ends."""


def watch(arguments: argparse.Namespace) -> int:
    """Show events until the process is interrupted or terminated; with --once only what stands now.

    Raises:
        UsageError: --shell, --once or --exec do not fit together.
        UnavailableError: no connection at the start, or the broker refuses the subscriptions.
    """
    if (arguments.shell and arguments.execute is None) or (arguments.once and arguments.execute is not None):
        raise UsageError("--shell goes with --exec, and --once without it")
    with ExitStack() as stack:
        broker, prefix = broker_of(arguments), prefix_of(arguments)
        command = None
        if arguments.execute is not None:
            command = EventCommand(
                arguments.execute, in_shell=arguments.shell, timeout_s=arguments.exec_timeout, on_problem=_warn
            )
            stack.callback(lambda: _warn(f"--exec: {command.counts.text}"))
            stack.callback(command.close)
        ended = _ended(stack)
        subscriber = stack.enter_context(Subscriber(broker, prefix, getpass.getuser()))
        _follow(subscriber, arguments, command, ended)
    return EXIT_OK


def _follow(
    subscriber: Subscriber, arguments: argparse.Namespace, command: EventCommand | None, ended: threading.Event
) -> None:
    connected, quiet = True, 0
    while not ended.is_set() and (quiet < SETTLED or not arguments.once):
        updates = subscriber.updates(WAIT_S)
        quiet = 0 if updates else quiet + 1
        if subscriber.denied:
            raise UnavailableError(
                f"broker {subscriber.where}: it refuses {', '.join(subscriber.denied)}; check its ACL"
            )
        if subscriber.connected != connected:
            connected = subscriber.connected
            again = "connected again; missed events follow" if connected else "connection lost, trying again"
            _warn(f"broker {subscriber.where}: {again}")
        for update in updates:
            if _is_wanted(update, arguments):
                print(json_of(update) if arguments.json else printable(line_of(update)), flush=True)
                if command is not None and update.kind in ("event", "missed"):
                    command.put(update)
        while subscriber.lost:
            lost = subscriber.lost.pop(0)
            _warn(f"{lost.stream.sensor}: {lost.count} events were missed and are lost: {lost.reason}")


def _is_wanted(update: Update, arguments: argparse.Namespace) -> bool:
    document = update.document
    if update.kind == "agent":
        return not arguments.once
    least, severity = SEVERITIES.index(arguments.severity), document["severity"]
    severe = severity not in SEVERITIES or SEVERITIES.index(severity) >= least  # one of a later version is shown
    patterns = arguments.sensors
    return severe and (not patterns or any(fnmatchcase(document["sensor"], pattern) for pattern in patterns))


def _ended(stack: ExitStack) -> threading.Event:
    """An event that SIGTERM sets, so that the command ends in order; SIGINT ends it as any other command."""
    ended = threading.Event()
    if threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGTERM, lambda *_: ended.set())
        stack.callback(signal.signal, signal.SIGTERM, before)
    return ended


def _warn(text: str) -> None:
    print(printable(f"drsn-agent: {text}"), file=sys.stderr, flush=True)
