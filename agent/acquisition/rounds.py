"""Rows of a batch in rounds: what changes a sensor's state window by window is done for many sensors at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rounds_of(slots: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """The rows in rounds: the n-th holds the n-th row of each slot, so no slot is twice in a round."""
    size = len(slots)
    if len(set(slots.tolist())) == size:
        return [np.arange(size)]
    by_slot = np.argsort(slots, kind="stable")
    first = np.flatnonzero(np.diff(slots[by_slot], prepend=-1))
    nth = np.empty(size, np.intp)
    nth[by_slot] = np.arange(size) - np.repeat(first, np.diff(first, append=size))
    return np.split(np.argsort(nth, kind="stable"), np.cumsum(np.bincount(nth))[:-1])
