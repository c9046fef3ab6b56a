"""Numbers in bytes: the right reading or several, never a single wrong one."""

from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.tools.demo.machines import DEMO_MACHINES, record
from drsn.agent.tools.init.byte_readings import byte_readings, header_of

RNG = np.random.default_rng(1)
SIZE, PACKETS = 512, 16
WHITE = RNG.standard_normal(SIZE * PACKETS)
SIGNALS = {
    **{m.sensor: record(m, 1.0, at).samples[0][: SIZE * PACKETS] for at, m in enumerate(DEMO_MACHINES)},
    "white noise": WHITE,
    "tone": np.sin(np.arange(SIZE * PACKETS) * 0.13) + 0.01 * WHITE,
    "gravity": 0.05 * WHITE + 9.81,
}
ENCODINGS = [
    *(("f32", order, 1.0, 0) for order in "<>"),
    *(("f64", order, 1.0, 0) for order in "<>"),
    *(("i16", order, scale, 0) for order in "<>" for scale in (100, 1000, 8000, 30_000)),
    *(("u16", order, scale, 32_768) for order in "<>" for scale in (500, 2000, 16_000)),
    *(("u16", order, 1500, 2048) for order in "<>"),
    *(("i32", order, scale, 0) for order in "<>" for scale in (2**8, 2**15, 2**20, 2**28)),
    ("u8", "<", 100, 128),
    ("i8", "<", 30, 0),
]
NUMPY = {"f32": "f4", "f64": "f8", "i16": "i2", "u16": "u2", "i32": "i4", "u8": "u1", "i8": "i1"}


def chunks(signal: np.ndarray, dtype: str, order: str, scale: float, offset: float) -> list[bytes]:
    counts = signal / np.abs(signal).max() * scale + offset
    return [piece.astype(order + NUMPY[dtype]).tobytes() for piece in counts.reshape(PACKETS, SIZE)]


@pytest.mark.parametrize("name", SIGNALS)
def test_a_single_reading_is_the_right_one(name: str):
    single = 0
    for dtype, order, scale, offset in ENCODINGS:
        found = byte_readings(chunks(SIGNALS[name], dtype, order, scale, offset))
        if len(found) == 1:
            single += 1
            alike = {dtype, "i16"} if offset == 2048 else {dtype}  # 12 bits in 16: the sign bit is never set
            assert found[0].dtype in alike, (dtype, order, scale)
            assert found[0].big_endian == (order == ">"), (dtype, order, scale)
    assert single >= len(ENCODINGS) * (0.3 if name == "gravity" else 0.6)


def test_random_bytes_are_no_signal():
    assert byte_readings([RNG.bytes(2048) for _ in range(8)]) == []


def test_a_header_is_skipped_with_its_counters():
    plain = chunks(SIGNALS["white noise"], "i16", "<", 3000, 0)
    headed = [b"VIB1" + at.to_bytes(4, "little") + chunk for at, chunk in enumerate(plain)]
    assert header_of(headed) == 8
    assert any(each.header_bytes == 8 and each.dtype == "i16" for each in byte_readings(headed))
    assert header_of(plain) == 0
