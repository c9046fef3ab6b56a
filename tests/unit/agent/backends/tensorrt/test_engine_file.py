"""A plan is recognised, or refused with the reason, before TensorRT may touch it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drsn.agent.backends.tensorrt import engine_file as module
from drsn.agent.backends.tensorrt.engine_file import (
    Machine,
    NoPlan,
    Plan,
    Sidecar,
    find_plan,
    header,
    numbers,
    plan_name,
)
from drsn.agent.bundles import shipped
from drsn.model.bundle import open_bundle
from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

BUNDLE = open_bundle(shipped("synthetic"))


@dataclass(frozen=True)
class Gpu:
    """A GPU, as the driver describes it."""

    name: str = "Orin"
    compute_capability: tuple[int, int] = (8, 7)


ORIN = Machine("tensorrt", (10, 3, 0), Gpu())


def content(magic: bytes = b"ftrt", version: tuple[int, ...] = (10, 3, 0, 30), layout: int = 0) -> bytes:
    """What stands at the front of a real plan, and something behind it."""
    return magic + struct.pack("<I", layout) + bytes(16) + bytes(version) + b"weights"


def lay(folder: Path, plan: bytes | None = None, **said: Any) -> Path:  # noqa: ANN401 (anything a sidecar may say)
    """A plan with its sidecar; `said` changes what the sidecar says."""
    plan = content() if plan is None else plan
    document = {
        "flavour": "tensorrt",
        "tensorrt": "10.3.0.30",
        "gpu": "Orin",
        "compute_capabilities": ["8.7"],
        "l4t": "36.4.3",
        "cuda": "12.6",
        "batch": {"min": 1, "opt": 8, "max": 32},
        "precision": "fp32",
        "strict": False,
        "network": "model.onnx",
        "onnx_sha256": BUNDLE.manifest.files["model.onnx"].sha256,
        "bundle_sha256": BUNDLE.sha256,
        "plan_sha256": hashlib.sha256(plan).hexdigest(),
        "plan_bytes": len(plan),
        "workspace_bytes": 1,
        "build_s": 1.5,
        "peak_memory_bytes": 2,
        "created": "2026-01-01T00:00:00Z",
        **said,
    }
    flavour = "tensorrt-rtx" if plan.startswith(b"vtrt") else "tensorrt"
    folder.mkdir(exist_ok=True)
    path = folder / plan_name(BUNDLE.sha256, "Orin", "10.3.0.30", document["precision"], flavour)
    path.write_bytes(plan)
    module.sidecar_path(path).write_text(json.dumps(document), encoding="utf-8")
    return path


def found(folder: Path, machine: Machine = ORIN, max_batch: int = 32) -> Plan | NoPlan:
    return find_plan(folder, BUNDLE, machine, max_batch)


def reason(folder: Path, machine: Machine = ORIN, max_batch: int = 32) -> str:
    answer = found(folder, machine, max_batch)
    assert isinstance(answer, NoPlan)
    assert "\n" not in answer.reason
    assert f"drsn-export --target trt --bundle {BUNDLE.path}" in answer.reason
    return answer.reason


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (content(), ("tensorrt", (10, 3, 0, 30))),
        (content(b"vtrt", (1, 7, 1, 116)), ("tensorrt-rtx", (1, 7, 1, 116))),
        (content(version=(8, 6, 2, 3)), ("tensorrt", (8, 6, 2, 3))),
        (content()[:28], ("tensorrt", (10, 3, 0, 30))),
    ],
)
def test_a_header_tells_flavour_and_version(plan: bytes, told: tuple):
    assert header(plan) == told


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (b"", "0 bytes long"),
        (content()[:27], "27 bytes long"),
        (b"PK\x03\x04" + bytes(40), "no TensorRT plan"),
        (content(b"ptrt"), "no TensorRT plan"),
        (content(layout=1), "another layout"),
    ],
)
def test_what_has_no_header_is_no_plan(plan: bytes, told: str):
    with pytest.raises(ValueError, match=told):
        header(plan)


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: b"ftrt" + bytes(4) + tail))
def test_no_bytes_upset_the_reader_of_headers(plan: bytes):
    whole = len(plan) >= 28 and plan[:4] in (b"ftrt", b"vtrt") and plan[4:8] == bytes(4)
    with nullcontext() if whole else pytest.raises(ValueError, match=r"plan|layout"):
        assert header(plan)[1] == tuple(plan[24:28])


def test_the_name_says_for_what_it_is():
    name = plan_name("ab" * 32, "NVIDIA H100 80GB HBM3", "10.3.0", "fp16", "tensorrt")
    assert name == "abababababababab-nvidia-h100-80gb-hbm3-10.3.0-fp16.plan"
    assert plan_name("ab" * 32, "sm86-sm89", "1.7.1.116", "fp32", "tensorrt-rtx").endswith(
        "-sm86-sm89-1.7.1.116-fp32.rtx"
    )
    assert plan_name("ab" * 32, "../../etc/(X)", "1", "fp32", "tensorrt") == "abababababababab-etc-x-1-fp32.plan"


def test_engines_lie_beside_the_bundle(tmp_path: Path):
    assert module.default_engine_dir(tmp_path / "model.zip") == tmp_path / "model.zip.engines"


def test_a_plan_that_fits_is_found_and_read(tmp_path: Path):
    path = lay(tmp_path)
    plan = found(tmp_path)
    assert isinstance(plan, Plan)
    assert (plan.path, plan.read()) == (path, content())
    assert plan.sidecar.l4t == "36.4.3"


@pytest.mark.parametrize("here", [(10, 3, 0), (10, 3, 0, 30)])
def test_a_library_that_tells_three_numbers_is_believed(tmp_path: Path, here: tuple[int, ...]):
    lay(tmp_path)
    assert isinstance(found(tmp_path, replace(ORIN, tensorrt=here)), Plan)


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
        ({"tensorrt": "10.7.0.23"}, r"was built with TensorRT 10\.3\.0\.30, its sidecar says 10\.7"),
        ({"flavour": "tensorrt-rtx"}, "plan of tensorrt, its sidecar is of tensorrt-rtx"),
        ({"plan_bytes": 28}, "cut short"),
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
    lay(tmp_path, **said)
    assert re.search(told, reason(tmp_path))


@pytest.mark.parametrize("here", [(10, 7, 0), (10, 3, 1), (8, 6, 2), (10, 3, 0, 31), (10,)])
def test_another_tensorrt_is_told_with_both_versions(tmp_path: Path, here: tuple[int, ...]):
    lay(tmp_path)
    told = ".".join(map(str, here))
    assert f"built with TensorRT 10.3.0.30, here is {told}" in reason(tmp_path, replace(ORIN, tensorrt=here))


@pytest.mark.parametrize("gpu", [Gpu("NVIDIA Thor", (11, 0)), Gpu("Orin Nano", (8, 7)), Gpu("Orin", (8, 6))])
def test_another_gpu_is_told(tmp_path: Path, gpu: Gpu):
    lay(tmp_path)
    assert gpu.name in reason(tmp_path, replace(ORIN, device=gpu))


def test_ahead_of_time_any_gpu_of_its_capability_will_do(tmp_path: Path):
    plan = content(b"vtrt", (1, 7, 1, 116))
    lay(tmp_path, plan, flavour="tensorrt-rtx", tensorrt="1.7.1.116", gpu=None, compute_capabilities=["8.6", "8.9"])
    machine = Machine("tensorrt-rtx", (1, 7, 1, 116), Gpu("NVIDIA RTX 4000", (8, 9)))
    assert isinstance(found(tmp_path, machine), Plan)
    assert isinstance(found(tmp_path, replace(machine, device=Gpu("NVIDIA RTX 5000", (12, 0)))), NoPlan)
    assert "none for this bundle" in reason(tmp_path), "a .rtx is none of TensorRT's"


@pytest.mark.parametrize(
    ("plan", "told"), [(b"ftrt", "4 bytes long"), (b"garbage" * 10, "no TensorRT plan"), (content(layout=3), "layout")]
)
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, plan: bytes, told: str):
    path = lay(tmp_path)
    path.write_bytes(plan)
    assert told in reason(tmp_path)


def test_a_plan_of_the_other_kind_under_this_ones_name_is_refused(tmp_path: Path):
    """All else agrees: sidecar and header are of TensorRT-RTX, of the same version, for the same GPU."""
    path = lay(tmp_path, content(b"vtrt"), flavour="tensorrt-rtx")
    for part in (path, module.sidecar_path(path)):
        part.rename(part.with_name(part.name.replace(".rtx", ".plan")))
    assert "is of tensorrt-rtx, not tensorrt" in reason(tmp_path)


def test_a_plan_without_a_sidecar_is_refused(tmp_path: Path):
    module.sidecar_path(lay(tmp_path)).unlink()
    assert "its sidecar" in reason(tmp_path)


def test_a_huge_sidecar_is_not_read(tmp_path: Path):
    module.sidecar_path(lay(tmp_path)).write_text(" " * (module.MAX_SIDECAR_BYTES + 1), encoding="utf-8")
    assert "larger than 65536 bytes" in reason(tmp_path)


def test_a_plan_with_a_changed_byte_is_not_handed_on(tmp_path: Path):
    path = lay(tmp_path)
    plan = found(tmp_path)
    assert isinstance(plan, Plan)
    path.write_bytes(content()[:-1] + b"S")
    with pytest.raises(BundleError, match="is not what its sidecar says"):
        plan.read()
    path.unlink()
    with pytest.raises(BundleError, match="No such file"):
        plan.read()


def test_of_several_the_newest_that_fits_is_taken(tmp_path: Path):
    old = lay(tmp_path)
    half = lay(tmp_path, precision="fp16")
    os.utime(old, (1, 1))
    assert found(tmp_path).path == half
    os.utime(old, (2_000_000_000, 2_000_000_000))
    assert found(tmp_path).path == old
    old.write_bytes(b"")
    assert found(tmp_path).path == half


def test_all_that_fit_are_listed_the_newest_first(tmp_path: Path):
    old, half = lay(tmp_path), lay(tmp_path, precision="fp16")
    os.utime(old, (1, 1))
    (tmp_path / f"{BUNDLE.sha256[:16]}-x.plan").symlink_to("nowhere")
    listed = module.fitting(tmp_path, BUNDLE, ORIN, 32)
    assert [plan.path for plan in listed] == [half, old]
    half.write_bytes(b"")
    assert [plan.path for plan in module.fitting(tmp_path, BUNDLE, ORIN, 32)] == [old]


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("nowhere"), lambda path: path.mkdir()])
def test_what_can_not_be_read_is_a_reason_and_hides_no_other(tmp_path: Path, make):
    make(tmp_path / f"{BUNDLE.sha256[:16]}-x.plan")
    assert "-x.plan: " in reason(tmp_path)
    path = lay(tmp_path)
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
    (tmp_path / "0123456789abcdef-orin-10.3.0-fp32.plan").write_bytes(content())
    assert "those here are of other bundles" in reason(tmp_path)


def test_the_default_place_needs_no_option():
    command = module.build_command(BUNDLE.path, "tensorrt-rtx", module.default_engine_dir(BUNDLE.path))
    assert command == f"drsn-export --target trt-rtx --bundle {BUNDLE.path}"


@pytest.mark.parametrize(
    ("text", "told"), [("10.3.0", (10, 3, 0)), ("8.6.2.3", (8, 6, 2, 3)), ("11.4.0rc1", (11, 4, 0)), ("", ())]
)
def test_a_version_is_numbers(text: str, told: tuple[int, ...]):
    assert numbers(text) == told


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ANY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("text", ["[]", "7", "null"])
def test_a_sidecar_that_is_no_table_is_named(tmp_path: Path, text: str):
    module.sidecar_path(lay(tmp_path)).write_text(text, encoding="utf-8")
    assert ".json: document: " in reason(tmp_path)


def test_a_gpu_without_letters_has_a_name_of_a_file():
    assert module.slug("???") == "gpu"


@ANY
@given(key=st.sampled_from(sorted(Sidecar.model_fields)), value=JSON)
def test_no_value_in_a_sidecar_upsets_the_reader(tmp_path: Path, key: str, value: object):
    lay(tmp_path, **{"precision": "fp32", key: value} if key != "precision" else {})
    answer = found(tmp_path)
    assert isinstance(answer, Plan) or "\n" not in answer.reason


@ANY
@given(st.binary(max_size=200))
def test_no_bytes_in_a_sidecar_upset_the_reader(tmp_path: Path, text: bytes):
    module.sidecar_path(lay(tmp_path)).write_bytes(text)
    assert "sidecar" in reason(tmp_path)


@ANY
@given(place=st.integers(0, len(content()) - 1), bit=st.integers(0, 7))
def test_no_flipped_bit_in_a_plan_goes_unseen(tmp_path: Path, place: int, bit: int):
    path = lay(tmp_path)
    damaged = bytearray(content())
    damaged[place] ^= 1 << bit
    path.write_bytes(damaged)
    answer = found(tmp_path)
    if isinstance(answer, Plan):
        with pytest.raises(BundleError):
            answer.read()
