"""Channels in one row of numbers: found where they differ, and never certain without a reason."""

from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.init.interleaving import interleaving_of

SIGNALS = [record(machine, 2.0, at).samples[0].astype(np.float64) for at, machine in enumerate(DEMO_MACHINES)]
GRAVITY = np.array([[0.1], [0.4], [9.8]])


def packets(block: np.ndarray, size: int, *, planar: bool = False) -> list[np.ndarray]:
    pieces = [block[:, at : at + size] for at in range(0, size * 12, size)]
    return [piece.ravel() if planar else piece.T.ravel() for piece in pieces]


@pytest.mark.parametrize("size", [256, 768, 1024])
def test_one_channel_is_never_certainly_several(size: int):
    for signal in SIGNALS:
        found = interleaving_of(packets(signal[np.newaxis], size))
        assert found is None or not found.certain


def test_axes_with_gravity_are_certain():
    found = interleaving_of(packets(np.stack(SIGNALS[:3]) * 0.1 + GRAVITY, 256))
    assert found is not None
    assert (found.channels, found.layout, found.certain) == (3, "interleaved", True)


def test_six_channels_are_not_taken_for_two_or_three():
    block = np.stack([*SIGNALS, SIGNALS[0]]) * 0.05 + np.array([[0], [1], [9.8], [-3], [5], [-7]])
    found = interleaving_of(packets(block, 128))
    assert found is None or (found.channels == 6) or not found.certain


def test_axes_without_an_offset_and_planar_ones_are_suspected():
    ringing = [np.convolve(row, np.exp(-np.arange(64) / 9), mode="same") for row in SIGNALS[:3]]
    found = interleaving_of(packets(np.stack(ringing), 256))
    assert found is not None
    assert not found.certain
    planar = interleaving_of(packets(np.stack(SIGNALS[:3]) * 0.1 + GRAVITY, 256, planar=True))
    assert planar is not None
    assert (planar.layout, planar.certain) == ("planar", False)
