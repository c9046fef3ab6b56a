"""`drsn-agent check --sample`: what the agent reads in a captured payload."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.acquisition.codecs import PacketError
from drsn.agent.acquisition.intake import Intake
from drsn.agent.acquisition.sample_rate import check_rate
from drsn.agent.mqtt.message import Message
from drsn.agent.settings.inputs import inputs_of
from drsn.model.conditioning import native_window
from drsn.model.errors import BadDataError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.agent.acquisition.codecs import Packet
    from drsn.agent.acquisition.router import Input
    from drsn.agent.settings.sections import Settings
    from drsn.model.contract import ModelContract

FIRST_VALUES = 6
"""Samples of each channel that are shown."""


@dataclass(frozen=True)
class SampleReport:
    """What one input reads for one sensor."""

    sensor: str
    topic: str
    codec: str
    channels: int
    samples: int
    """Of each channel."""
    sample_rate_hz: float
    windows: float
    """Windows of the bundle that one such packet fills."""
    unit: str | None
    rms: tuple[float, ...]
    """Of each channel without its mean, in the unit."""
    first_values: tuple[tuple[float, ...], ...]
    t0: str | None
    """ISO 8601."""
    seq: int | None
    doubts: tuple[str, ...]


def shown(report: SampleReport) -> str:
    """The report for people, a line for each channel."""
    several = "s" if report.channels > 1 else ""
    head = (
        f"sensor {report.sensor} (topic {report.topic}, codec {report.codec}): {report.channels} channel{several}, "
        f"{report.samples} samples at {report.sample_rate_hz:g} Hz = {report.windows:.2f} windows; "
        f"t0 {report.t0 or 'none'}, seq {'none' if report.seq is None else report.seq}"
    )
    rows = [
        f"  RMS {rms:.4g} {report.unit or '(no unit)'}; first values {' '.join(f'{value:.4g}' for value in first)}"
        for rms, first in zip(report.rms, report.first_values, strict=True)
    ]
    return "\n".join([head, *rows, *(f"  doubt: {doubt}" for doubt in report.doubts)])


def reports_of(path: Path, topic: str | None, settings: Settings, contract: ModelContract) -> list[SampleReport]:
    """Decode the payload in a file as the inputs of a topic would.

    Args:
        path: the payload, as `mosquitto_sub -C 1 -N -F %p` writes it.
        topic: on which it was published; None: the only topic of the inputs, its names standing for themselves.
        settings: the inputs.
        contract: of the bundle.

    Raises:
        UsageError: several inputs have different topics, and none is named.
        BadDataError: the file can't be read, or an input refuses its payload.
    """
    try:
        payload = path.read_bytes()
    except OSError as error:
        raise BadDataError(f"{path}: {error.strerror}") from None
    inputs = tuple([replace(entry, shard=None) for entry in inputs_of(settings, contract)])  # a file has no owner
    topic = _only_topic(inputs) if topic is None else topic
    intake = Intake(contract, inputs, settings.agent.max_sensors, {})
    message = Message(topic, payload, 1, False, time.monotonic(), time.time_ns())
    reports: list[SampleReport] = []
    try:
        for entry, sensor, names in intake.route(message):
            packets, rate_hz = intake.read(entry, sensor, message)
            if not packets:
                raise BadDataError(f"{path}: {entry.codec} reads it, but it has no samples of this input")
            check_rate(rate_hz, contract)
            for name, packet in zip(names, packets, strict=True):
                reports.append(_report(name, topic, entry, packet, rate_hz, contract))
    except PacketError as error:
        raise BadDataError(f"{path}: topic {topic}: {error}") from None
    found = tuple(str(notice.fields.get("doubt", notice.event)) for notice in intake.take_notices())
    return [replace(report, doubts=(*report.doubts, *found)) for report in reports]


def _report(
    sensor: str, topic: str, entry: Input, packet: Packet, rate_hz: float, contract: ModelContract
) -> SampleReport:
    channels, samples = packet.samples.shape
    window = native_window(contract.window, rate_hz, contract.sample_rate_hz)
    doubts = []
    if channels != contract.channels:
        doubts.append(f"{channels} channels, the bundle needs {contract.channels}: name the input's `channels`")
    if samples < window and packet.seq is None and packet.t0_unix_ns is None and not entry.continuous:
        doubts.append("less than a window, without seq and t0: such packets are only joined with continuous = true")
    seconds = None if packet.t0_unix_ns is None else packet.t0_unix_ns / 1e9
    return SampleReport(
        sensor=sensor,
        topic=topic,
        codec=entry.codec,
        channels=channels,
        samples=samples,
        sample_rate_hz=rate_hz,
        windows=samples / window,
        unit=packet.unit,
        rms=tuple(float(value) for value in np.std(packet.samples.astype(np.float64), axis=1)),
        first_values=tuple(tuple(float(v) for v in row[:FIRST_VALUES]) for row in packet.samples),
        t0=None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc).isoformat(),
        seq=packet.seq,
        doubts=tuple(doubts),
    )


def _only_topic(inputs: tuple[Input, ...]) -> str:
    """The topic of all inputs, each name in braces standing for itself."""
    topics = {entry.pattern.filter: entry.pattern for entry in inputs}
    if len(topics) > 1:
        shown = ", ".join(pattern.topic for pattern in topics.values())[:200]
        raise UsageError(f"--sample: give its topic with --topic; the inputs have {shown}")
    (pattern,) = topics.values()
    return pattern.example
