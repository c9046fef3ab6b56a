"""Windows as figures: waveform, envelope spectrum, and of a record probabilities and novelty up to the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drsn.agent.decision.diagnosis import UNKNOWN
from drsn.agent.evidence.record import abstains_above
from drsn.agent.schema.iso_time import iso_utc
from drsn.agent.tools.evidence.bearing_finding import bearing_finding
from drsn.model.contract import NORMAL
from drsn.model.report.canvas import canvas
from drsn.model.report.envelope import envelope_spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from drsn.agent.evidence.record import Record
    from drsn.agent.evidence.snapshot import WindowSnapshot
    from drsn.agent.schema.bearing import AnyBearing

UP_TO_HZ = 500.0
"""Upper end of the envelope spectrum, unless a line of the bearing lies higher."""

HARMONICS = 3
COLOURS = {"BPFO": "tab:red", "BPFI": "tab:purple", "BSF": "tab:green", "FTF": "tab:brown", "shaft": "tab:orange"}
NS_PER_S = 1e9


def lines_hz(bearing: AnyBearing | None, rpm: float | None) -> dict[str, float]:
    """Return name -> Hz of the lines of bearing and shaft in the envelope spectrum; none if the speed is unknown."""
    if not rpm:
        return {}
    orders = {"shaft": 1.0, **({} if bearing is None else bearing.orders)}
    return {name: order * rpm / 60 for name, order in orders.items()}


def figure(record: Record, bearing: AnyBearing | None = None, rpm: float | None = None) -> Figure:
    """Draw a record.

    Args:
        record: the record of one event.
        bearing: its geometry, if the record has none.
        rpm: speed of the shaft, if the packet of the deciding window did not give it.

    Raises:
        UnavailableError: matplotlib is not installed.
    """
    drawing = canvas(11, 9)
    axes = drawing.subplot_mosaic(
        [["wave", "spectrum"], ["probability", "probability"], ["novelty", "novelty"]],
        height_ratios=(3, 2.5, 1.5),
    )
    event = record.event
    drawing.suptitle(
        f"{event.sensor}: {event.condition} {event.state}, {event.severity.value}, P = {event.confidence:.3f}, "
        f"{_decided_by(record)}\n{event.since}, seq {event.seq}, event {event.event_id}",
        fontsize=11,
    )
    for channel, samples in enumerate(record.samples[-1]):
        _waveform(axes["wave"], samples, record, f"channel {channel}" if len(record.samples[-1]) > 1 else None)
    known = record.header.windows[-1].rpm or rpm
    _spectrum(axes["spectrum"], record, lines_hz(record.header.bearing or bearing, known))
    finding = bearing_finding(record, bearing, rpm)
    if finding is not None:
        text = "\n".join(f"{name} {nats:+.1f} nats" for name, nats in finding.nats.items())
        axes["spectrum"].text(0.02, 0.97, f"bearing detector, {finding.seconds:.1f} s\n{text}", fontsize=7,
                              transform=axes["spectrum"].transAxes, va="top")  # fmt: skip
    _probability(axes["probability"], record)
    _novelty(axes["novelty"], record)
    axes["novelty"].sharex(axes["probability"])
    return drawing


def window_figure(snapshot: WindowSnapshot, rpm: float | None = None) -> Figure:
    """Draw the newest window of a sensor: waveform and envelope spectrum.

    Args:
        snapshot: the window.
        rpm: speed of the shaft, if the packet did not give it; None: the configured one.

    Raises:
        UnavailableError: matplotlib is not installed.
    """
    drawing = canvas(11, 4)
    axes = drawing.subplot_mosaic([["wave", "spectrum"]])
    header, (window,) = snapshot.header, snapshot.header.windows
    end = iso_utc(window.t_end_unix_ns)
    drawing.suptitle(f"{header.sensor}: {window.condition}, P = {window.confidence:.3f}, {end}")
    for channel, samples in enumerate(snapshot.samples[0]):
        _waveform(axes["wave"], samples, snapshot, f"channel {channel}" if len(snapshot.samples[0]) > 1 else None)
    _spectrum(axes["spectrum"], snapshot, lines_hz(header.bearing, window.rpm or rpm or header.rpm))
    return drawing


def _decided_by(record: Record) -> str:
    event = record.event
    if event.evidence is not None:
        return f"{event.evidence:.1f} nats in {event.of} windows"
    return f"{event.votes} of {event.of} votes"


def _waveform(axes: Axes, samples: NDArray[np.float32], record: Record | WindowSnapshot, name: str | None) -> None:
    axes.plot(1000 * np.arange(samples.size) / record.header.sample_rate_hz, samples, linewidth=0.5, label=name)
    axes.margins(x=0)
    axes.grid(alpha=0.3)
    axes.set(xlabel="time, ms", ylabel=f"amplitude, {record.header.unit or 'in an unknown unit'}")
    axes.set_title("the last window, as it was sampled", loc="left", fontsize=9)
    if name is not None:
        axes.legend(fontsize=7, loc="upper right")


def _spectrum(axes: Axes, record: Record | WindowSnapshot, lines: dict[str, float]) -> None:
    """Draw the mean spectrum of all windows, first channel: the mean reduces noise, lines stay."""
    rate_hz, bandwidth_hz = record.header.sample_rate_hz, record.header.contract.bandwidth_hz
    band_hz = (bandwidth_hz / 4, bandwidth_hz)
    spectra = [envelope_spectrum(window[0], rate_hz, band_hz) for window in record.samples]
    frequency_hz, amplitude = spectra[0][0], np.mean([each for _, each in spectra], axis=0)
    top_hz = min(max([UP_TO_HZ, *(1.1 * HARMONICS * hz for hz in lines.values())]), rate_hz / 2)
    shown = frequency_hz <= top_hz
    axes.plot(frequency_hz[shown], amplitude[shown], linewidth=0.9, color="black")
    for name, hz in lines.items():
        for harmonic in range(1, HARMONICS + 1):
            label = f"{name} {hz:.1f} Hz" if harmonic == 1 else None
            axes.axvline(harmonic * hz, color=COLOURS[name], linestyle=":", linewidth=1.1, label=label)
    if lines:
        axes.legend(fontsize=7, loc="upper right")
    axes.set(xlim=(0, top_hz), xlabel=f"frequency of the envelope ({band_hz[0]:.0f} to {band_hz[1]:.0f} Hz), Hz")
    axes.set_ylim(bottom=0)
    axes.set_ylabel(f"amplitude, {record.header.unit or 'in an unknown unit'}")
    axes.grid(alpha=0.3)
    title = f"envelope, mean of {len(spectra)} windows" + ("" if lines else "; speed unknown, so no lines")
    axes.set_title(title, loc="left", fontsize=9)


def _times_s(record: Record) -> NDArray[np.float64]:
    """Return the ends of the windows, relative to the last one: float64[windows], in seconds."""
    ends_ns = [note.t_end_unix_ns for note in record.header.windows]
    return np.array([(end_ns - ends_ns[-1]) / NS_PER_S for end_ns in ends_ns])


def _probability(axes: Axes, record: Record) -> None:
    times_s, event, notes = _times_s(record), record.event, record.header.windows
    contract = record.header.contract
    for condition in contract.alarm_conditions:
        inside = [contract.labels.index(label) for label in contract.labels_of(condition)]
        values = record.arrays.probabilities[:, inside].sum(axis=1)
        if condition in (event.condition, NORMAL) or values.max() > 0.1:
            mine = condition == event.condition
            axes.plot(times_s, values, marker="o", linewidth=2.2 if mine else 1, alpha=1 if mine else 0.6,
                      label=condition)  # fmt: skip
    for time_s, note in zip(times_s, notes, strict=True):
        text = f"{note.evidence:.1f} nats" if note.evidence is not None else f"{note.votes}/{event.of}"
        axes.annotate(text, (time_s, 1.0), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8)
        if note.condition != event.condition:
            axes.axvline(time_s, color="black", alpha=0.12, linewidth=6, zorder=0)
    axes.axvline(0.0, color="tab:red", linewidth=1, linestyle="--")
    axes.set(ylabel="P(condition)", ylim=(-0.03, 1.2))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="center left")
    what = "the condition" if event.active else "its end"
    axes.set_title(f"above: votes or evidence for {what} after each window; grey: another diagnosis; dashed: decision",
                   loc="left", fontsize=9)  # fmt: skip


def _novelty(axes: Axes, record: Record) -> None:
    times_s, threshold = _times_s(record), abstains_above(record)
    axes.plot(times_s, record.arrays.novelty, marker="o", color="tab:gray", label="novelty")
    if threshold is not None:
        axes.axhline(threshold, color="black", linestyle="--", linewidth=1, label=f"above: {UNKNOWN}")
    axes.axvline(0.0, color="tab:red", linewidth=1, linestyle="--")
    axes.set(xlabel="end of the window before the decision, s", ylabel="novelty")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="center left")
