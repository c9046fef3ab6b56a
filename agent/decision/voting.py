"""k-of-n voting: how many of the last windows voted for a condition. `6/8` is six of eight."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_WINDOWS = 256
"""Longest vote history; it is one integer of so many bits."""


@dataclass(frozen=True, slots=True)
class Quorum:
    """k of n: `votes` of the last `of` windows."""

    votes: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Quorum:
        """Read `6/8`.

        Raises:
            ValueError: another form, or more votes than windows.
        """
        match = re.fullmatch(r"(\d{1,3})/(\d{1,3})", text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]) <= MAX_WINDOWS:
            raise ValueError(f"{text!r} is no quorum such as '6/8' (votes/windows, at most {MAX_WINDOWS} windows)")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.votes}/{self.of}"


@dataclass(frozen=True, slots=True)
class Votes:
    """Vote history. The newest vote is the lowest bit; `cast` counts votes since the last reset, to `MAX_WINDOWS`."""

    bits: int = 0
    cast: int = 0

    def push(self, vote: bool) -> Votes:  # noqa: FBT001 (the vote is the value)
        """The history with one more vote."""
        return Votes((self.bits << 1 | vote) & ((1 << MAX_WINDOWS) - 1), min(self.cast + 1, MAX_WINDOWS))

    def votes_for(self, of: int) -> int:
        """Votes for the condition among the last `of` windows."""
        return (self.bits & ((1 << of) - 1)).bit_count()

    def votes_against(self, of: int) -> int:
        """Votes against it among the last `of` windows that voted."""
        return min(self.cast, of) - self.votes_for(of)


def push_all(bits: NDArray[np.uint64], votes: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """The histories with one more vote each, as `Votes.push`.

    Args:
        bits: uint64[..., 4], lowest word first.
        votes: bool[...].
    """
    pushed: NDArray[np.uint64] = bits << np.uint64(1)
    pushed[..., 1:] |= bits[..., :-1] >> np.uint64(63)
    pushed[..., 0] |= votes
    return pushed


def count_votes(bits: NDArray[np.uint64], masks: NDArray[np.uint64], words: int) -> NDArray[np.int32]:
    """Votes among the last windows, as `Votes.votes_for`.

    Args:
        bits: uint64[..., 4], lowest word first.
        masks: uint64[..., 4], a bit for each window that counts; none beyond the first `words`.
        words: 1 to 4.

    Returns:
        int32[...].
    """
    counts = np.bitwise_count(bits[..., :words] & masks[..., :words])
    total: NDArray[np.int32] = counts[..., 0].astype(np.int32) if words == 1 else counts.sum(axis=-1, dtype=np.int32)
    return total


def mask_of(windows: int) -> bytes:
    """The mask of the last `windows` votes, as bytes of uint64[4]."""
    return ((1 << windows) - 1).to_bytes(MAX_WINDOWS // 8, "little")
