"""The declared sample rate of a packet: refused if the bundle cannot use it, and steady while it hardly changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.agent.acquisition.codecs.packet import MAX_SAMPLE_RATE_HZ, PacketError, Reason
from drsn.agent.bundles import UNIVERSAL_BANDWIDTH_HZ, widest_for
from drsn.model.conditioning import RateTooLowError
from drsn.model.conditioning import check_rate as check_bandwidth

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract

RATE_TOLERANCE = 0.005
"""A rate that differs by less is the same one: some sensors send what they measured. It moves a frequency as little."""

MAX_WINDOW_SAMPLES = 1 << 22
"""Samples of one channel in a window at the sensor's rate, at most; far above every need: 1 MHz for a window of 2,048
samples at 1 kHz. Its ring has 32 MB, and its spectrum takes as much again for a moment."""


def declared_rate_hz(in_packet_hz: float | None, in_settings_hz: float | None) -> float:
    """Return the rate of the packet, or else that of its input.

    Raises:
        PacketError: neither has one.
    """
    rate_hz = in_packet_hz or in_settings_hz
    if rate_hz is None:
        raise PacketError(Reason.WRONG_RATE, "the packet has no sample rate, and its input has no sample_rate_hz")
    return rate_hz


def check_rate(sample_rate_hz: float, contract: ModelContract) -> None:
    """Check that windows for this model can be made at a sample rate.

    Raises:
        PacketError: the rate is too high, or too low for the bandwidth that the model needs.
    """
    if sample_rate_hz > MAX_SAMPLE_RATE_HZ:
        raise PacketError(Reason.WRONG_RATE, f"{sample_rate_hz:g} Hz is above {MAX_SAMPLE_RATE_HZ:g} Hz")
    if sample_rate_hz * contract.window > MAX_WINDOW_SAMPLES * contract.sample_rate_hz:
        raise PacketError(
            Reason.WRONG_RATE, f"at {sample_rate_hz:g} Hz a window has more than {MAX_WINDOW_SAMPLES} samples"
        )
    try:
        check_bandwidth(sample_rate_hz, contract.bandwidth_hz)
    except RateTooLowError as error:
        raise PacketError(Reason.WRONG_RATE, f"{error}; {bundle_for(sample_rate_hz)}") from None


def bundle_for(sample_rate_hz: float) -> str:
    """What to set for a sensor that samples too slowly for the present bundle."""
    name = widest_for(sample_rate_hz)
    if name is None:
        return f"no shipped bundle supports less than {2 * min(UNIVERSAL_BANDWIDTH_HZ.values()):g} Hz"
    return f"agent.bundle = 'shipped:{name}' supports this rate"


def steady_rate_hz(sample_rate_hz: float, known_hz: float | None) -> float:
    """Return the rate known so far if this one is the same within `RATE_TOLERANCE`, or else this one."""
    if known_hz is not None and abs(sample_rate_hz - known_hz) <= RATE_TOLERANCE * known_hz:
        return known_hz
    return sample_rate_hz
