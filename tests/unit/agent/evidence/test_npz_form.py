from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from witness import record_of_balls

from drsn.agent.evidence.npz_form import from_bytes, to_bytes
from drsn.agent.evidence.window_history import Arrays
from drsn.model.errors import BadDataError

ANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def same(one, other):
    assert one.header == other.header
    assert one.event == other.event
    for name, array in one.arrays.named().items():
        np.testing.assert_array_equal(array, other.arrays.named()[name])
        assert array.dtype == other.arrays.named()[name].dtype


@ANY
@given(data=st.data())
def test_whatever_it_holds_comes_back(record, data):
    a = record.arrays
    bounded = {"elements": st.floats(-(2.0**33), 2.0**33, width=32)}
    drawn = [
        data.draw(npst.arrays(x.dtype, x.shape, **of))
        for x, of in ((a.counts, {}), (a.scale, bounded), (a.offset, bounded), (a.probabilities, {}), (a.novelty, {}))
    ]
    arrays = Arrays(*drawn, a.alpha)
    same(from_bytes(to_bytes(replace(record, arrays=arrays))), replace(record, arrays=arrays))


def test_the_same_record_gives_the_same_bytes_and_numpy_alone_reads_them(record, contract):
    data = to_bytes(record)
    assert to_bytes(record_of_balls(contract)) == data
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        samples = arrays["counts"] * arrays["scale"][..., None] + arrays["offset"][..., None]
        np.testing.assert_array_equal(samples, record.samples)
        assert b'"condition":"ball"' in arrays["header"].tobytes()


@ANY
@given(data=st.data())
def test_damage_is_bad_data_or_goes_unnoticed_and_never_more(record, data):
    content = bytearray(to_bytes(record))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BadDataError):
        from_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))


@given(st.binary(max_size=400))
def test_unknown_bytes_are_bad_data(content):
    with pytest.raises(BadDataError):
        from_bytes(content)


def changed(record, name: str | None = None, array=None, *, compress: bool = False, extra: bool = False) -> bytes:
    with np.load(io.BytesIO(to_bytes(record))) as loaded:
        arrays = {**loaded}
    if name is not None:
        arrays[name] = array
    if extra:
        arrays["more"] = np.zeros(1)
    file = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(file, **arrays)
    return file.getvalue()


def test_a_record_is_refused_for_what_it_is_not(record):
    rate = record.header.model_copy(update={"sample_rate_hz": 24_000.0}).model_dump_json().encode()
    event = record.header.model_copy(update={"event": {"v": 1}}).model_dump_json().encode()
    cases = {
        "compressed": changed(record, compress=True),
        "not those": changed(record, extra=True),
        "scale is": changed(record, "scale", np.zeros((9, 1), np.float32)),
        "counts is not the <i2": changed(record, "counts", np.zeros((4, 1, 256), np.int32)),
        "not finite": changed(record, "offset", np.full((4, 1), np.nan, np.float32)),
        "counts is": changed(record, "header", np.frombuffer(rate, np.uint8)),
        "event.": changed(record, "header", np.frombuffer(event, np.uint8)),
        "JSON": changed(record, "header", np.frombuffer(b"{", np.uint8)),
        "not an .npz": b"PK\3\4",
    }
    for said, data in cases.items():
        with pytest.raises(BadDataError, match=said):
            from_bytes(data)


def test_a_header_that_claims_a_huge_array_takes_no_memory(record):
    bomb = io.BytesIO()
    np.lib.format.write_array_header_1_0(bomb, {"descr": "<i2", "fortran_order": False, "shape": (2**20, 2**20, 2**10)})
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(to_bytes(record))) as source, zipfile.ZipFile(file, "w") as target:
        for name in source.namelist():
            target.writestr(name, bomb.getvalue() if name == "counts.npy" else source.read(name))
    with pytest.raises(BadDataError, match="counts is not"):
        from_bytes(file.getvalue())


def test_a_file_that_is_too_large_is_not_read(record):
    data = to_bytes(record)
    with pytest.raises(BadDataError, match="more than the 100"):
        from_bytes(data, max_bytes=100)
    with pytest.raises(ValueError, match=r"lower evidence\.windows"):
        to_bytes(record, max_bytes=100)


def test_an_error_does_not_repeat_the_file(record):
    """Found by fuzzing: zipfile quotes the local header's name, here kilobytes of the record."""
    data = bytearray(to_bytes(record))
    data[26:28] = (8000).to_bytes(2, "little")  # length of the first entry's name, in its local header
    with pytest.raises(BadDataError, match="of plain arrays") as caught:
        from_bytes(bytes(data))
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()
