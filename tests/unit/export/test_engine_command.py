"""The options of an engine, and what is said of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from engine_files import write_engine
from fake_cuda import ORIN
from fake_tensorrt import Behaviour, fake

from drsn.agent.backends.tensorrt.sidecar import DEFAULT_BATCH, BatchRange, read_sidecar
from drsn.export import engine_command as module
from drsn.export.engine_command import add_to, build, describe, document, engine_options, refuse_options
from drsn.export.engine_from_onnx import BuildResult, EngineOptions
from drsn.export.plan_from_onnx import BuilderOptions
from drsn.model.errors import Parser, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.bundle import Bundle


def parsed(*options: str, target: str = "trt"):
    parser = Parser(prog="drsn-export")
    parser.add_argument("--target")
    add_to(parser)
    return parser.parse_args(["--target", target, *options])


def test_the_defaults_are_the_documented_ones():
    assert engine_options(parsed()) == EngineOptions("trt", BuilderOptions(), timing_cache=None, if_needed=False)
    assert BuilderOptions() == BuilderOptions(
        batch=DEFAULT_BATCH,
        precision="fp32",
        workspace_bytes=256 << 20,
        opt_level=None,
        strict=False,
        compute_capabilities=(),
    )


def test_options_are_read():
    options = engine_options(
        parsed(
            "--precision", "fp16", "--batch", "1,4,64", "--workspace", "64", "--opt-level", "0", "--strict",
            "--compute-capability", "12.0,8.6,8.6", target="trt-rtx",
        )
    ).builder  # fmt: skip
    assert (options.precision, options.workspace_bytes, options.opt_level) == ("fp16", 64 << 20, 0)
    assert options.batch == BatchRange(min=1, opt=4, max=64)
    assert options.compute_capabilities == ("8.6", "12.0")
    assert options.strict
    assert engine_options(parsed("--if-needed")).if_needed
    assert str(engine_options(parsed("--timing-cache", "c")).timing_cache) == "c"


@pytest.mark.parametrize(
    ("option", "text", "told"),
    [
        ("--precision", "int8", "INT8 and DLA are not built"),
        ("--precision", "dla", "INT8 and DLA are not built"),
        ("--precision", "bf16", "neither fp32 nor fp16"),
        ("--batch", "8", "MIN,OPT,MAX"),
        ("--batch", "0,1,2", "MIN,OPT,MAX"),
        ("--batch", "1,2,x", "MIN,OPT,MAX"),
        ("--batch", "4,2,8", "MIN <= OPT <= MAX"),
        ("--batch", "1,9,8", "MIN <= OPT <= MAX"),
        ("--batch", "2,4,8", "MIN must be 1"),
        ("--workspace", "0", "1 to 65536"),
        ("--workspace", "256MiB", "1 to 65536"),
        ("--workspace", "65537", "1 to 65536"),
        ("--opt-level", "6", "0 to 5"),
        ("--opt-level", "high", "0 to 5"),
        ("--compute-capability", "sm86", "8.6,8.9"),
        ("--compute-capability", "8.6,", "8.6,8.9"),
    ],
)
def test_an_impossible_option_is_answered_by_what_is_possible(option: str, text: str, told: str):
    with pytest.raises(UsageError) as caught:
        engine_options(parsed(option, text, target="trt-rtx"))
    assert told in str(caught.value)
    assert option in str(caught.value)


def test_tensorrt_builds_only_for_the_gpu_that_is_here():
    with pytest.raises(UsageError, match="--compute-capability goes with --target trt-rtx"):
        engine_options(parsed("--compute-capability", "8.7"))


def test_what_is_built_ahead_of_time_has_no_gpu_to_be_compared_with():
    with pytest.raises(UsageError, match="--if-needed goes with the GPU that is here"):
        engine_options(parsed("--if-needed", "--compute-capability", "8.6", target="trt-rtx"))


def test_rtx_has_no_timing_cache():
    with pytest.raises(UsageError, match="--timing-cache goes with --target trt"):
        engine_options(parsed("--timing-cache", "c", target="trt-rtx"))


@pytest.mark.parametrize(
    "given",
    [["--engine-dir", "d"], ["--precision", "fp16"], ["--batch", "1,1,1"], ["--workspace", "1"], ["--opt-level", "1"],
     ["--timing-cache", "c"], ["--compute-capability", "8.6"], ["--strict"], ["--if-needed"]],
    ids=lambda given: given[0],
)  # fmt: skip
def test_an_option_without_effect_is_refused(given: list[str]):
    refuse_options(parsed())
    with pytest.raises(UsageError, match=f"{given[0]} goes with"):
        refuse_options(parsed(*given))


@pytest.mark.parametrize("place", [None, "elsewhere"])
def test_the_engine_lies_beside_the_bundle_or_where_it_is_said(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str | None
):
    calls: list[tuple[Bundle, Path]] = []
    monkeypatch.setattr(
        module, "engine_from_onnx", lambda bundle, folder, _options, _progress: calls.append((bundle, folder))
    )
    build(bundle, None if place is None else tmp_path / place, engine_options(parsed()))
    assert calls == [(bundle, bundle.path.with_name("tiny.engines") if place is None else tmp_path / place)]


@pytest.fixture
def engine(bundle: Bundle, tmp_path: Path):
    """What lies there, with changes of its sidecar."""

    def make(*, built: bool = True, **said: object) -> BuildResult:
        path = write_engine(tmp_path, fake("10.3.0", Behaviour(None)), bundle, ORIN, **said)
        return BuildResult(path, read_sidecar(path), built=built)

    return make


def test_a_person_reads_where_for_what_and_what_it_cost(engine):
    text = describe(engine(build_s=61.25, peak_memory_bytes=512 << 20))
    assert ": built\n" in text
    assert f"TensorRT 10.3.0, {ORIN.name}; fp32, batch 1 to 32" in text
    assert "took 61.2 s, 512 MiB at most" in text
    assert "not run here" in text


def test_a_person_reads_how_it_was_proven(engine):
    parity = ({"pair": "torch ~ it", "max_abs": 0.001, "label_agreement": 1, "windows": 3, "tolerance": 0.01},)
    text = describe(engine(parity=parity))
    assert "ok   torch ~ it: 0.001 (tolerance 0.01)" in text
    assert "not run here" not in text


def test_a_person_reads_that_it_was_kept_and_for_whom_it_was_built(engine):
    text = describe(engine(built=False, gpu=None, compute_capabilities=("8.6", "8.9")))
    assert ": fits already, kept\n" in text
    assert "any GPU of compute capability 8.6, 8.9" in text
    assert "TensorRT-RTX" not in text


def test_a_person_reads_which_tensorrt_it_is_and_whether_a_cache_helped(engine, bundle: Bundle, tmp_path: Path):
    path = write_engine(tmp_path / "rtx", fake("rtx-1.7.1", Behaviour(None)), bundle, ORIN)
    text = describe(BuildResult(path, read_sidecar(path), built=True, cache_used=True))
    assert "  TensorRT-RTX 1.7.1, " in text
    assert text.splitlines()[2].endswith(", timing cache used")
    assert "timing cache" not in describe(engine())


def test_a_script_reads_the_sidecar(engine):
    made = engine()
    told = document(made)
    assert told["engine"] == str(made.path)
    assert told["built"] is True
    assert told["sidecar"]["bundle_sha256"] == made.sidecar.bundle_sha256
