"""`drsn-agent demo`: the whole chain on one machine, with nothing installed but this package."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from drsn.agent.observability import logs
from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK, UnavailableError, UsageError

if TYPE_CHECKING:
    import argparse

    from drsn.agent.tools.demo.observer import Observer
    from drsn.agent.tools.demo.verdict import Verdict
    from drsn.model.errors import Parser

MOST_SECONDS = 3600
LEAST_SECONDS = 12
"""The degrading machine needs them: healthy for a third, worse for a third, and eight windows to vote."""


def add_to(subparsers: argparse._SubParsersAction[Parser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser("demo", help="watch five replayed machines being diagnosed; needs nothing else")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the play")
    parser.add_argument("--bundle", default="shipped:synthetic", help="another bundle: a path or shipped:NAME")
    parser.add_argument("--json", action="store_true", help="no view; one JSON object on stdout")
    parser.set_defaults(command=demo)


def demo(arguments: argparse.Namespace) -> int:
    """Play, show, judge."""
    if not LEAST_SECONDS <= arguments.seconds <= MOST_SECONDS:
        raise UsageError(f"--seconds {arguments.seconds:g}: the play takes {LEAST_SECONDS} to {MOST_SECONDS}")
    logs.configure("error")
    verdict = _silent(arguments) if arguments.json else _shown(arguments)
    if arguments.json:
        print(json.dumps(verdict.as_json()))
    else:
        print(f"\n{summary(verdict)}")
    return EXIT_OK if verdict.passed else EXIT_NEGATIVE


def _silent(arguments: argparse.Namespace) -> Verdict:
    from drsn.agent.tools.demo.stage import perform  # noqa: PLC0415

    return perform(arguments.seconds, arguments.bundle, lambda _observer, _elapsed_s: None)


def _shown(arguments: argparse.Namespace) -> Verdict:
    try:
        from rich.console import Console  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415
    except ImportError:
        raise UnavailableError("the demo needs its view: pip install 'drsn-edge[demo]'") from None
    from drsn.agent.tools.demo.machines import ACTORS  # noqa: PLC0415
    from drsn.agent.tools.demo.stage import perform  # noqa: PLC0415
    from drsn.agent.tools.demo.view import render  # noqa: PLC0415

    with Live(console=Console(file=sys.stdout), auto_refresh=False) as live:

        def show(observer: Observer, elapsed_s: float) -> None:
            live.update(render(observer, ACTORS, elapsed_s, arguments.seconds), refresh=True)

        return perform(arguments.seconds, arguments.bundle, show)


def summary(verdict: Verdict) -> str:
    """A few lines for people."""
    lines = []
    for finding in verdict.findings:
        came = ", ".join(finding.raised) or "no alarm"
        when = f" after {finding.first_alarm_s:.1f} s" if finding.first_alarm_s is not None else ""
        due = finding.expected or "no alarm"
        lines.append(f"{'ok ' if finding.right else 'BAD'}  {finding.sensor:14} {came}{when} (expected: {due})")
    latency = verdict.latency_ms
    if latency:
        lines.append(
            f"{verdict.windows} windows; latency, packet received to alarm committed: "
            f"p50 {latency['p50']:.0f}, p99 {latency['p99']:.0f} ms"
        )
    lines.append("demo passed" if verdict.passed else "demo FAILED: a machine was judged wrong")
    return "\n".join(lines)
