from __future__ import annotations

import numpy as np
import pytest

from drsn.agent.acquisition.codecs import PacketError, PayloadFormat
from drsn.agent.acquisition.codecs.sample_bytes import ITEM_BYTES, samples_from_bytes

EXTREMES = {
    "i8": [-128, 127, 0, -1], "u8": [0, 255, 1, 128], "i16": [-32768, 32767, 0, -1], "u16": [0, 65535, 1, 32768],
    "i24": [-(2**23), 2**23 - 1, 0, -1], "i32": [-(2**31), 2**30, 0, -1], "f32": [-1.5, 2.5, 0, 1e-3],
    "f64": [-1.5, 2.5, 0, 1e9],
}  # fmt: skip


def encoded(values: list[float], dtype: str, order: str) -> bytes:
    if dtype == "i24":
        return b"".join(int(v).to_bytes(3, {"<": "little", ">": "big"}[order], signed=True) for v in values)
    return np.array(values).astype(order + dtype[0] + str(ITEM_BYTES[dtype])).tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", EXTREMES)
def test_every_type_and_byte_order_is_read(dtype: str, order: str):
    data = encoded(EXTREMES[dtype], dtype, order)
    form = PayloadFormat(dtype=dtype, big_endian=order == ">")
    np.testing.assert_array_equal(samples_from_bytes(data, form), np.float32([EXTREMES[dtype]]))
    header = PayloadFormat(dtype=dtype, big_endian=order == ">", header_bytes=5, channels=2)
    found = samples_from_bytes(b"12345" + data, header)
    np.testing.assert_array_equal(found, np.float32(EXTREMES[dtype]).reshape(2, 2).T)
    with pytest.raises(PacketError, match="no samples after 5 header bytes"):
        samples_from_bytes(b"12345", header)
    if ITEM_BYTES[dtype] > 1:
        with pytest.raises(PacketError, match="not a whole number"):
            samples_from_bytes(data[:-1], form)


def test_an_offset_is_added_before_the_scale():
    data = np.array([0, 2048, 4095], "<u2").tobytes()
    found = samples_from_bytes(data, PayloadFormat(dtype="u16", offset=-2048, scale=0.5))
    assert found.tolist() == [[-1024, 0, 1023.5]]
    assert found.dtype == np.float32


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_a_double_that_no_sensor_sends_is_refused(value: float):
    with pytest.raises(PacketError, match="1 of 2 samples are NaN"):
        samples_from_bytes(np.array([1, value], "<f8").tobytes(), PayloadFormat(dtype="f64"))
