from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.model.data import hit_sm
from drsn.model.errors import BadDataError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("rig", hit_sm.RIGS)
def test_each_rig_has_seven_labels_at_each_speed(hit_sm_folder: Path, rig: str):
    recordings = hit_sm.read_speeds(hit_sm_folder, rig, [600, 1200])
    assert [r.label for r in recordings] == [*hit_sm.FILES, *hit_sm.FILES]
    assert {(r.sample_rate_hz, r.n_samples) for r in recordings} == {(12_800, 65_536)}
    assert [r.rpm for r in recordings] == [600] * 7 + [1200] * 7
    assert len({r.name for r in recordings}) == 14
    assert all(np.isfinite(r.samples).all() and r.samples.std() > 0 for r in recordings)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(BadDataError, match=r"spectraquest/IR2_600\.mat"):
        hit_sm.read(tmp_path, "spectraquest", "inner_race_2", 600)


def test_a_file_of_several_variables_is_refused(tmp_path: Path):
    from scipy.io import savemat

    (tmp_path / "self_built").mkdir()
    savemat(tmp_path / "self_built" / "IR2_600.mat", {"a": np.zeros(60_000), "b": np.zeros(60_000)})
    with pytest.raises(BadDataError, match="one signal"):
        hit_sm.read(tmp_path, "self_built", "inner_race_2", 600)
