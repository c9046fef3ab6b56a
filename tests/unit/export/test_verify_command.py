"""`drsn-export verify`: what a person pastes into an issue, and what a script reads."""

from __future__ import annotations

import json
import platform
from typing import TYPE_CHECKING

import numpy as np
import pytest
from engine_files import write_engine
from fake_cuda import ORIN, Gpu
from fake_tensorrt import Behaviour, fake

from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt.cuda import NoDevice
from drsn.export import engine_artifacts
from drsn.export import verify_command as module
from drsn.export.verify_command import command
from drsn.model.contract import NoiseCheck, SignalCheck
from drsn.model.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.bundle import Bundle

NO_DRIVER = NoDevice("no CUDA driver (libcuda.so.1: cannot open shared object file)")


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Run it with few calls; return its exit code and stdout."""

    def run(bundle: Bundle, *options: object) -> tuple[int, str]:
        place = [] if "--engine-dir" in options else ["--engine-dir", tmp_path / "engines"]
        code = command([str(option) for option in (bundle.path, "--calls", 2, *place, *options)])
        captured = capsys.readouterr()
        assert captured.err == ""
        return code, captured.out

    return run


@pytest.fixture
def orin(monkeypatch: pytest.MonkeyPatch):
    """An Orin with TensorRT 10.3; how it behaves."""
    behaviour = Behaviour(Gpu())
    library = fake("10.3.0", behaviour)
    monkeypatch.setattr(trt_compat, "load", lambda _flavour: library)
    monkeypatch.setattr(engine_artifacts, "probe", lambda: ORIN)
    monkeypatch.setattr(module, "probe", lambda: ORIN)
    monkeypatch.setattr(engine_artifacts, "Cuda", lambda _newest: behaviour.gpu.cuda())
    return library, behaviour


def test_yes_is_0_and_a_report_that_says_where_and_of_what(verify, bundle: Bundle):
    code, out = verify(bundle, "--seed", 7)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == f"{bundle.path}: tiny 1 ({bundle.sha256[:12]})"
    assert lines[-1] == "passed"
    assert any(line.split()[:2] == ["seed", "7"] for line in lines)
    for word in ("system", "gpu", "python", "onnxruntime", "numpy", "drsn-edge"):
        assert any(line.startswith(f"  {word} ") for line in lines)
    assert out.count("ok   torch ~ onnxruntime, batch") == 3
    assert out.count("p50") == 6


@pytest.mark.parametrize("refused", [False, True])
def test_the_noise_check_of_any_bundle_is_shown_and_nothing_written(
    verify, bundle: Bundle, monkeypatch: pytest.MonkeyPatch, *, refused: bool
):
    signal = SignalCheck(
        signal="hum", windows=384, named=float(refused), abstained=0, streams=8, alarms=8 * refused, condition="ball"
    )
    monkeypatch.setattr(module, "check_bundle", lambda _bundle: NoiseCheck(raise_after="6/8", signals=(signal,)))
    before = bundle.path.stat().st_mtime_ns
    code, out = verify(bundle, "--noise")
    assert code == refused
    assert out.splitlines()[1].split()[0] == "hum"
    assert ("raise alarms of a machine fault: hum (8 of 8 streams: ball)" in out) == refused
    document = json.loads(verify(bundle, "--noise", "--json")[1])
    assert document["noise_check"]["signals"][0]["alarms"] == 8 * refused
    assert bundle.path.stat().st_mtime_ns == before
    assert "noise_check" not in json.loads(verify(bundle, "--json")[1])


@pytest.mark.parametrize("release", ["36.4.3", None])
def test_a_jetson_is_told_by_its_release(monkeypatch: pytest.MonkeyPatch, release: str | None):
    monkeypatch.setattr(trt_compat, "jetson_linux", lambda: release)
    told = module.machine()
    assert told["jetson_linux"] == (release or "none")
    assert told["system"] == f"{platform.system()} {platform.release()} {platform.machine()}"


def test_nothing_in_a_report_names_the_machine(verify, bundle: Bundle):
    import getpass
    import socket

    out = verify(bundle)[1].replace(str(bundle.path), "")
    assert socket.gethostname() not in out
    assert f"/{getpass.getuser()}/" not in out


def test_a_script_reads_strict_json(verify, bundle: Bundle):
    code, out = verify(bundle, "--json", "--seed", 7)
    document = json.loads(out, parse_constant=pytest.fail)
    assert (code, document["passed"], document["seed"], out.count("\n")) == (0, True, 7, 1)
    assert len(document["parity"]) == 8
    assert {"pair", "max_abs", "mean_abs", "label_agreement", "abstention_agreement", "tolerance", "finite"} <= set(
        document["parity"][0]
    )
    assert len(document["latency"]) == 6
    assert all(0 <= row["mean_abs"] <= row["max_abs"] for row in document["parity"])
    assert all(row["novelty_error"] <= row["novelty_tolerance"] for row in document["parity"])
    assert document["not_run"] == document["broken"] == []


def test_each_run_takes_other_noise(verify, bundle: Bundle):
    seeds = {json.loads(verify(bundle, "--json", "--calls", 0)[1])["seed"] for _ in range(2)}
    assert len(seeds) == 2


def test_no_is_1(verify, bundle: Bundle, with_golden):
    code, out = verify(with_golden(probabilities=np.roll(bundle.golden().probabilities, 1, axis=1)))
    assert code == 1
    assert out.splitlines()[-1].startswith("FAILED")


def test_nan_is_no_in_strict_json(verify, bundle: Bundle, with_golden):
    wrong = with_golden(probabilities=np.full_like(bundle.golden().probabilities, np.nan))
    code, out = verify(wrong, "--json")
    document = json.loads(out, parse_constant=pytest.fail)
    assert (code, document["passed"]) == (1, False)
    assert document["parity"][0]["mean_abs"] is None
    assert document["parity"][0]["finite"] is False


def test_an_engine_here_is_run_and_its_device_named(verify, orin, bundle: Bundle, tmp_path: Path):
    path = write_engine(tmp_path / "engines", orin[0], bundle, ORIN)
    code, out = verify(bundle)
    assert code == 0
    assert f"{ORIN.name}, compute capability 8.7, driver's CUDA" in out
    assert out.count(f"ok   torch ~ {path.name}, batch") == 3


def test_a_wrong_engine_is_no(verify, orin, bundle: Bundle, tmp_path: Path):
    path = write_engine(tmp_path / "engines", orin[0], bundle, ORIN)
    orin[1].nudge = 0.1
    code, out = verify(bundle)
    assert code == 1
    assert f"FAIL torch ~ {path.name}" in out


def test_an_engine_that_fails_is_no_and_all_else_is_told(verify, orin, bundle: Bundle, tmp_path: Path):
    path = write_engine(tmp_path / "engines", orin[0], bundle, ORIN)
    orin[1].refused.add("execute_async_v3")
    code, out = verify(bundle)
    assert code == 1
    assert f"FAIL {path.name}: TensorRT failed: " in out
    assert out.count("ok   torch ~ onnxruntime, batch") == 3
    document = json.loads(verify(bundle, "--json")[1])
    assert document["broken"][0].startswith(path.name)


def test_an_engine_that_cannot_run_is_named_with_the_reason_and_is_no_failure(
    verify, orin, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = write_engine(tmp_path / "e", orin[0], bundle, ORIN)
    monkeypatch.setattr(engine_artifacts, "probe", lambda: NO_DRIVER)
    code, out = verify(bundle, "--engine-dir", tmp_path / "e")
    assert code == 0
    assert f"---- not run: {path.name}: no CUDA driver" in out


def test_engines_are_looked_for_beside_the_bundle(
    orin, bundle: Bundle, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(module, "default_engine_dir", lambda path: tmp_path / f"{path.name}.engines")
    path = write_engine(tmp_path / "tiny.engines", orin[0], bundle, ORIN)
    assert command([str(bundle.path), "--calls", "0"]) == 0
    assert path.name in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--calls", "--seed"])
def test_negative_numbers_are_refused(verify, bundle: Bundle, option: str):
    with pytest.raises(UsageError):
        verify(bundle, option, -1)
