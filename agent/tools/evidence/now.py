"""`drsn-agent evidence --now`: the newest window of a sensor, from its agent."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Final

from drsn.agent.evidence.snapshot import snapshot_of
from drsn.agent.schema.condition_text import condition_text
from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.settings.broker_options import broker_of, prefix_of
from drsn.agent.tools.operator.client import Client
from drsn.model.errors import EXIT_NEGATIVE, EXIT_OK, StorageError, UsageError, printable

if TYPE_CHECKING:
    import argparse

    from drsn.agent.evidence.snapshot import WindowSnapshot
    from drsn.agent.settings.loader import Configuration

ANSWER_S: Final = 5.0


def newest_window(arguments: argparse.Namespace, configuration: Configuration | None) -> tuple[str, int]:
    """Request the newest window of `--now`, and draw it if `--png` is given.

    Returns:
        The text to print, and the exit code: 1 if the agent refuses.

    Raises:
        UsageError: an option belongs to the record of an event.
        UnavailableError: no connection, no answer in time, or no matplotlib for --png.
        BadDataError: the sensor has no agent, or the answer is not valid.
        StorageError: the picture can't be written.
    """
    sensor: str = arguments.now
    if arguments.event is not None or arguments.list or arguments.replay or arguments.sensor is not None:
        raise UsageError("--now shows a window without an event; leave out EVENT, --list, --sensor and --replay")
    broker = broker_of(arguments) if configuration is None or arguments.url is not None else configuration.broker
    with Client(broker, prefix_of(arguments), sensor=sensor) as client:
        fields = {"sensor": sensor, "by": getpass.getuser()}
        reply = next(client.call(client.agent_of(sensor), "snapshot", fields, ANSWER_S))
    if not reply.ok or reply.snapshot is None:
        refused = printable(f"refused: {reply.reason or 'the answer came without a window'}")
        return reply.model_dump_json() if arguments.json else refused, EXIT_NEGATIVE
    snapshot = snapshot_of(reply.snapshot)
    if arguments.png is not None:
        _draw(snapshot, arguments)
    return reply.snapshot.model_dump_json() if arguments.json else printable(text_of(snapshot)), EXIT_OK


def text_of(snapshot: WindowSnapshot) -> str:
    """One line: when, what the window shows, and its amplitude."""
    header, (window,) = snapshot.header, snapshot.header.windows
    suppressed = f" ({window.suppressed_by})" if window.suppressed_by else ""
    seconds = snapshot.samples.shape[-1] / header.sample_rate_hz
    return (
        f"{header.sensor}: {condition_text(window.condition, window.label)}, P = {window.confidence:.3f}{suppressed}, "
        f"novelty {float(snapshot.arrays.novelty[0]):.2f}, rms {window.rms:.4g}, peak {window.peak:.4g} "
        f"{header.unit or '(unit unknown)'}; {seconds:.3g} s that end at {iso_utc(window.t_end_unix_ns)}"
    )


def _draw(snapshot: WindowSnapshot, arguments: argparse.Namespace) -> None:
    from drsn.agent.tools.evidence.figure import window_figure  # noqa: PLC0415 (needs matplotlib)

    try:
        window_figure(snapshot, arguments.rpm).savefig(arguments.png, format="png", dpi=110)
    except OSError as error:
        message = f"{arguments.png}: {error.strerror or error}; check the name and its permissions"
        raise StorageError(message) from None
