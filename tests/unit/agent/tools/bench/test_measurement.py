from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.bundles import shipped
from drsn.agent.settings.loader import Configuration
from drsn.agent.settings.sections import Settings
from drsn.agent.tools.bench.measurement import input_of, measure, network_time_us
from drsn.agent.tools.bench.stages import ORDER
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


def configuration(state_dir: Path) -> Configuration:
    settings = Settings(
        agent={"id": "tester", "bundle": "shipped:synthetic", "state_dir": state_dir},
        inference={"max_batch": 4},
        inputs=[{"topic": "plant/{point}/x", "sensor": "{point}", "channels": ["x", "y"], "hop_windows": 0.5}],
    )
    return Configuration(settings, "0" * 64, shipped("synthetic"))


def test_every_stage_and_both_paces_are_measured(tmp_path: Path):
    found = measure(configuration(tmp_path), 0.4, sensors=3)
    assert found.flood.windows > 0
    assert found.live.windows > 0
    assert found.max_batch == 4
    assert 1 <= found.live_sensors <= 3
    assert found.receive_us > 0
    assert tuple(found.stages_us) == ORDER
    assert sum(found.stages_us.values()) == pytest.approx(found.flood.cpu_us)
    assert list(found.network_us) == [1, 4]
    assert found.capacity.windows_per_s == pytest.approx(2 * 16_000 / 2048, rel=0.7)
    assert not any(tmp_path.iterdir()), "nothing stays behind"


def test_the_input_is_the_first_with_samples_as_the_codecs_encode_them(tmp_path: Path):
    settings = configuration(tmp_path).settings
    raw = {"topic": "a/{s}", "sensor": "{s}", "codec": "raw", "dtype": "i16", "scale": 0.1, "sample_rate_hz": 48_000.0}
    settings = Settings(agent=settings.agent, inputs=[raw, *settings.inputs])
    entry = input_of(settings)
    assert (entry.codec, entry.sample_rate_hz, entry.dtype, entry.scale) == ("raw", 48_000.0, "f32", 1.0)


def test_a_state_directory_that_is_not_there_is_not_made(tmp_path: Path):
    measure(configuration(tmp_path / "none"), 0.1, sensors=1)
    assert not (tmp_path / "none").exists()


def test_the_network_alone_is_given_whole_batches():
    class Counting:
        name = "counting"

        def __init__(self) -> None:
            self.sizes: set[int] = set()

        def infer(self, x: NDArray[np.float32]) -> None:
            self.sizes.add(len(x))

        def close(self) -> None:
            pass

    backend = Counting()
    assert network_time_us(backend, open_bundle(shipped("synthetic")), 200) > 0
    assert backend.sizes == {200}
