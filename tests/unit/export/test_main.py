"""`drsn-export` as a script sees it: exit codes, stdout, one line of error, files."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from drsn.export.__main__ import main
from drsn.model.bundle import open_bundle

if TYPE_CHECKING:
    from pathlib import Path

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
    code, out, err = run("--target", "onnx", "--checkpoint", checkpoint_path, "--out", target, "--json")
    document = json.loads(out)
    assert (code, err, document["passed"]) == (0, "", True)
    assert document["sha256"] == open_bundle(target).sha256
    assert len(document["parity"]) == 3
    code, out, _ = run("--target", "onnx", "--checkpoint", checkpoint_path, "--out", target, "--force")
    assert code == 0
    assert "tiny 1" in out


def test_verify_says_yes_by_0(run, bundle: Bundle):
    code, out, err = run("verify", bundle.path, "--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    assert json.loads(out)["passed"] is True
    assert run("verify", bundle.path)[1].count("ok   torch ~ onnxruntime") == 3


def test_verify_says_no_by_1(run, bundle: Bundle, with_golden):
    wrong = with_golden(probabilities=np.roll(bundle.golden().probabilities, 1, axis=1))
    code, out, err = run("verify", wrong.path, "--json")
    document = json.loads(out, parse_constant=pytest.fail)
    assert (code, err, document["passed"]) == (1, "", False)
    assert [row["passed"] for row in document["parity"]] == [False] * 3


def test_verify_says_no_to_nan_in_strict_json(run, bundle: Bundle, with_golden):
    wrong = with_golden(probabilities=np.full_like(bundle.golden().probabilities, np.nan))
    code, out, _ = run("verify", wrong.path, "--json")
    assert code == 1
    json.loads(out, parse_constant=pytest.fail)


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
    assert fails("--target", "onnx", "--checkpoint", checkpoint_path, "--out", checkpoint_path / "b")[0] == 74


PROGRAM = "import sys; sys.modules['torch'] = sys.modules['onnx'] = None; from drsn.export.__main__ import main; "


@pytest.mark.parametrize("target", ["trt", "trt-rtx"])
def test_an_engine_is_69_in_one_line_where_torch_and_onnx_are_not(bundle: Bundle, target: str):
    program = f"{PROGRAM} sys.modules['tensorrt'] = sys.modules['tensorrt_rtx'] = None; sys.exit(main())"
    command = [sys.executable, "-c", program, "--target", target, "--bundle", str(bundle.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr.startswith(f"drsn-export: --target {target}: ")
    assert "pip install" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_base_install_verifies_but_cannot_export(bundle: Bundle, checkpoint_path: Path, tmp_path: Path):
    program = (
        f"{PROGRAM} first = main(['verify', sys.argv[1]]); "
        "sys.exit(first or main(['--target', 'onnx', '--checkpoint', sys.argv[2], '--out', sys.argv[3]]))"
    )
    command = [sys.executable, "-c", program, str(bundle.path), str(checkpoint_path), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 69
    assert done.stderr == "drsn-export: export needs torch: pip install 'drsn-edge[export]'\n"
