"""The traps of the data set: numbers, variables, the 48 kHz of normal, and scipy that may be missing."""

import sys
from pathlib import Path

import numpy as np
import pytest

from drsn.model.data import cwru
from drsn.model.errors import BadDataError, UnavailableError


def power_share(samples: np.ndarray, low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(samples[0].astype(np.float64))) ** 2
    frequency_hz = np.fft.rfftfreq(samples.shape[1], 1 / cwru.SAMPLE_RATE_HZ)
    return float(power[(frequency_hz >= low_hz) & (frequency_hz < high_hz)].sum() / power[1:].sum())


def test_forty_files_ten_of_each_load():
    assert len(cwru.LABEL_AND_LOAD) == 40
    assert cwru.file_numbers(3) == (100, 121, 188, 225, 108, 172, 212, 133, 200, 237)


@pytest.mark.parametrize("load_hp", cwru.LOADS_HP)
def test_fault_files_are_read_by_number(cwru_folder: Path, load_hp: int):
    recordings = {recording.name: recording for recording in cwru.read_loads(cwru_folder, [load_hp])}
    for number in cwru.file_numbers(load_hp)[1:]:
        recording = recordings[str(number)]
        assert recording.label == cwru.LABEL_AND_LOAD[number][0]
        assert (recording.group, recording.rpm) == (f"{load_hp} hp", cwru.RPM[load_hp])
        assert recording.samples.dtype == np.float32
        assert 120_000 < recording.n_samples < 124_000
        assert 0.05 < recording.samples.std() < 1


@pytest.mark.parametrize("number", [97, 100])
def test_normal_is_decimated_from_48_khz(cwru_folder: Path, number: int):
    """The grid's sixth harmonic, which no load moves, says that the time scale is right."""
    path = cwru.find(cwru_folder, number)
    assert path is not None
    normal = cwru.read(path)
    assert normal.sample_rate_hz == 12_000
    spectrum = np.abs(np.fft.rfft(normal.samples[0] * np.hanning(normal.n_samples)))
    frequency_hz = np.fft.rfftfreq(normal.n_samples, 1 / 12_000)
    near = (frequency_hz > 300) & (frequency_hz < 380)
    assert frequency_hz[near][np.argmax(spectrum[near])] == pytest.approx(360, abs=1)


def test_the_partial_normal_of_3_hp_stands_in_for_the_whole(cwru_folder: Path):
    normal = cwru.read_loads(cwru_folder, [3])[0]
    assert (normal.label, normal.group) == ("normal", "3 hp")


def test_the_bandwidth_hides_the_recorder(cwru_folder: Path):
    """Faults fall at 5.7 kHz and normal does not; below `BANDWIDTH_HZ` nothing of that is left."""
    normal, *faults = cwru.read_loads(cwru_folder, [0])
    edge = power_share(normal.samples, 5_750, 5_850) / power_share(normal.samples, 5_500, 5_600)
    fault_edges = [power_share(f.samples, 5_750, 5_850) / power_share(f.samples, 5_500, 5_600) for f in faults]
    assert edge > 3 * max(fault_edges)
    assert cwru.BANDWIDTH_HZ < 5_500


@pytest.mark.parametrize("name", ["99999.mat", "inner.mat"])
def test_foreign_files_are_refused(tmp_path: Path, name: str):
    with pytest.raises(BadDataError, match=r"ten-label"):
        cwru.read(tmp_path / name)


def test_damaged_and_renamed_files_say_so(tmp_path: Path):
    scipy_io = pytest.importorskip("scipy.io")
    (tmp_path / "105.mat").write_bytes(b"not a mat file" * 20)
    with pytest.raises(BadDataError, match="download it again"):
        cwru.read(tmp_path / "105.mat")
    scipy_io.savemat(tmp_path / "106.mat", {"X105_DE_time": np.zeros((9, 1))})
    with pytest.raises(BadDataError, match="X106_DE_time"):
        cwru.read(tmp_path / "106.mat")
    scipy_io.savemat(tmp_path / "107.mat", {"X107_DE_time": np.random.default_rng(0).standard_normal((9000, 1))})
    whole = (tmp_path / "107.mat").read_bytes()
    for length in (0, 60, 129, len(whole) // 2):  # scipy raises another type for each
        (tmp_path / "107.mat").write_bytes(whole[:length])
        with pytest.raises(BadDataError, match="download it again"):
            cwru.read(tmp_path / "107.mat")


def test_a_missing_fault_file_is_an_error(tmp_path: Path):
    with pytest.raises(BadDataError, match=r"118\.mat is missing"):
        cwru.read_loads(tmp_path, [0])


def test_without_scipy_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(UnavailableError, match=r"drsn-edge\[files\]"):
        cwru.read(tmp_path / "105.mat")
