"""The order of the build: what is missing is told, what is built is proven, and only then is anything written."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fake_tensorrt import Builds, fake, install_outdated
from graphs import real_builder

from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt import cuda
from drsn.agent.backends.tensorrt.engine_file import EngineFile
from drsn.agent.backends.tensorrt.engine_search import Platform, find_engine
from drsn.agent.backends.tensorrt.plan_header import parse_header
from drsn.agent.backends.tensorrt.sidecar import BatchRange, read_sidecar, sidecar_path
from drsn.export import engine_from_onnx as module
from drsn.export.build_progress import BuildProgress
from drsn.export.engine_from_onnx import (
    MAX_CACHE_BYTES,
    BuildResult,
    EngineOptions,
    device_and_library,
    engine_from_onnx,
)
from drsn.export.plan_from_onnx import BuilderOptions
from drsn.model import whole_file
from drsn.model.contract import Parity
from drsn.model.errors import BundleError, StorageError, UnavailableError, UsageError

if TYPE_CHECKING:
    from drsn.model.bundle import Bundle

ORIN = cuda.Device("Orin", (8, 7), (12, 6), 1)
NO_DRIVER = cuda.NoDevice("no CUDA driver (libcuda.so.1: cannot open shared object file)")
PROOF = Parity(pair="torch ~ TensorRT", max_abs=1e-4, label_agreement=1, windows=9, tolerance=1e-2)


class Bench:
    """A machine with this GPU and this TensorRT, and what was asked of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, bundle: Bundle, folder: Path) -> None:
        contract = bundle.contract
        self.builds = Builds(x=("x", (-1, contract.channels, contract.window), "float32"))
        self.device: cuda.Device | cuda.NoDevice = ORIN
        self.version = "10.3.0"
        self.loads = True
        self.proofs: list[bytes] = []
        self.wrong = False
        self._bundle, self._folder = bundle, folder
        monkeypatch.setattr(cuda, "probe", lambda: self.device)
        monkeypatch.setattr(trt_compat, "load", self._load)

    def _load(self, flavour: str) -> trt_compat.TensorRt:
        if not self.loads:
            raise UnavailableError("Python has no tensorrt; apt-get install it")
        return fake(self.version if flavour == "tensorrt" else "rtx-1.7.1", self.builds)

    def _check(self, _trt, _cuda, content: bytes, bundle: Bundle, _options) -> tuple[Parity, ...]:
        assert bundle.sha256 == self._bundle.sha256
        self.proofs.append(content)
        if self.wrong:
            raise BundleError("the engine is wrong, nothing was written")
        return (PROOF,)

    def build(self, target: str = "trt", **options: object) -> BuildResult:
        bundle, folder = options.pop("bundle", self._bundle), options.pop("engine_dir", self._folder)
        own = {name: options.pop(name) for name in ("timing_cache", "if_needed") if name in options}
        chosen = EngineOptions(target, BuilderOptions(**options), **own)
        return engine_from_onnx(bundle, folder, chosen, BuildProgress(io.StringIO()), self._check)

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self._folder.glob("*")) if self._folder.exists() else []


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, bundle: Bundle, tmp_path: Path) -> Bench:
    """A Jetson with TensorRT 10.3, until it is said otherwise."""
    return Bench(monkeypatch, bundle, tmp_path / "engines")


def test_an_engine_and_its_sidecar_lie_there_and_the_agent_finds_them(bench: Bench, bundle: Bundle, tmp_path: Path):
    engine = bench.build()
    assert engine.built
    name = f"{bundle.sha256[:16]}-orin-10.3.0.0-fp32.plan"
    assert bench.files == [name, f"{name}.json", "timing-orin-10.3.0.cache"]
    found = find_engine(tmp_path / "engines", bundle, Platform("tensorrt", (10, 3, 0), ORIN), 32)
    assert isinstance(found, EngineFile)
    assert (found.path, found.sidecar) == (engine.path, engine.sidecar)
    assert bench.proofs == [found.read()]


def test_the_sidecar_says_what_was_built_of_what_and_for_what(bench: Bench, bundle: Bundle):
    engine = bench.build(precision="fp16", batch=BatchRange(min=1, opt=4, max=16), opt_level=2, strict=True)
    said = json.loads(sidecar_path(engine.path).read_text(encoding="utf-8"))
    assert read_sidecar(engine.path) == engine.sidecar
    content = engine.path.read_bytes()
    assert said["plan_sha256"] == hashlib.sha256(content).hexdigest()
    assert said["plan_bytes"] == len(content)
    assert said["onnx_sha256"] == bundle.manifest.files["model.fp16.onnx"].sha256
    assert (said["bundle_sha256"], said["network"]) == (bundle.sha256, "model.fp16.onnx")
    assert (said["gpu"], said["compute_capabilities"], said["cuda"]) == ("Orin", ["8.7"], "12.6")
    assert (said["tensorrt"], said["precision"], said["strict"]) == ("10.3.0.0", "fp16", True)
    assert (said["batch"], said["opt_level"]) == ({"min": 1, "opt": 4, "max": 16}, 2)
    assert said["parity"] == [json.loads(PROOF.model_dump_json())]
    assert said["build_s"] >= 0
    assert said["peak_memory_bytes"] > 10 << 20, "bytes, not the system's KiB"


def test_another_user_may_read_what_was_built(bench: Bench):
    engine = bench.build()
    for path in (engine.path, sidecar_path(engine.path)):
        assert path.stat().st_mode & 0o044 == 0o044


def test_half_precision_is_built_from_the_networks_half(bench: Bench, bundle: Bundle):
    bench.build(precision="fp16")
    assert bench.builds.asked["model"] == bundle.read("model.fp16.onnx")
    bench.build()
    assert bench.builds.asked["model"] == bundle.read("model.onnx")


def test_a_bundle_without_a_half_says_so(bench: Bench, bundle: Bundle):
    files = {name: content for name, content in bundle.files.items() if name != "model.fp16.onnx"}
    with pytest.raises(BundleError, match=r"has no model\.fp16\.onnx.*--precision fp32"):
        bench.build(precision="fp16", bundle=replace(bundle, files=files))
    assert bench.files == []


# What can go wrong on the way leaves nothing that the agent could take for an engine.


def test_an_engine_that_fails_its_golden_windows_is_not_written(bench: Bench):
    bench.wrong = True
    with pytest.raises(BundleError, match="is wrong"):
        bench.build()
    assert bench.files == []


def test_a_failed_build_leaves_nothing(bench: Bench):
    bench.builds.refused["build_serialized_network"] = "no"
    with pytest.raises(UnavailableError, match="built no engine"):
        bench.build()
    assert (bench.files, bench.proofs) == ([], [])


@pytest.mark.parametrize("failing", [1, 2])
def test_a_full_disk_leaves_no_engine_that_would_be_taken(
    bench: Bench, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
):
    calls = []

    def fails(path: Path, content: bytes, mode: int) -> None:
        calls.append(path)
        if len(calls) == failing:
            raise OSError(28, "No space left on device")
        whole_file.write_whole(path, content, mode)

    monkeypatch.setattr(module, "write_whole", fails)
    with pytest.raises(StorageError, match="No space left on device; give another --engine-dir"):
        bench.build()
    platform = Platform("tensorrt", (10, 3, 0), ORIN)
    assert not isinstance(find_engine(tmp_path / "engines", bundle, platform), EngineFile)


def test_a_folder_that_cannot_be_made_is_told_before_an_hours_build(bench: Bench, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="--engine-dir"):
        bench.build(engine_dir=tmp_path / "file" / "engines")
    assert "model" not in bench.builds.asked


def test_a_folder_of_somebody_else_is_told_before_an_hours_build(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(StorageError, match="may not write there; give another --engine-dir"):
        bench.build()
    assert "model" not in bench.builds.asked


# What is missing.


def test_a_machine_without_both_hears_of_both(bench: Bench):
    bench.device, bench.loads = NO_DRIVER, False
    with pytest.raises(UnavailableError, match=r"--target trt: no CUDA driver .*; Python has no tensorrt"):
        bench.build()


def test_without_a_driver_tensorrt_is_not_touched(bench: Bench):
    """Without one some of its builds crash on first use."""
    bench.device = NO_DRIVER
    with pytest.raises(UnavailableError, match="on the device that runs it"):
        bench.build()
    assert bench.builds.asked == {}


def test_rtx_needs_no_gpu_for_what_is_named(bench: Bench):
    bench.device = NO_DRIVER
    engine = bench.build("trt-rtx", compute_capabilities=("8.6", "8.9"))
    assert engine.path.name.endswith("-sm86-sm89-1.7.1.0-fp32.rtx")
    assert engine.sidecar.gpu is None
    assert engine.sidecar.parity == ()
    assert bench.proofs == []
    assert bench.build("trt-rtx", compute_capabilities=("8.6", "8.9"), if_needed=True).built, "nothing to compare with"


def test_rtx_without_a_gpu_wants_it_named(bench: Bench):
    bench.device = NO_DRIVER
    with pytest.raises(UsageError, match="--compute-capability"):
        bench.build("trt-rtx")


def test_rtx_with_a_gpu_builds_for_it_and_proves_it(bench: Bench):
    engine = bench.build("trt-rtx")
    assert (engine.sidecar.gpu, engine.sidecar.compute_capabilities) == ("Orin", ("8.7",))
    assert bench.build("trt-rtx", compute_capabilities=("8.6",)).sidecar.gpu is None, "what is named goes before it"
    assert len(bench.proofs) == 1


def test_a_tensorrt_older_than_10_3_builds_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    install_outdated(monkeypatch)
    with pytest.raises(
        UnavailableError, match=r"^--target trt: TensorRT 8\.6\.2 .* is older than 10\.3 .*update JetPack"
    ):
        bench.build()


def test_tensorrt_builds_only_for_the_gpu_that_is_here(bench: Bench):
    with pytest.raises(UsageError, match="trt-rtx"):
        device_and_library("trt", ("8.7",))


# --if-needed: by bundle, TensorRT and GPU.


def test_an_engine_that_fits_is_kept(bench: Bench):
    first = bench.build(if_needed=True)
    again = bench.build(if_needed=True)
    assert (first.built, again.built, again.path) == (True, False, first.path)
    assert len(bench.proofs) == 1
    assert bench.build().built, "without --if-needed it is built again"


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "fp16"},
        {"strict": True},
        {"batch": BatchRange(min=1, opt=1, max=4)},
        {"opt_level": 5},
        {"workspace_bytes": 1 << 20},
    ],
    ids=str,
)
def test_another_wish_is_built(bench: Bench, change: dict):
    bench.build(if_needed=True)
    assert bench.build(if_needed=True, **change).built


def test_of_several_that_fit_the_one_that_is_asked_for_is_kept_and_becomes_the_agents(
    bench: Bench, bundle: Bundle, tmp_path: Path
):
    """The agent takes the newest that fits: back to float32 after an experiment with half must not stay half."""
    single = bench.build(if_needed=True).path
    half = bench.build(if_needed=True, precision="fp16").path
    for age, path in enumerate((half, single)):
        os.utime(path, (1000 - age, 1000 - age))

    def agents() -> Path:
        found = find_engine(tmp_path / "engines", bundle, Platform("tensorrt", (10, 3, 0), ORIN), 32)
        assert isinstance(found, EngineFile)
        return found.path

    assert agents() == half
    again = bench.build(if_needed=True)
    assert (again.built, again.path) == (False, single)
    assert agents() == single
    assert len(bench.proofs) == 2


def test_engines_that_cannot_be_read_or_marked_are_told(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    def utime(_path: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    real, single = os.utime, bench.build(if_needed=True).path
    monkeypatch.setattr(os, "utime", utime)
    assert not bench.build(if_needed=True).built, "the newest is left as it is, whoever's it is"
    real(single, (1, 1))
    bench.build(precision="fp16")
    with pytest.raises(StorageError, match=r"Operation not permitted.*--engine-dir"):
        bench.build(if_needed=True)


def test_after_an_upgrade_it_is_built_again(bench: Bench):
    bench.build(if_needed=True)
    bench.version = "10.7.0"
    assert bench.build(if_needed=True).built


def test_on_another_gpu_it_is_built_again(bench: Bench):
    bench.build(if_needed=True)
    bench.device = replace(ORIN, name="Orin Nano")
    assert bench.build(if_needed=True).built


def test_an_engine_that_was_damaged_is_built_again(bench: Bench):
    path = bench.build(if_needed=True).path
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    again = bench.build(if_needed=True)
    assert again.built
    assert hashlib.sha256(again.path.read_bytes()).hexdigest() == again.sidecar.plan_sha256


# The timing cache: by device and version.


def test_the_second_build_uses_what_the_first_measured(bench: Bench):
    assert not bench.build().cache_used
    assert bench.build().cache_used
    bench.version = "10.7.0"
    assert not bench.build().cache_used, "what one version measured says nothing of another"
    bench.device = replace(ORIN, name="Orin Nano")
    assert not bench.build().cache_used


def test_the_cache_may_lie_elsewhere(bench: Bench, tmp_path: Path):
    bench.build(timing_cache=tmp_path / "my.cache")
    assert (tmp_path / "my.cache").read_bytes() == b"measured"
    assert not [name for name in bench.files if name.endswith(".cache")]


def test_a_cache_that_cannot_be_read_says_so(bench: Bench, tmp_path: Path):
    with pytest.raises(StorageError, match="--timing-cache"):
        bench.build(timing_cache=tmp_path)


def test_a_huge_cache_is_left_aside(bench: Bench, tmp_path: Path):
    with (tmp_path / "c").open("wb") as file:
        file.truncate(MAX_CACHE_BYTES + 1)  # a hole: no block of the disk
    assert not bench.build(timing_cache=tmp_path / "c").cache_used


def test_the_build_runs_where_torch_and_onnx_are_not(bundle: Bundle, tmp_path: Path):
    """The base install: the real builder, in a Python that can't import them."""
    real_builder()
    program = (
        "import sys; sys.modules['torch'] = sys.modules['onnx'] = sys.modules['rich'] = None\n"
        "from drsn.export.__main__ import main\n"
        "sys.exit(main())"
    )
    options = ["--target", "trt-rtx", "--bundle", bundle.path, "--engine-dir", tmp_path, "--compute-capability", "8.6"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, options), "--json"],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["built"] is True
    assert parse_header(Path(document["engine"]).read_bytes())[0] == "tensorrt-rtx"
