"""Files of baselines at the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from baseline_windows import baseline, drawn

from drsn.agent.__main__ import main
from drsn.agent.monitoring.baseline_features import ENVELOPE, SPECTRUM, BaselineSignal
from drsn.agent.monitoring.baseline_file import BaselineFile
from drsn.agent.tools.operator.baselines import differences, read_baseline, shown_lines, write_baseline
from drsn.model.errors import BadDataError, StorageError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

SIGNAL = BaselineSignal(2048, 12_000.0, 5_300.0, 1)


def file(
    rpm: float = 1_500.0, more: tuple[slice, float] = (SPECTRUM, 0.0), signal: BaselineSignal = SIGNAL
) -> BaselineFile:
    features = drawn(100)
    features[:, more[0]] += np.float32(more[1])
    return BaselineFile(baseline(features, rpm), signal, "ab", "press4-de")


def test_a_file_is_written_once_and_read(tmp_path: Path):
    path, text = tmp_path / "a.json", file().to_text()
    write_baseline(path, "press4-de", text)
    assert read_baseline(path).to_text() == text
    with pytest.raises(UsageError, match="exists"):
        write_baseline(path, "press4-de", text)
    with pytest.raises(StorageError, match="No such file"):
        write_baseline(tmp_path / "none" / "a.json", "press4-de", text)
    with pytest.raises(BadDataError, match="learnt by an earlier version"):
        write_baseline(tmp_path / "b.json", "press4-de", None)


def test_another_file_is_refused(tmp_path: Path):
    with pytest.raises(StorageError, match="No such file"):
        read_baseline(tmp_path / "none.json")
    (tmp_path / "a").write_bytes(b"\xff\xfe")
    with pytest.raises(BadDataError, match="not a baseline"):
        read_baseline(tmp_path / "a")


def test_a_baseline_is_shown_in_a_few_lines():
    lines = list(shown_lines(file().to_text(), 7))
    assert any("state: 1500 rpm, 100 windows" in line for line in lines)
    assert lines[-1].endswith("7 windows since the agent's start")
    assert "commission the machine again" in next(shown_lines(None, None))


def test_two_baselines_differ_by_what_would_count_as_a_change():
    assert differences(file(), file()) == []
    band = slice(SPECTRUM.start + 3, SPECTRUM.start + 4)
    (found,) = differences(file(), file(more=(band, 2.0)))
    assert found["what"].startswith("band_")
    assert found["by"] == pytest.approx(8.7, abs=0.2)
    assert found["unit"] == "dB"
    line = slice(ENVELOPE.start, ENVELOPE.start + 1)
    assert differences(file(), file(more=(line, -1.5)))[0]["what"].startswith("envelope_0.40")
    assert differences(file(), file(rpm=3_000.0))[0]["what"] == "no such state in the first"


def test_baselines_of_other_signals_cannot_be_compared():
    for other in (file(signal=BaselineSignal(4096, 12_000.0, 5_300.0, 1)), file(rpm=np.nan)):
        with pytest.raises(BadDataError, match="cannot be compared"):
            differences(file(), other)


def test_the_command_compares_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    write_baseline(paths[0], "a", file().to_text())
    write_baseline(paths[1], "b", file(more=(SPECTRUM, 3.0)).to_text())
    assert main(["baselines", str(paths[0]), str(paths[0])]) == 0
    assert "no difference" in capsys.readouterr().out
    assert main(["baselines", *map(str, paths)]) == 1
    assert "20 differences" in capsys.readouterr().out
