"""Tests of a real GPU with a real TensorRT or TensorRT-RTX: `make gpu`. Without both, nothing is collected.

Their measurements are written to $DRSN_GPU_REPORT, a JSON file, with the device's name.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from drsn.agent.backends.selection import BackendOptions, choose
from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt.cuda import Device, probe
from drsn.agent.backends.tensorrt.flavour import FLAVOURS
from drsn.agent.bundles import SHIPPED, shipped
from drsn.model.bundle import open_bundle
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drsn.agent.backends.selection import Chosen
    from drsn.agent.backends.tensorrt.compat import TensorRt
    from drsn.agent.backends.tensorrt.flavour import Flavour
    from drsn.agent.backends.tensorrt.sidecar import Precision
    from drsn.model.bundle import Bundle

MAX_BATCH = 32
DEVICE = probe()


def _installed() -> dict[Flavour, TensorRt]:
    found: dict[Flavour, TensorRt] = {}
    for flavour in FLAVOURS if isinstance(DEVICE, Device) else ():
        try:
            found[flavour] = trt_compat.load(flavour)
        except UnavailableError as error:  # noqa: PERF203 (two of them)
            LACKING.append(str(error))
    return found


LACKING: list[str] = [] if isinstance(DEVICE, Device) else [DEVICE.reason]
INSTALLED = _installed()
collect_ignore_glob = [] if INSTALLED else ["test_*.py"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "gpu: needs a GPU and a TensorRT")


def pytest_report_header() -> str:
    name = DEVICE.name if isinstance(DEVICE, Device) else "none"
    return f"GPU: {name}; {', '.join(f'{f} {t.text}' for f, t in INSTALLED.items()) or 'no TensorRT'}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    """If nothing can run, the last line gives the reason, and `make gpu` fails."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        terminalreporter.write_line(f"Nothing was tested: {'; '.join(LACKING)}")


@dataclass
class Rig:
    """An engine that the command built on this machine, and how to open it."""

    bundle: Bundle
    flavour: Flavour
    precision: Precision
    engine_dir: Path
    report: dict[str, object] = field(default_factory=dict)

    def open(self, *, cuda_graphs: bool = True) -> Chosen:
        return choose(
            self.bundle, BackendOptions(self.flavour, MAX_BATCH, engine_dir=self.engine_dir, cuda_graphs=cuda_graphs)
        )


def build(bundle: Bundle, flavour: Flavour, precision: Precision, engine_dir: Path) -> dict:
    """`drsn-export --target …`, as a user calls it."""
    target = FLAVOURS[flavour].target
    command = [sys.executable, "-m", "drsn.export", "--target", target, "--bundle", str(bundle.path), "--json",
               "--engine-dir", str(engine_dir), "--precision", precision, "--batch", f"1,8,{MAX_BATCH}"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


CASES = [
    pytest.param((name, flavour, precision), id=f"{name} {flavour} {precision}")
    for name in SHIPPED
    for flavour in INSTALLED
    for precision in ("fp32", "fp16")
    if precision == "fp32" or "model.fp16.onnx" in open_bundle(shipped(name)).files
]


@pytest.fixture(scope="session", params=CASES)
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Built once for all tests."""
    name, flavour, precision = request.param
    made = Rig(open_bundle(shipped(name)), flavour, precision, tmp_path_factory.mktemp("engines"))
    build(made.bundle, flavour, precision, made.engine_dir)
    yield made
    if place := os.environ.get("DRSN_GPU_REPORT"):
        _add(Path(place), {"bundle": name, "precision": precision, **_where(flavour), **made.report})


def _where(flavour: Flavour) -> dict[str, object]:
    return {"device": DEVICE.name, "cuda": ".".join(map(str, DEVICE.cuda)), flavour: INSTALLED[flavour].text}


def _add(path: Path, row: dict[str, object]) -> None:
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    path.write_text(json.dumps([*rows, row], indent=1) + "\n", encoding="utf-8")
