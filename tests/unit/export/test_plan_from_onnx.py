"""The build's steps, on a TensorRT that has the names of each version; the real builder is in test_real_builder.py."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from fake_tensorrt import VERSIONS, Builds, fake

from drsn.agent.backends.tensorrt.plan_header import parse_header
from drsn.agent.backends.tensorrt.sidecar import BatchRange
from drsn.export.build_progress import BuildProgress
from drsn.export.plan_from_onnx import BuilderOptions, BuiltPlan, plan_from_onnx
from drsn.model.errors import BundleError, UnavailableError, UsageError

if TYPE_CHECKING:
    from drsn.model.contract import ModelContract

TENSORRT = [version for version in VERSIONS if not version.startswith("rtx")]
OPTIONS = {"batch": BatchRange(min=1, opt=8, max=32), "precision": "fp32", "workspace_bytes": 1 << 20}


@pytest.fixture
def build(contract: ModelContract):
    """Build with one version; returns what was built and what TensorRT was asked for."""

    def built(
        version: str = "10.3.0", cache: bytes = b"", builds: Builds | None = None, **options: object
    ) -> BuiltPlan:
        builds = builds or Builds()
        progress = BuildProgress(io.StringIO())
        return plan_from_onnx(
            fake(version, builds), b"onnx", contract, BuilderOptions(**{**OPTIONS, **options}), cache, progress
        )

    return built


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_builds_the_network_it_was_given_with_the_batch_and_the_workspace(build, version: str):
    builds = Builds()
    flavour, numbers = parse_header(build(version, builds=builds).plan)
    assert flavour == ("tensorrt-rtx" if version.startswith("rtx") else "tensorrt")
    assert numbers[:3] == tuple(map(int, version.removeprefix("rtx-").split(".")))
    assert builds.asked["model"] == b"onnx"
    assert builds.asked["profile"] == ("x", (1, 1, 256), (8, 1, 256), (32, 1, 256))
    assert builds.asked["workspace"] == ("WORKSPACE", 1 << 20)
    assert builds.asked["config"].builder_optimization_level == 3


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_precision_is_the_networks_and_no_flag_is_set(build, version: str, precision: str):
    builds = Builds()
    build(version, builds=builds, precision=precision)
    kinds = fake(version, Builds()).module.NetworkDefinitionCreationFlag
    assert builds.asked["network"] == 1 << int(kinds.STRONGLY_TYPED)
    assert "set" not in builds.asked


@pytest.mark.parametrize("version", VERSIONS)
def test_strict_clears_tf32_and_so_does_half_precision(build, version: str):
    """What is float32 beside float16, the novelty above all, must not be rounded to 11 bits after all."""
    strict, half, lax = Builds(), Builds(), Builds()
    build(version, builds=strict, strict=True)
    build(version, builds=half, precision="fp16")
    build(version, builds=lax)
    assert strict.asked["cleared"] == half.asked["cleared"] == ["TF32"]
    assert "cleared" not in lax.asked


def test_the_level_of_optimisation_is_handed_on(build):
    builds = Builds()
    build(builds=builds, opt_level=5)
    assert builds.asked["config"].builder_optimization_level == 5


# Each of these calls tells a failure by None, False or -1; constructors by a TypeError that says nothing.
@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("Builder", UnavailableError),
        ("OnnxParser", UnavailableError),
        ("create_network", UnavailableError),
        ("parse", BundleError),
        ("create_builder_config", UnavailableError),
        ("create_optimization_profile", UnavailableError),
        ("add_optimization_profile", UsageError),
        ("create_timing_cache", UnavailableError),
        ("set_timing_cache", UnavailableError),
        ("build_serialized_network", UnavailableError),
    ],
)
@pytest.mark.parametrize("version", TENSORRT)
def test_every_quiet_failure_is_told_in_tensorrts_own_words(build, version: str, method: str, kind: type[Exception]):
    with pytest.raises(kind, match=f"TensorRT {version}.* because of the moon") as caught:
        build(version, builds=Builds(refused={method: "because of the moon"}))
    assert "\n" not in str(caught.value)
    assert "fake.cpp" not in str(caught.value)


@pytest.mark.parametrize("raised", [TypeError, RuntimeError])
@pytest.mark.parametrize("made", ["Builder", "OnnxParser"])
def test_a_constructor_that_logs_nothing_is_told_by_its_own_words(build, made: str, raised: type[Exception]):
    with pytest.raises(UnavailableError, match=r"makes no (builder|parser): pybind11::init\(\): factory"):
        build(builds=Builds(refused={made: ""}, raised=raised))


def test_what_was_logged_before_is_no_reason(contract: ModelContract):
    trt = fake("10.3.0", Builds(refused={"create_network": "the true one"}))
    trt.errors.append("of yesterday")
    with pytest.raises(UnavailableError) as caught:
        plan_from_onnx(trt, b"", contract, BuilderOptions(**OPTIONS), b"", BuildProgress(io.StringIO()))
    assert "of yesterday" not in str(caught.value)


@pytest.mark.parametrize("version", ["10.3.0", "rtx-1.7.1"])
def test_what_the_parser_grumbled_at_and_took_is_no_reason_either(
    contract: ModelContract, monkeypatch: pytest.MonkeyPatch, version: str
):
    trt = fake(version, Builds(refused={"build_serialized_network": "the true one"}))
    monkeypatch.setattr(trt.module.OnnxParser, "parse", lambda _self, _model: trt.errors.append("grumble") or True)
    with pytest.raises(UnavailableError, match="built no engine: the true one; "):
        plan_from_onnx(trt, b"", contract, BuilderOptions(**OPTIONS), b"", BuildProgress(io.StringIO()))


@pytest.mark.parametrize(
    "told",
    [
        "Could not find any implementation for node {ForeignNode[conv]}.",
        "Error Code 2: OutOfMemory (Requested size was 268435456 bytes.)",
        "Tactic Selection: no tactics to implement the operation within workspace limit",
    ],
)
def test_a_lack_of_memory_is_called_that(build, told: str):
    with pytest.raises(UnavailableError, match=r"lack of memory shows: .*--workspace"):
        build(builds=Builds(refused={"build_serialized_network": told}))


def test_another_failure_is_not_called_a_lack_of_memory(build):
    with pytest.raises(UnavailableError) as caught:
        build(builds=Builds(refused={"build_serialized_network": "Internal error"}))
    assert "memory" not in str(caught.value)


@pytest.mark.parametrize(
    "x", [("y", (-1, 1, 256), "float32"), ("x", (1, 1, 256), "float32"), ("x", (-1, 2, 256), "float32"),
          ("x", (-1, 1, 255), "float32"), ("x", (-1, 1, 256), "float16")]
)  # fmt: skip
def test_a_network_with_another_input_is_refused(build, x: tuple):
    with pytest.raises(BundleError, match="inputs are"):
        build(builds=Builds(x=x))


@pytest.mark.parametrize("inputs", [0, 2])
def test_a_network_without_its_one_input_is_refused(build, inputs: int):
    with pytest.raises(BundleError, match="inputs are"):
        build(builds=Builds(inputs=inputs))


def test_the_parsers_own_errors_are_told_all_of_them(build):
    errors = ("node 3: no plugin", "node 4:\n no kernel")
    with pytest.raises(BundleError, match="can't read the network: node 3: no plugin; node 4: no kernel; export"):
        build(builds=Builds(refused={"parse": "see the parser"}, parser_errors=errors))


@pytest.mark.parametrize("missing", ["probabilities", "novelty"])
def test_a_network_without_what_the_agent_reads_is_refused(build, missing: str):
    outputs = tuple(name for name in Builds().outputs if name != missing)
    with pytest.raises(BundleError, match=f"no output {missing}"):
        build(builds=Builds(outputs=outputs))


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (b"", "0 bytes long"),
        (b"PK\x03\x04" + bytes(40), "not a TensorRT plan"),
        (b"ftrt" + bytes(20) + bytes((10, 7, 0, 0)), r"tensorrt 10\.7\.0\.0: two versions are mixed up"),
        (b"vtrt" + bytes(20) + bytes((10, 3, 0, 0)), "tensorrt-rtx 10"),
    ],
)
def test_a_plan_that_the_agent_could_not_load_is_not_handed_on(build, plan: bytes, told: str):
    with pytest.raises(UnavailableError, match=f"{told}.*nothing was written"):
        build(builds=Builds(plan=plan))


@pytest.mark.parametrize("version", TENSORRT)
def test_a_timing_cache_is_used_and_comes_back_larger(build, version: str):
    built = build(version, cache=b"before")
    assert (built.cache_used, built.timing_cache) == (True, b"measured")
    assert build(version).cache_used is False


def test_a_timing_cache_of_another_device_is_left_aside(build):
    built = build(cache=b"before", builds=Builds(stale_cache=True))
    assert (built.cache_used, built.timing_cache) == (False, b"measured")


def test_what_was_said_of_a_stale_cache_is_not_why_the_build_failed(build):
    with pytest.raises(UnavailableError, match="built no engine: the true one; "):
        build(cache=b"before", builds=Builds(stale_cache=True, refused={"build_serialized_network": "the true one"}))


def test_rtx_keeps_no_timing_cache(build):
    built = build("rtx-1.7.1", cache=b"before")
    assert (built.cache_used, built.timing_cache) == (False, None)


def test_rtx_builds_for_the_capabilities_that_are_named(build):
    builds = Builds()
    build("rtx-1.7.1", builds=builds, compute_capabilities=("8.6", "12.0"))
    assert builds.asked["capabilities"] == ["SM86", "SM120"]
    assert builds.asked["config"].num_compute_capabilities == 2


def test_a_capability_that_rtx_does_not_know_is_answered_by_those_it_knows(build):
    with pytest.raises(UsageError, match=r"8\.7: TensorRT-RTX 1\.7\.1 builds for 7\.5, 8\.0, .*12\.1"):
        build("rtx-1.7.1", compute_capabilities=("8.7",))


def test_tensorrt_names_no_capabilities(build):
    with pytest.raises(UsageError, match="trt-rtx"):
        build(compute_capabilities=("8.7",))


@pytest.mark.parametrize("kind", [RuntimeError, ValueError])
def test_a_profile_that_is_refused_at_once_is_the_batchs_fault(
    contract: ModelContract, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
):
    def set_shape(_self: object, *_shapes: object) -> None:
        raise kind("min > max")

    trt = fake("10.3.0", Builds())
    monkeypatch.setattr(trt.module.IOptimizationProfile, "set_shape", set_shape)
    with pytest.raises(UsageError, match=r"--batch 1,8,32: .* takes no such profile: min > max"):
        plan_from_onnx(trt, b"", contract, BuilderOptions(**OPTIONS), b"", BuildProgress(io.StringIO()))


class Impatient(BuildProgress):
    """Cancels at its first step."""

    def stepped(self, phase: str, step: int) -> None:
        super().stepped(phase, step)
        self.cancelled = True


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cancelled_build_is_no_failure(contract: ModelContract, version: str):
    with pytest.raises(KeyboardInterrupt):
        plan_from_onnx(fake(version, Builds()), b"", contract, BuilderOptions(**OPTIONS), b"", Impatient(io.StringIO()))
