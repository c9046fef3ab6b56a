"""The wheel in a clean environment: light, complete, and it plays the demo."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest

from drsn.agent.bundles import shipped
from drsn.export.bundle_writer import write_bundle
from drsn.model.bundle import open_bundle

ROOT = Path(__file__).parents[2]
SECONDS = 14

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def environment(wheel, make_environment):
    """What a Jetson or a newcomer gets: the base install and the demo's extra."""
    made = make_environment(sys.executable)
    made.install(f"{wheel}[demo]")
    return made


PAGE = "agent/tools/web/static"
"""What the browser loads from `drsn-web`."""


def test_the_wheel_holds_the_three_folders_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    kept = (".py", ".zip", "py.typed")
    tree = {
        f"drsn/{path.relative_to(ROOT)}"
        for folder in ("agent", "export", "model")
        for path in (ROOT / folder).rglob("*")
        if path.name.endswith(kept)
    }
    page = {f"drsn/{path.relative_to(ROOT)}" for path in (ROOT / PAGE).rglob("*") if path.is_file()}
    assert packed == tree | page


def test_neither_torch_nor_onnx_comes_along(environment):
    assert environment.packages >= {"drsn-edge", "onnxruntime", "numpy", "paho-mqtt"}
    assert not environment.packages & {"torch", "onnx", "scipy", "matplotlib", "pytest"}


def test_the_demo_passes_and_reports_windows_alarms_and_latencies(environment):
    report = json.loads(environment("drsn-agent", "demo", "--seconds", SECONDS, "--json").stdout)
    assert report["passed"]
    assert report["alarms"] == 4
    assert report["windows"] == 5 * int(SECONDS * 12_000 / 2048)
    assert report["packets"]["processed"] == report["windows"]
    assert set(report["latency_ms"]) == {"p50", "p95", "p99", "max"}


def test_with_the_labels_permuted_the_demo_fails(environment, tmp_path):
    bundle = open_bundle(shipped("synthetic"))
    contract = bundle.contract
    rotated = (contract.labels[0], *contract.labels[2:], contract.labels[1])
    manifest = bundle.manifest.model_copy(update={"contract": contract.model_copy(update={"labels": rotated})})
    permuted = tmp_path / "permuted.zip"
    write_bundle(permuted, manifest, bundle.files)
    done = environment("drsn-agent", "demo", "--seconds", SECONDS, "--json", "--bundle", permuted, check=False)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert not report["passed"]
    wrong = {finding["sensor"] for finding in report["findings"] if not finding["right"]}
    assert wrong == {"pump2-de", "press4-de", "mill3-nde", "conveyor5-de"}


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (("drsn-train", "recipe.toml"), "pip install 'drsn-edge[train]'"),
        (("drsn-export", "--target", "onnx", "--checkpoint", "x.pt", "--out", "x.zip"), "drsn-edge[export]"),
        (("drsn-export", "--target", "trt", "--bundle", shipped("synthetic")), "python3-libnvinfer"),
    ],
)
def test_what_the_light_install_lacks_is_said_in_one_line(environment, command, remedy):
    done = environment(*command, check=False)
    assert done.returncode == 69, done.stderr
    assert done.stderr.count("\n") == 1
    assert remedy in done.stderr


def test_bundles_are_verified_and_inspected_in_the_light_install(environment):
    for name in ("synthetic", "cwru"):
        assert json.loads(environment("drsn-export", "verify", shipped(name), "--json").stdout)["passed"]
        assert name in environment("drsn-export", "inspect", shipped(name)).stdout
