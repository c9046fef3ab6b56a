from __future__ import annotations

import importlib
import signal
import sys
import time

import pytest

from drsn.agent.tools.bench.stages import ORDER, STAGES, StageSampler, stage_of, stage_of_module


@pytest.mark.parametrize(
    ("module", "stage"),
    [
        ("drsn.agent.acquisition.codecs.frame", "decode"),
        ("drsn.agent.acquisition.sensor_faults", "sensor faults"),
        ("drsn.agent.acquisition.fault_screen", "sensor faults"),
        ("drsn.agent.acquisition.ring_buffer", "route, ring and batch"),
        ("drsn.agent.backends.onnx", "network"),
        ("drsn.agent.service.committer", "commit"),
        ("drsn.agent.service.loop", "loop"),
        ("drsnx.agent", None),
        ("numpy", None),
    ],
)
def test_the_longest_name_that_fits_counts(module: str, stage: str | None):
    assert stage_of_module(module) == stage


@pytest.mark.parametrize("module", STAGES)
def test_every_module_of_a_stage_exists(module: str):
    importlib.import_module(module)


def test_the_time_of_a_library_belongs_to_its_caller():
    assert stage_of(sys._getframe()) == "loop"  # pytest calls this, and nothing of the package


def test_all_cpu_time_is_attributed():
    before = signal.getsignal(signal.SIGPROF)
    with StageSampler() as sampler:
        started_s = time.process_time()
        while time.process_time() - started_s < 0.1:
            pass
    assert sum(sampler.cpu_s.values()) == pytest.approx(0.1, abs=0.04)
    assert tuple(sampler.cpu_s) == ORDER
    assert signal.getsignal(signal.SIGPROF) is before
