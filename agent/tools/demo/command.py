"""`drsn-agent demo`: sensors, broker and agent in one process, without any other installation."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from drsn.agent.observability import logs
from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK, UnavailableError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from drsn.agent.tools.demo.observer import Observer
    from drsn.agent.tools.demo.result import DemoResult

SECONDS = 30.0
PAGE_SECONDS = 300.0
"""With the page: time to look around."""

MOST_SECONDS = 3600
LEAST_SECONDS = 12
"""The degrading machine is healthy for a third and gets worse for a third; then a quorum needs eight windows."""


def demo(arguments: argparse.Namespace) -> int:
    """Run the demo, with or without its view; 1 if an expected alarm is missing or another was raised."""
    if arguments.seconds is None:
        arguments.seconds = PAGE_SECONDS if arguments.page else SECONDS
    if not LEAST_SECONDS <= arguments.seconds <= MOST_SECONDS:
        raise UsageError(f"--seconds {arguments.seconds:g}: use {LEAST_SECONDS} to {MOST_SECONDS}")
    logs.configure("error")
    result = _without_view(arguments) if arguments.json else _with_view(arguments)
    if arguments.json:
        print(json.dumps(result.as_json()))
    else:
        print(f"\n{summary(result)}")
    return EXIT_OK if result.passed else EXIT_NEGATIVE


def _without_view(arguments: argparse.Namespace) -> DemoResult:
    from drsn.agent.tools.demo.run import run_demo  # noqa: PLC0415

    return run_demo(arguments.seconds, arguments.bundle, lambda _observer, _elapsed_s: None, page_of(arguments))


def _with_view(arguments: argparse.Namespace) -> DemoResult:
    try:
        from rich.console import Console  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415
    except ImportError:
        raise UnavailableError("the demo needs its view: pip install 'drsn-edge[demo]'") from None
    from drsn.agent.tools.demo.machines import DEMO_MACHINES  # noqa: PLC0415
    from drsn.agent.tools.demo.run import run_demo  # noqa: PLC0415
    from drsn.agent.tools.demo.view import render  # noqa: PLC0415

    with Live(console=Console(file=sys.stdout), auto_refresh=False) as live:

        def show(observer: Observer, elapsed_s: float) -> None:
            live.update(render(observer, DEMO_MACHINES, elapsed_s, arguments.seconds), refresh=True)

        return run_demo(arguments.seconds, arguments.bundle, show, page_of(arguments))


def page_of(arguments: argparse.Namespace) -> Callable[[int], AbstractContextManager[str]] | None:
    """What serves the page for a broker's port; None without --page.

    Raises:
        UnavailableError: the page's extra is not installed.
    """
    if not arguments.page:
        return None
    try:
        from drsn.agent.tools.demo.page import demo_page  # noqa: PLC0415 (starlette and uvicorn are an extra)
    except ModuleNotFoundError as error:
        raise UnavailableError(f"--page needs {error.name}: pip install 'drsn-edge[web]'") from None
    return demo_page


def summary(result: DemoResult) -> str:
    """Return a line for each machine, the latency, and whether the demo passed."""
    lines = []
    for machine in result.machines:
        raised = ", ".join(machine.raised) or "no alarm"
        when = f" after {machine.first_alarm_s:.1f} s" if machine.first_alarm_s is not None else ""
        expected = machine.expected or "no alarm"
        lines.append(f"{'ok ' if machine.right else 'BAD'}  {machine.sensor:14} {raised}{when} (expected: {expected})")
    latency = result.latency_ms
    if latency:
        lines.append(
            f"{result.windows} windows; latency, packet received to alarm committed: "
            f"p50 {latency['p50']:.0f}, p99 {latency['p99']:.0f} ms"
        )
    lines.append("demo passed" if result.passed else "demo FAILED: a machine did not get the expected alarms")
    return "\n".join(lines)
