from __future__ import annotations

import io
import wave
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from drsn.model.data.files import read_recording
from drsn.model.errors import BadDataError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.model.data.recording import Recording

RAMP = np.arange(8, dtype=np.float32)


def npy(array: object) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def npz(**arrays: object) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def mat(**variables: object) -> bytes:
    content = io.BytesIO()
    savemat(content, variables)
    return content.getvalue()


def wav(width: int, frames: bytes, channels: int = 1, rate: int = 8000) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(frames)
    return content.getvalue()


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Recording]:
    def of(name: str, content: bytes, rate_hz: float | None = None, **choice: Any) -> Recording:  # noqa: ANN401
        (tmp_path / name).write_bytes(content)
        return read_recording(tmp_path / name, rate_hz, **choice)

    return of


@pytest.mark.parametrize("samples", [RAMP, RAMP.astype(np.int16), RAMP.astype(">f8"), RAMP[None]])
def test_an_array_is_one_channel_at_the_rate_given(samples: np.ndarray, read: Callable):
    recording = read("pump 2.npy", npy(samples), 12_000)
    np.testing.assert_array_equal(recording.samples, RAMP[None])
    assert recording.samples.dtype == np.float32
    assert (recording.name, recording.sample_rate_hz, recording.rpm) == ("pump 2", 12_000, None)


def test_an_archive_may_say_its_rate_and_speed_and_is_believed(read: Callable):
    recording = read("a.npz", npz(samples=np.stack([RAMP, -RAMP]), sample_rate_hz=25_600, rpm=1797), 12_000)
    np.testing.assert_array_equal(recording.samples, [RAMP, -RAMP])
    assert (recording.sample_rate_hz, recording.rpm) == (25_600, 1797)
    assert read("a.npz", npz(samples=RAMP), 12_000).sample_rate_hz == 12_000


@pytest.mark.parametrize("width", [2, 4])
def test_full_scale_of_a_wav_is_one_and_channels_are_told_apart(width: int, read: Callable):
    lowest, half = -(2 ** (8 * width - 1)), 2 ** (8 * width - 2)
    frames = np.array([[lowest, half], [0, -half]], f"<i{width}").tobytes()
    recording = read("a.wav", wav(width, frames, channels=2))
    np.testing.assert_array_equal(recording.samples, [[-1, 0], [0.5, -0.5]])
    assert recording.sample_rate_hz == 8000


HUGE = io.BytesIO()
np.lib.format.write_array_header_1_0(HUGE, {"descr": "<f4", "fortran_order": False, "shape": (1 << 44,)})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xyz", b"1,2", r"one of \.csv, \.txt.*\.wav, \.npy"),
        ("a.csv", b"1.5,2\n3,x\n", "line 2"),
        ("a.txt", b"1,nan\n", "line 1: .*column 1 is 'nan'"),
        ("a.csv", "\n".join(f"{n}.0,{n % 3}" for n in range(99)).encode(), "channel 0 only rises"),
        ("a.npy", b"", "no recording"),
        ("a.npy", b"garbage", "no recording"),
        ("a.npy", npy(RAMP)[:-3], "no recording"),
        ("a.npy", HUGE.getvalue(), "no recording"),
        ("a.npy", npy(np.array([{}])), "no recording"),
        ("a.npy", npy(np.array(["x"])), "not numbers"),
        ("a.npy", npy(np.array([1j])), "not numbers"),
        ("a.npy", npy(np.zeros(3, "f4,f4")), "not numbers"),
        ("a.npy", npy(np.zeros((2, 2, 2))), "not float"),
        ("a.npy", npy(np.zeros(0)), "not float"),
        ("a.npy", npy(np.array([1, np.nan])), "finite"),
        ("a.npy", npy(np.array([1e300])), "finite"),
        ("a.npy", npy(np.zeros((8, 2))), "8 channels of 2 samples; transpose it"),
        ("a.npz", npz(samples=RAMP)[:-30], "no recording"),
        ("a.npz", npz(x=RAMP, z=RAMP), r"several arrays called \*; name one with --variable .*: x, z"),
        ("a.mat", b"garbage", "no recording"),
        ("a.mat", b"MATLAB 7.3 MAT-file" + bytes(600), "damaged|need h5py"),
        ("a.mat", mat(x=RAMP, y=RAMP), r"several arrays called \*; name one with --variable .*: x, y"),
        ("a.mat", mat(x="pump", fs=12_000), "no array"),
        ("a.mat", mat(x=np.zeros((2, 2, 2))), "not float"),
        ("a.npz", npz(samples=RAMP, sample_rate_hz=[1, 2]), "sample_rate_hz has 2 values"),
        ("a.npz", npz(samples=RAMP, sample_rate_hz=-1), "a sample rate of -1"),
        ("a.npz", npz(samples=RAMP, sample_rate_hz=np.inf), "a sample rate of inf"),
        ("a.wav", b"garbage", "no recording"),
        ("a.wav", wav(2, bytes(16))[:-3], "cut short: 13 of 16 bytes"),
        ("a.wav", wav(2, b""), "without samples"),
    ],
)  # fmt: skip
def test_what_is_no_recording_is_refused_in_one_line(name: str, content: bytes, said: str, read: Callable):
    with pytest.raises(BadDataError, match=said) as caught:
        read(name, content, 12_000)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_columns_of_text_are_channels_and_their_time_gives_the_rate(read: Callable):
    recording = read("a.CSV", b"time,x,z\n0,1,2\n0.001,3,4\n0.002,5,6\n", 12_000)
    np.testing.assert_array_equal(recording.samples, [[1, 3, 5], [2, 4, 6]])
    assert recording.sample_rate_hz == 1000
    assert read("a.txt", b"1 2\n3 4\n", 12_000).sample_rate_hz == 12_000


@pytest.mark.parametrize("channels", [("z", "x"), (1, 0), ("1", "x")])
def test_channels_are_chosen_by_name_or_number_in_the_order_given(channels: tuple[int | str, ...], read: Callable):
    recording = read("a.csv", b"x,z\n1,2\n3,4\n5,6\n", 1000, channels=channels)
    np.testing.assert_array_equal(recording.samples, [[2, 4, 6], [1, 3, 5]])


@pytest.mark.parametrize("channel", ["y", 2, "2", "-1"])
def test_a_channel_that_is_not_there_is_refused_with_those_that_are(channel: int | str, read: Callable):
    with pytest.raises(BadDataError, match=r"no channel .*; name one of \['x', 'z'\]"):
        read("a.csv", b"x,z\n1,2\n3,4\n", 1000, channels=(channel,))
    with pytest.raises(BadDataError, match="name one of 0 to 1"):
        read("a.npy", npy(np.stack([RAMP, RAMP])), 1000, channels=(channel,))


@pytest.mark.parametrize("content", [RAMP, RAMP[:, None], np.stack([RAMP, -RAMP]), np.stack([RAMP, -RAMP], axis=1)])
def test_the_one_array_of_a_matlab_file_is_the_recording_either_way_round(content: np.ndarray, read: Callable):
    recording = read("pump.mat", mat(Vib=content, Fs=25_600, rpm=1480, owner="me"))
    np.testing.assert_array_equal(recording.samples, np.stack([RAMP, -RAMP])[: len(recording.samples)])
    assert (len(recording.samples), recording.sample_rate_hz, recording.rpm) == (content.size // 8, 25_600, 1480)


@pytest.mark.parametrize("archive", [mat, npz])
@pytest.mark.parametrize("variable", ["X109_DE_time", "*_DE_*"])
def test_a_variable_is_chosen_by_name_or_pattern(archive: Callable, variable: str, read: Callable):
    content = archive(X109_DE_time=RAMP, X109_FE_time=-RAMP)
    name = "109.mat" if archive is mat else "109.npz"
    np.testing.assert_array_equal(read(name, content, 48_000, variable=variable).samples, RAMP[None])


def test_an_official_cwru_file_is_known_by_number_and_variable(read: Callable):
    recording = read("105.mat", mat(X105_DE_time=RAMP[:, None], X105_FE_time=RAMP[:, None], X105RPM=1797))
    assert (recording.sample_rate_hz, recording.rpm, recording.n_samples) == (12_000, 1797, 8)
    assert read("105.mat", mat(mine=RAMP), 500).sample_rate_hz == 500


def test_a_rate_that_nobody_says_is_asked_for(read: Callable):
    with pytest.raises(BadDataError, match="give --sample-rate-hz"):
        read("a.npy", npy(RAMP))


@pytest.mark.parametrize("rate_hz", [0.0, -5.0, float("nan"), float("inf")])
def test_a_rate_that_can_not_be_is_refused(rate_hz: float, read: Callable):
    with pytest.raises(BadDataError, match="sample rate"):
        read("a.npy", npy(RAMP), rate_hz)


def test_a_file_that_can_not_be_read_is_a_matter_of_storage(tmp_path: Path):
    with pytest.raises(StorageError, match=r"nowhere\.wav: No such file"):
        read_recording(tmp_path / "nowhere.wav", None)
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(StorageError, match=r"folder\.npy: Is a directory"):
        read_recording(tmp_path / "folder.npy", None)


WHOLE = {
    "npy": npy(RAMP),
    "npz": npz(samples=RAMP, sample_rate_hz=1),
    "wav": wav(2, bytes(16)),
    "csv": b"time,x,z\n0,1,2\n0.1,3,4\n0.2,5,6\n",
}


@pytest.mark.parametrize("suffix", WHOLE)
def test_a_damaged_file_is_a_recording_or_refused(suffix: str, read: Callable):
    whole = WHOLE[suffix]

    @given(st.integers(0, len(whole) - 1), st.binary(min_size=1, max_size=4))
    def damage(at: int, new: bytes) -> None:
        try:
            recording = read(f"a.{suffix}", whole[:at] + new + whole[at + len(new) :], 12_000)
        except (BadDataError, StorageError):
            return
        assert np.isfinite(recording.samples).all()

    damage()
