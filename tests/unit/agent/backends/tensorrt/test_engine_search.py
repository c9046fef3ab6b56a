"""An engine that fits is found; another one is refused with the reason, before TensorRT loads it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import fake_cuda
import pytest
from engine_files import lay, plan_content
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drsn.agent.backends.tensorrt.cuda import Device
from drsn.agent.backends.tensorrt.engine_file import EngineFile, default_engine_dir
from drsn.agent.backends.tensorrt.engine_search import NoEngine, Platform, build_command, find_engine, fitting_engines
from drsn.agent.backends.tensorrt.sidecar import Sidecar, sidecar_path
from drsn.agent.bundles import shipped
from drsn.model.bundle import open_bundle
from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

BUNDLE = open_bundle(shipped("synthetic"))
ORIN = Platform("tensorrt", (10, 3, 0), fake_cuda.ORIN)


def found(folder: Path, platform: Platform = ORIN, max_batch: int = 32) -> EngineFile | NoEngine:
    return find_engine(folder, BUNDLE, platform, max_batch)


def reason(folder: Path, platform: Platform = ORIN, max_batch: int = 32) -> str:
    answer = found(folder, platform, max_batch)
    assert isinstance(answer, NoEngine)
    assert "\n" not in answer.reason
    assert f"drsn-export --target trt --bundle {BUNDLE.path}" in answer.reason
    return answer.reason


def test_a_plan_that_fits_is_found_and_read(tmp_path: Path):
    path = lay(tmp_path, BUNDLE)
    plan = found(tmp_path)
    assert isinstance(plan, EngineFile)
    assert (plan.path, plan.read()) == (path, plan_content())
    assert plan.sidecar.l4t == "36.4.3"


@pytest.mark.parametrize("here", [(10, 3, 0), (10, 3, 0, 30)])
def test_a_library_that_tells_three_numbers_is_believed(tmp_path: Path, here: tuple[int, ...]):
    lay(tmp_path, BUNDLE)
    assert isinstance(found(tmp_path, replace(ORIN, tensorrt=here)), EngineFile)


OTHER_BUNDLE = "0" * 64


# For each check one thing that does not fit; without the check it would be found.
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"bundle_sha256": OTHER_BUNDLE}, "from bundle 000000000000, this is"),
        ({"onnx_sha256": OTHER_BUNDLE}, "from a model.onnx that is not the bundle's"),
        ({"network": "model.int8.onnx"}, "from a model.int8.onnx that is not the bundle's"),
        ({"gpu": "NVIDIA Thor"}, "was built for NVIDIA Thor, this is Orin"),
        ({"compute_capabilities": ["8.6", "8.9"]}, r"for compute capability 8\.6, 8\.9, Orin has 8\.7"),
        ({"tensorrt": "10.7.0.23"}, r"was built with TensorRT 10\.3\.0\.30, but its sidecar file has 10\.7"),
        ({"flavour": "tensorrt-rtx"}, "plan of tensorrt, but its sidecar file is for tensorrt-rtx"),
        ({"plan_bytes": 28}, "incomplete copy"),
        ({"batch": {"min": 1, "opt": 8, "max": 16}}, "takes 1 to 16 windows at once, not 1 to 32"),
        ({"batch": {"min": 2, "opt": 8, "max": 32}}, "takes 2 to 32 windows"),
        ({"batch": {"min": 1, "opt": 64, "max": 32}}, "not min <= opt <= max"),
        ({"batch": {"min": 0, "opt": 8, "max": 32}}, r"batch\.min"),
        ({"schema_version": 2}, "schema_version"),
        ({"precision": "int8"}, "precision"),
        ({"surplus": 1}, "surplus"),
        ({"build_s": -1}, "build_s"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_does_not_fit_is_refused_with_the_reason(tmp_path: Path, said: dict, told: str):
    lay(tmp_path, BUNDLE, **said)
    assert re.search(told, reason(tmp_path))


@pytest.mark.parametrize("here", [(10, 7, 0), (10, 3, 1), (8, 6, 2), (10, 3, 0, 31), (10,)])
def test_another_tensorrt_is_told_with_both_versions(tmp_path: Path, here: tuple[int, ...]):
    lay(tmp_path, BUNDLE)
    told = ".".join(map(str, here))
    assert f"built with TensorRT 10.3.0.30, here is {told}" in reason(tmp_path, replace(ORIN, tensorrt=here))


@pytest.mark.parametrize(
    "gpu",
    [
        Device("NVIDIA Thor", (11, 0), (12, 6), 1),
        Device("Orin Nano", (8, 7), (12, 6), 1),
        Device("Orin", (8, 6), (12, 6), 1),
    ],
)
def test_another_gpu_is_told(tmp_path: Path, gpu: Device):
    lay(tmp_path, BUNDLE)
    assert gpu.name in reason(tmp_path, replace(ORIN, device=gpu))


def test_ahead_of_time_any_gpu_of_its_capability_will_do(tmp_path: Path):
    plan = plan_content(b"vtrt", (1, 7, 1, 116))
    lay(
        tmp_path,
        BUNDLE,
        plan,
        flavour="tensorrt-rtx",
        tensorrt="1.7.1.116",
        gpu=None,
        compute_capabilities=["8.6", "8.9"],
    )
    platform = Platform("tensorrt-rtx", (1, 7, 1, 116), Device("NVIDIA RTX 4000", (8, 9), (12, 6), 1))
    assert isinstance(found(tmp_path, platform), EngineFile)
    assert isinstance(
        found(tmp_path, replace(platform, device=Device("NVIDIA RTX 5000", (12, 0), (12, 6), 1))), NoEngine
    )
    assert "none for this bundle" in reason(tmp_path), "a .rtx is none of TensorRT's"


@pytest.mark.parametrize(
    ("plan", "told"),
    [(b"ftrt", "4 bytes long"), (b"garbage" * 10, "not a TensorRT plan"), (plan_content(layout=3), "layout")],
)
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, plan: bytes, told: str):
    path = lay(tmp_path, BUNDLE)
    path.write_bytes(plan)
    assert told in reason(tmp_path)


def test_a_plan_of_the_other_kind_under_this_ones_name_is_refused(tmp_path: Path):
    """All else agrees: sidecar and header are of TensorRT-RTX, of the same version, for the same GPU."""
    path = lay(tmp_path, BUNDLE, plan_content(b"vtrt"), flavour="tensorrt-rtx")
    for part in (path, sidecar_path(path)):
        part.rename(part.with_name(part.name.replace(".rtx", ".plan")))
    assert "is of tensorrt-rtx, not tensorrt" in reason(tmp_path)


def test_a_plan_without_a_sidecar_is_refused(tmp_path: Path):
    sidecar_path(lay(tmp_path, BUNDLE)).unlink()
    assert "its sidecar" in reason(tmp_path)


def test_of_several_the_newest_that_fits_is_taken(tmp_path: Path):
    old = lay(tmp_path, BUNDLE)
    half = lay(tmp_path, BUNDLE, precision="fp16")
    os.utime(old, (1, 1))
    assert found(tmp_path).path == half
    os.utime(old, (2_000_000_000, 2_000_000_000))
    assert found(tmp_path).path == old
    old.write_bytes(b"")
    assert found(tmp_path).path == half


def test_all_that_fit_are_listed_the_newest_first(tmp_path: Path):
    old, half = lay(tmp_path, BUNDLE), lay(tmp_path, BUNDLE, precision="fp16")
    os.utime(old, (1, 1))
    (tmp_path / f"{BUNDLE.sha256[:16]}-x.plan").symlink_to("nowhere")
    listed = fitting_engines(tmp_path, BUNDLE, ORIN, 32)
    assert [plan.path for plan in listed] == [half, old]
    half.write_bytes(b"")
    assert [plan.path for plan in fitting_engines(tmp_path, BUNDLE, ORIN, 32)] == [old]


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("nowhere"), lambda path: path.mkdir()])
def test_what_can_not_be_read_is_a_reason_and_hides_no_other(tmp_path: Path, make):
    make(tmp_path / f"{BUNDLE.sha256[:16]}-x.plan")
    assert "-x.plan: " in reason(tmp_path)
    path = lay(tmp_path, BUNDLE)
    os.utime(path, (2, 2))
    assert found(tmp_path).path == path


def test_a_folder_that_can_not_be_read_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fails(_path: Path, _pattern: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("pathlib.Path.glob", fails)
    assert "Input/output error; build one" in reason(tmp_path)


def test_where_there_is_none_the_command_is_named(tmp_path: Path):
    place = tmp_path / "none"
    assert f"none for this bundle; build one: drsn-export --target trt --bundle {BUNDLE.path}" in reason(place)
    assert f"--engine-dir {place}" in reason(place)
    assert "--batch 1,64,64" in reason(place, max_batch=64)
    assert "--batch" not in reason(place, max_batch=32), "what is built by default takes 32"
    (tmp_path / "0123456789abcdef-orin-10.3.0-fp32.plan").write_bytes(plan_content())
    assert "those here are of other bundles" in reason(tmp_path)


def test_the_default_place_needs_no_option():
    command = build_command(BUNDLE.path, "tensorrt-rtx", default_engine_dir(BUNDLE.path))
    assert command == f"drsn-export --target trt-rtx --bundle {BUNDLE.path}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
QUICK = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@QUICK
@given(key=st.sampled_from(sorted(Sidecar.model_fields)), value=JSON)
def test_no_value_in_a_sidecar_upsets_the_reader(tmp_path: Path, key: str, value: object):
    lay(tmp_path, BUNDLE, **{"precision": "fp32", key: value} if key != "precision" else {})
    answer = found(tmp_path)
    assert isinstance(answer, EngineFile) or "\n" not in answer.reason


@QUICK
@given(place=st.integers(0, len(plan_content()) - 1), bit=st.integers(0, 7))
def test_no_flipped_bit_in_a_plan_goes_unseen(tmp_path: Path, place: int, bit: int):
    path = lay(tmp_path, BUNDLE)
    damaged = bytearray(plan_content())
    damaged[place] ^= 1 << bit
    path.write_bytes(damaged)
    answer = found(tmp_path)
    if isinstance(answer, EngineFile):
        with pytest.raises(BundleError):
            answer.read()
