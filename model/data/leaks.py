"""Detect data leaks: a group in two sets, or the same samples in two sets or under two labels.

Samples are compared bit by bit as float32, each channel for itself, wherever in a recording they stand. A copy, a cut
of one recording, and recordings that overlap are found, if `SURE` samples or more are the same; a copy with another
gain, filter, rate or number format is not.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from drsn.model.data.entry import Set
    from drsn.model.data.recording import Recording

BLOCK = 256
"""Samples that a fingerprint covers."""

ONE_IN = 64
"""A fingerprint is kept where its value is a multiple of this. That selects the same samples wherever they stand, so
two recordings need not be aligned."""

SURE = 1024
"""A shared stretch of this many samples is missed once in 100,000 times: (1 - 1 / 64) ** (1024 - 255)."""

LIVELY = 64
"""A block with fewer changes is a silent or saturated sensor, and the same everywhere."""

CHUNK = 1 << 20

PRIME = 0x9E3779B97F4A7C15  # odd, so it has an inverse modulo 2^64
INVERSE = pow(PRIME, -1, 1 << 64)


def refuse_shared_groups(sets: Mapping[Set, Sequence[Recording]]) -> None:
    """Raise where recordings of one group are in two sets.

    Raises:
        BadDataError: naming the group.
    """
    seen: dict[str, tuple[str, str]] = {}
    for of_set, recordings in sets.items():
        for recording in recordings:
            first, name = seen.setdefault(recording.group, (of_set, recording.name))
            if first != of_set:
                raise BadDataError(
                    f"group {recording.group!r} is in {first} ({name}) and in {of_set} ({recording.name}): the test "
                    "would flatter the model; put all of a group into one set"
                )


def refuse_shared_samples(sets: Mapping[Set, Sequence[Recording]]) -> None:
    """Raise where two sets, or recordings of two labels, hold the same samples.

    Raises:
        BadDataError: naming both recordings and where in them.
    """
    everything = [(of_set, recording) for of_set, recordings in sets.items() for recording in recordings]
    if not everything:
        return
    prints, places, owners = map(np.concatenate, zip(*map(_prints_of, everything, range(len(everything))), strict=True))
    homes = sorted({(of_set, recording.label) for of_set, recording in everything})
    home = np.array([homes.index((of_set, recording.label)) for of_set, recording in everything])[owners]
    order = np.argsort(prints, kind="stable")
    same = (np.diff(prints[order]) == 0) & (np.diff(home[order]) != 0)
    if not same.any():
        return
    first = int(np.argmax(same))
    there, here = (
        f"{everything[owners[at]][1].name} ({everything[owners[at]][0]}, "
        f"from {places[at] / everything[owners[at]][1].sample_rate_hz:.2f} s)"
        for at in order[first : first + 2]
    )
    raise BadDataError(f"{there} and {here} hold the same samples; remove one, or give both one group and one label")


Prints = tuple["NDArray[np.uint64]", "NDArray[np.int64]", "NDArray[np.int64]"]


def _prints_of(of_set_and_recording: tuple[str, Recording], number: int) -> Prints:
    """Fingerprints of all recordings and channels, the start of each block, and the number of its recording."""
    recording = of_set_and_recording[1]
    whole = hashlib.sha256(recording.samples.tobytes()).digest()[:8]
    prints, places = [np.frombuffer(whole, np.uint64)], [np.zeros(1, np.int64)]
    for channel in recording.samples:
        for start in range(0, recording.n_samples, CHUNK):
            found, at = fingerprints(channel[start : start + CHUNK + BLOCK - 1])
            prints.append(found)
            places.append(at + start)
    together = np.concatenate(prints)
    return together, np.concatenate(places), np.full(len(together), number)


def fingerprints(samples: NDArray[np.float32]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Fingerprint float32[n]: the kept fingerprints uint64[k], and the starts of their blocks int64[k]."""
    if len(samples) < BLOCK:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    # A polynomial modulo 2^64 over the scrambled bits, from running sums; the inverse powers make it forget its place.
    bits = (samples + np.float32(0)).view(np.uint32)  # + 0 makes -0 a 0
    values = _scrambled(bits.astype(np.uint64))
    sums = _running(values * _powers(PRIME, len(values)))
    prints = _scrambled((sums[BLOCK:] - sums[:-BLOCK]) * _powers(INVERSE, len(values) - BLOCK + 1))
    changes = _running((samples[1:] != samples[:-1]).astype(np.uint64))
    lively = changes[BLOCK - 1 :] - changes[: len(changes) - BLOCK + 1] >= np.uint64(LIVELY)
    places = np.flatnonzero((prints % np.uint64(ONE_IN) == 0) & lively)
    return prints[places], places


def _running(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Prefix sums: of the first 0, 1, ... n values."""
    sums = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(values, out=sums[1:])
    return sums


def _powers(base: int, count: int) -> NDArray[np.uint64]:
    powers: NDArray[np.uint64] = np.cumprod(np.full(count, base, np.uint64), dtype=np.uint64)
    return powers


def _scrambled(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the bits of each 64-bit value (the last steps of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return mixed
