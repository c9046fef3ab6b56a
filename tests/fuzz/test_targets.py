"""What `make fuzz` asks millions of times, a few times in every run: each reader, its corpus, and damage to it."""

from __future__ import annotations

import pytest
from fuzz.corpus import kept
from fuzz.targets import TARGETS
from hypothesis import given, settings
from hypothesis import strategies as st

SLOW = {"settings", "cases", "evidence"}


@pytest.mark.parametrize("name", TARGETS)
def test_what_campaigns_kept_breaks_no_promise(name: str):
    target = TARGETS[name]
    for each in (*target.seeds, *kept(name)):
        target.run(each)


@st.composite
def damaged(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A valid input with a few bytes changed, left out, doubled or put in; or nothing but noise."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        upto = at + draw(st.integers(0, 8))
        data[at:upto] = draw(st.one_of(st.binary(max_size=8), st.just(bytes(data[at:upto]) * 2)))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_no_bytes_are_an_accident(name: str):
    target = TARGETS[name]

    @settings(max_examples=25 if name in SLOW else 100, deadline=None)
    @given(st.one_of(damaged(target.seeds), st.binary(max_size=100)))
    def read(data: bytes) -> None:
        target.run(data)

    read()
