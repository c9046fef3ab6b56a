"""The matrix of files as people have them: read right, or refused with the right words. Nothing is misread."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from field.file_cases import X, Y, make_arrays, make_text, make_wav

from drsn.model.data.content import Choice
from drsn.model.data.files import read_file
from drsn.model.errors import DrsnError

FIELD_DIR = Path(os.environ.get("DRSN_FIELD_DIR", Path(__file__).parents[2].parent / "shared" / "field"))
"""Scripts that make the originals in full size; without them the small ones are tested."""


class Reads(NamedTuple):
    """Channels by the truth (`x`, `y`, or anything else for another signal), and the rate."""

    channels: str
    rate_hz: float = 25_600.0


TEXT: dict[str, Reads | str] = {
    "single_decimal_comma.txt": Reads("x"),
    "single_decimal_comma_head.csv": Reads("x"),
    "decimal_comma_offset.txt": r"decimal marks or part two columns.*--decimal",
    "two_counts.txt": r"decimal marks or part two columns.*--decimal",
    "two_counts_head.csv": Reads("oo"),
    "decimal_and_delimiter.csv": r"decimal commas look like delimiters.*semicolons",
    "blank_decimal_comma.txt": Reads("xy"),
    "quoted_decimal_comma.csv": Reads("x"),
    "excel_sep.csv": Reads("xy"),
    "units_row.csv": Reads("xy"),
    "units_row_ms.csv": Reads("xy"),
    "utf16_excel.txt": Reads("xy"),
    "utf16_unmarked.txt": Reads("xy"),
    "bom_utf8.csv": Reads("xy"),
    "trailing_sep.csv": Reads("xy"),
    "trailing_tab.txt": Reads("xy"),
    "trailing_sep_head.csv": Reads("xy"),
    "trailing_semicolon_head.csv": Reads("xy"),
    "iso_time.csv": Reads("x"),
    "iso_zone.csv": Reads("x"),
    "date_and_clock.csv": Reads("x"),
    "epoch_ms.csv": Reads("x", 1000.0),
    "epoch_us.csv": Reads("x", 25_000.0),
    "epoch_s.csv": Reads("x"),
    "time_ns.csv": Reads("x"),
    "elapsed.csv": Reads("x"),
    "xvalue.csv": Reads("x"),
    "time_iso_unit.csv": Reads("x"),
    "time_s_de.csv": Reads("x"),
    "latin1_header.csv": Reads("x"),
    "comment_percent.csv": Reads("x"),
    "time_ms_unnamed.csv": r"'time' has no unit: 25\.6 Hz if in s, 25600 Hz if in ms.*time_ms",
    "time_counts.csv": r"'time' has no unit: 1 Hz if in s",
    "slow_unnamed.csv": r"'time' has no unit: 10 Hz if in s",
    "uptime_us.csv": r"'t' has no unit",
    "lost_samples.csv": r"uneven steps; cut the file where samples are missing",
    "index_first.csv": Reads("xy"),
    "nan_cell.csv": r"line 779: .*column 1 is 'NaN'",
    "empty_cell.csv": r"line 779: .*column 1 is empty",
    "unequal.csv": r"line \d+: .*column 1 is empty \(and \d+ more lines\)",
    "thousands.csv": r"group thousands.*without grouping",
    "thousands_de.csv": r"group thousands.*without grouping",
    "thousands_de_int.csv": r"may group thousands.*without grouping",
    "sci_D.txt": Reads("x"),
    "footer.csv": Reads("xy"),
    "lvm_like.txt": Reads("x"),
    "ims_like.txt": Reads("oooo"),
    "ims_like.39": Reads("xyxy"),
    "xjtu.csv": Reads("xy"),
    "femto.csv": Reads("xy"),
    "femto_wrap.csv": Reads("xy"),
    "femto_semicolon.csv": Reads("xy"),
    "mafaulda.csv": Reads("oxyooooo"),
    "seu.csv": Reads("xyxyxyxy", 5120.0),
    "hust.xls": r"channel 0 only rises.*head it time_s",
    "scope.csv": Reads("x"),
    "oneline.csv": r"holds no sample rate",
    "dup_header_mid.csv": r"line \d+: .*not 2 numbers: column 0 is 'x'",
    "note_in_last.csv": r"line 7: .*column 2 is empty above, and 'spike' here",
    "minus_unicode.csv": Reads("xy"),
    "crcr.csv": Reads("xy"),
    "vertical_tab_pipe.csv": Reads("xy"),
    "words.txt": r"no line of numbers",
    "empty.csv": r"no line of numbers",
}
WAV: dict[str, Reads | str] = {
    **dict.fromkeys(
        ("pcm16.wav", "pcm24.wav", "pcm8.wav", "ext24in32.wav", "ext_float.wav", "bext_list.wav"), Reads("x")
    ),
    **dict.fromkeys(("ffmpeg_pipe.wav", "size0_powercut.wav", "rf64.wav", "odd_tail.wav"), Reads("x")),
    "float_gain.wav": Reads("o"),
    "eight_ch.wav": Reads("xxxxxxxx"),
    "cut_download.wav": r"cut short: \d+ of \d+ bytes.*copy it again",
    "alaw.wav": r"8-bit format-6 samples; 8, 16, 24, 32 bit and floats can be read",
}
ARRAYS: dict[str, Reads | str] = {
    "mfpt.mat": Reads("x", 97_656.0),
    "N15_M07_F10_K001_1.mat": r"several arrays.*--variable.*Y\.force",
    "ottawa.mat": r"several arrays.*--variable.*Channel_1, Channel_2",
    "two_plus_tacho.mat": Reads("x"),
    "fs_upper.mat": Reads("x"),
    "srate.mat": Reads("x"),
    "segments.mat": r"400 channels of \d+ samples: rows of windows\?",
    "labelled.mat": r"several arrays.*: X, y",
    "int16.mat": Reads("o", 12_000.0),
    "cell.mat": r"several arrays.*data\{1\}, data\{2\}",
    "v4.mat": Reads("x", 12_000.0),
    "v73.mat": r"no recording: damaged|needs? h5py|files need",
    "html.mat": r"a web page, not the file; download it again",
    "lfs.mat": r"Git LFS.*git lfs pull",
    "fs.npz": Reads("x"),
    "complex.npy": r"holds complex128, not numbers",
    "str.npy": r"holds <U3, not numbers",
    "struct.npy": r"not numbers",
    "object.npy": r"Object arrays",
    "windows3d.npy": r"an array of shape \(\d+, 1, 256\)",
    **dict.fromkeys(("fortran.npy", "nx3.npy", "be.npy", "arr0.npz"), r"holds no sample rate; give --sample-rate-hz"),
}
CASES = {**TEXT, **WAV, **ARRAYS}
STATED: dict[str, tuple[Choice, Reads]] = {
    "hust.xls": (Choice(25_600.0), Reads("ox")),
    "oneline.csv": (Choice(25_600.0), Reads("x")),
    "time_ms_unnamed.csv": (Choice(25_600.0), Reads("x")),
    "uptime_us.csv": (Choice(25_641.0), Reads("x", pytest.approx(25_641, rel=1e-4))),
    "two_counts.txt": (Choice(1000.0, decimal="."), Reads("oo", 1000.0)),
    "decimal_comma_offset.txt": (Choice(1000.0, decimal=","), Reads("o", 1000.0)),
    "nx3.npy": (Choice(25_600.0), Reads("xxx")),
    "fortran.npy": (Choice(25_600.0), Reads("xx")),
    "be.npy": (Choice(25_600.0), Reads("x")),
    "arr0.npz": (Choice(25_600.0), Reads("x")),
    "ottawa.mat": (Choice(variable="Channel_1"), Reads("x", 200_000.0)),
    "N15_M07_F10_K001_1.mat": (Choice(64_000.0, variable="*.Y.vibration_1"), Reads("x", 64_000.0)),
    "cell.mat": (Choice(variable="data{1}"), Reads("x", 12_000.0)),
    "femto.csv": (Choice(channels=(1,)), Reads("y")),
    "mafaulda.csv": (Choice(50_000.0, channels=(1, 2)), Reads("xy", 50_000.0)),
}
"""What reads a file that is refused, or chooses of it: the remedies that the messages name."""

NEEDS_RATE = frozenset(
    {
        "single_decimal_comma.txt", "single_decimal_comma_head.csv", "blank_decimal_comma.txt", "two_counts_head.csv",
        "utf16_excel.txt", "utf16_unmarked.txt", "bom_utf8.csv", "trailing_sep.csv", "trailing_tab.txt",
        "trailing_sep_head.csv", "trailing_semicolon_head.csv", "index_first.csv", "sci_D.txt", "footer.csv",
        "ims_like.txt", "ims_like.39", "xjtu.csv", "mafaulda.csv", "minus_unicode.csv", "crcr.csv",
        "vertical_tab_pipe.csv",
    }
)  # fmt: skip
"""Files without a rate, read at the rate given."""


def check(path: Path, expected: Reads | str, choice: Choice, x: np.ndarray, y: np.ndarray) -> None:
    """Read and compare with the truth, or with the words of the refusal."""
    if isinstance(expected, str):
        with pytest.raises(DrsnError) as caught:
            read_file(path, choice)
        said = str(caught.value)
        assert re.search(expected, said), said
        assert "\n" not in said
        assert len(said) < 900
        return
    recording = read_file(path, choice).recording
    assert recording.sample_rate_hz == expected.rate_hz
    assert len(recording.samples) == len(expected.channels)
    tolerance = 0.02 if path.name == "pcm8.wav" else 1e-4
    for channel, name in zip(recording.samples, expected.channels, strict=True):
        truth = {"x": x, "y": y}.get(name)
        if truth is not None:
            np.testing.assert_allclose(channel, truth[: channel.size], atol=tolerance)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("field")
    make_text(folder)
    make_wav(folder)
    make_arrays(folder)
    return folder


def test_every_file_that_is_made_is_in_the_matrix(made: Path):
    assert {path.name for path in made.iterdir()} == {*CASES} - {"ims_like.txt"}


@pytest.mark.parametrize("name", sorted({*CASES} - {"ims_like.txt"}))
def test_a_file_is_read_right_or_refused_with_the_right_words(name: str, made: Path):
    check(made / name, CASES[name], Choice(25_600.0 if name in NEEDS_RATE else None), X, Y)


@pytest.mark.parametrize("name", sorted(NEEDS_RATE - {"ims_like.txt"}))
def test_a_rate_that_no_file_states_is_asked_for(name: str, made: Path):
    check(made / name, r"holds no sample rate; give --sample-rate-hz", Choice(), X, Y)


@pytest.mark.parametrize("name", sorted(STATED))
def test_the_remedy_that_a_message_names_reads_the_file(name: str, made: Path):
    choice, expected = STATED[name]
    check(made / name, expected, choice, X, Y)


ORIGINALS = ("20_text_files/make.py", "21_wav/case.py", "22_mat_npy/case.py")
MAKE = "import sys; p = sys.argv[1]; s = open(p).read().partition('p = port()')[0]; exec(s, {'__file__': p})"
"""The scripts make their files before they start a broker at `p = port()`."""


@pytest.mark.slow
@pytest.mark.skipif(not FIELD_DIR.is_dir(), reason="the originals: set DRSN_FIELD_DIR to their folder")
@pytest.mark.parametrize("script", ORIGINALS)
def test_the_originals_are_read_right_or_refused_with_the_right_words(script: str, tmp_path: Path):
    command = [sys.executable, "-c", MAKE, str(FIELD_DIR / script)]
    subprocess.run(command, check=True, env={**os.environ, "FIELD_DIR": str(tmp_path)}, timeout=100)
    folder = tmp_path / "field" / script.partition("/")[0] / "files"
    known = np.load(folder / "truth.npz") if (folder / "truth.npz").is_file() else None
    for path in sorted(folder.iterdir()):
        expected = CASES.get(path.name)
        if path.name == "truth.npz" or expected is None:
            assert path.name == "truth.npz", f"{path.name} is not in the matrix"
            continue
        choice = Choice(25_600.0 if path.name in NEEDS_RATE else None)
        if known is not None:
            check(path, expected, choice, known["x"], known["y"])
        elif isinstance(expected, str):
            check(path, expected, choice, X, Y)
        else:
            check(path, expected._replace(channels="o" * len(expected.channels)), choice, X, Y)
