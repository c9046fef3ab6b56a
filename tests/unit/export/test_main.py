"""`drsn-export` as a script sees it: exit codes, stdout, one line of error, files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from graphs import real_builder

from drsn.agent.backends.tensorrt import cuda
from drsn.agent.backends.tolerance import Tolerance
from drsn.export.__main__ import main, next_step
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from drsn.model.bundle import Bundle


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    """Run a command line; return its exit code, stdout and stderr."""

    def command(*argv: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in argv])
        return (code, *capsys.readouterr())

    return command


@pytest.fixture
def fails(run):
    """Run to an error; return its exit code and its one line."""

    def command(*argv: object) -> tuple[int, str]:
        code, out, err = run(*argv)
        assert out == ""
        assert err.startswith("drsn-export: ")
        assert err.count("\n") == 1
        return code, err

    return command


@pytest.fixture
def broken(altered) -> Path:
    """A bundle with a byte changed after it was written."""
    path = altered({}).path
    content = (path / "model.onnx").read_bytes()
    (path / "model.onnx").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return path


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_a_checkpoint_becomes_a_bundle(run, checkpoint_path: Path, tmp_path: Path, name: str):
    target = tmp_path / name
    code, out, err = run("--target", "onnx", "--checkpoint", checkpoint_path, "--out", target, "--json", "--force")
    document = json.loads(out)
    assert (code, err, document["passed"]) == (0, "", True)
    assert document["sha256"] == open_bundle(target).sha256
    assert document["left_out"] == []
    assert len(document["parity"]) == 7
    code, out, _ = run("--target", "onnx", "--checkpoint", checkpoint_path, "--out", target, "--force")
    assert code == 0
    assert "tiny 1" in out
    assert out.splitlines()[-1] == next_step(target)


@pytest.mark.parametrize(
    ("engines", "told"),
    [(None, ""), ("b.zip.engines", ""), ("elsewhere", " and agent.engine_dir to elsewhere")],
)
def test_the_last_line_is_the_next_command(engines: str | None, told: str):
    shown = next_step(Path("b.zip"), None if engines is None else Path(engines))
    assert shown == f"next: set agent.bundle to b.zip{told}, then drsn-agent check --config agent.toml"


def test_a_file_that_was_left_out_is_told(run, checkpoint_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from drsn.export import bundle_from_checkpoint as module

    monkeypatch.setitem(module.TOLERANCES, "fp16", Tolerance(1e-9, 1e-9))
    command = ("--target", "onnx", "--checkpoint", checkpoint_path, "--out", tmp_path / "b", "--force")
    code, out, _ = run(*command)
    assert code == 0
    assert "model.fp16.onnx was left out of the bundle" in out
    assert json.loads(run(*command, "--json")[1])["left_out"] == ["model.fp16.onnx"]


def test_inspect_shows_the_manifest(run, bundle: Bundle):
    code, out, err = run("inspect", bundle.path, "--json")
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document["sha256"] == bundle.sha256
    assert document["manifest"] == json.loads(bundle.manifest.model_dump_json())
    assert "labels" in run("inspect", bundle.path)[1]


@pytest.mark.parametrize("verb", [["verify"], ["inspect"], ["--target", "trt", "--bundle"]])
def test_a_broken_or_missing_bundle_is_78(fails, broken: Path, tmp_path: Path, verb: list[str]):
    code, line = fails(*verb, broken)
    assert code == 78
    assert "model.onnx is not what the manifest says" in line
    assert fails(*verb, tmp_path / "none")[0] == 78


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["verify"],
        ["--frobnicate"],
        ["--target", "coreml"],
        ["--target", "onnx"],
        ["--target", "onnx", "--bundle", "b"],
        ["--target", "onnx", "--checkpoint", "c"],
        ["--target", "onnx", "--checkpoint", "c", "--out", "o", "--bundle", "b"],
        ["--target", "trt"],
        ["--target", "trt", "--checkpoint", "c"],
        ["--target", "trt", "--out", "o"],
        ["--target", "trt", "--bundle", "b", "--precision", "int8"],
        ["--target", "trt", "--bundle", "b", "--batch", "3,2,1"],
        ["--target", "trt", "--bundle", "b", "--compute-capability", "8.7"],
        ["--target", "trt-rtx", "--bundle", "b", "--timing-cache", "c"],
        ["--target", "onnx", "--checkpoint", "c", "--out", "o", "--strict"],
        ["--target", "onnx", "--checkpoint", "c", "--out", "o", "--engine-dir", "d"],
        ["--target", "onnx", "--checkpoint", "c", "--onnx", "n", "--out", "o"],
        ["--onnx", "n", "--out", "o"],
        ["--onnx", "n", "--contract", "c", "--golden", "g"],
        ["--contract", "c", "--golden", "g", "--out", "o"],
        ["--target", "onnx", "--checkpoint", "c", "--out", "o", "--contract", "c", "--golden", "g"],
        ["--checkpoint", "c", "--out", "o"],
        ["verify", "b", "--calls", "-1"],
        ["verify", "b", "--calls", "many"],
    ],
)
def test_a_wrong_command_line_is_64(fails, argv: list[str]):
    assert fails(*argv)[0] == 64


def test_an_older_bundle_in_the_way_is_64(fails, bundle: Bundle, checkpoint_path: Path):
    code, line = fails("--target", "onnx", "--checkpoint", checkpoint_path, "--out", bundle.path)
    assert code == 64
    assert "--force" in line


def test_what_is_no_checkpoint_is_65(fails, tmp_path: Path):
    assert fails("--target", "onnx", "--checkpoint", tmp_path / "none.pt", "--out", tmp_path / "out")[0] == 65


def test_a_place_that_cannot_be_written_is_74(fails, checkpoint_path: Path):
    assert (
        fails("--target", "onnx", "--checkpoint", checkpoint_path, "--out", checkpoint_path / "b", "--force")[0] == 74
    )


PROGRAM = "import sys; sys.modules['torch'] = sys.modules['onnx'] = None; from drsn.export.__main__ import main; "


@pytest.mark.parametrize(("target", "more"), [("trt", []), ("trt-rtx", ["--compute-capability", "8.6"])])
def test_an_engine_is_69_in_one_line_where_torch_and_onnx_are_not(bundle: Bundle, target: str, more: list[str]):
    program = f"{PROGRAM} sys.modules['tensorrt'] = sys.modules['tensorrt_rtx'] = None; sys.exit(main())"
    command = [sys.executable, "-c", program, "--target", target, "--bundle", str(bundle.path), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith(f"drsn-export: --target {target}: ")
    assert "pip install" in done.stderr
    assert done.stderr.count("\n") == 1


def test_where_no_engine_can_be_built_no_bundle_is_exported_first(fails, checkpoint_path: Path, tmp_path: Path):
    """Both halves at once: what the second lacks is told before the first begins."""
    if isinstance(cuda.probe(), cuda.Device):
        pytest.skip("a GPU is here")
    code, line = fails("--target", "trt", "--checkpoint", checkpoint_path, "--out", tmp_path / "bundle")
    assert code == 69
    assert "no CUDA driver" in line
    assert list(tmp_path.iterdir()) == []


def test_both_halves_at_once(run, checkpoint_path: Path, tmp_path: Path):
    real_builder()
    options = ["--target", "trt-rtx", "--checkpoint", checkpoint_path, "--out", tmp_path / "b.zip", "--force"]
    code, out, _ = run(*options, "--compute-capability", "8.6", "--precision", "fp16", "--json")
    document = json.loads(out)
    assert (code, document["built"], document["left_out"]) == (0, True, [])
    assert Path(document["engine"]).parent == tmp_path / "b.zip.engines"
    assert document["sidecar"]["bundle_sha256"] == open_bundle(tmp_path / "b.zip").sha256
    code, out, _ = run(*options, "--compute-capability", "8.6", "--force")
    assert code == 0
    assert "any GPU of compute capability 8.6" in out


def test_the_base_install_verifies_but_cannot_export(bundle: Bundle, checkpoint_path: Path, tmp_path: Path):
    program = (
        f"{PROGRAM} first = main(['verify', sys.argv[1], '--calls', '0']); "
        "sys.exit(first or main(['--target', 'onnx', '--checkpoint', sys.argv[2], '--out', sys.argv[3]]))"
    )
    command = [sys.executable, "-c", program, str(bundle.path), str(checkpoint_path), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 69
    assert done.stderr == "drsn-export: export needs torch: pip install 'drsn-edge[export]'\n"
