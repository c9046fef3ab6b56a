from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from engine_files import lay, plan_content

from drsn.agent.backends.tensorrt.engine_file import EngineFile, default_engine_dir, engine_file_name, slug
from drsn.agent.backends.tensorrt.sidecar import read_sidecar
from drsn.agent.bundles import shipped
from drsn.model.bundle import open_bundle
from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

BUNDLE = open_bundle(shipped("synthetic"))


def test_the_name_says_for_what_it_is():
    name = engine_file_name("ab" * 32, "NVIDIA H100 80GB HBM3", "10.3.0", "fp16", "tensorrt")
    assert name == "abababababababab-nvidia-h100-80gb-hbm3-10.3.0-fp16.plan"
    assert engine_file_name("ab" * 32, "sm86-sm89", "1.7.1.116", "fp32", "tensorrt-rtx").endswith(
        "-sm86-sm89-1.7.1.116-fp32.rtx"
    )
    assert engine_file_name("ab" * 32, "../../etc/(X)", "1", "fp32", "tensorrt") == "abababababababab-etc-x-1-fp32.plan"


def test_engines_lie_beside_the_bundle(tmp_path: Path):
    assert default_engine_dir(tmp_path / "model.zip") == tmp_path / "model.zip.engines"


def test_a_gpu_without_letters_has_a_name_of_a_file():
    assert slug("???") == "gpu"


def test_a_plan_with_a_changed_byte_is_not_handed_on(tmp_path: Path):
    path = lay(tmp_path, BUNDLE)
    engine = EngineFile(path, read_sidecar(path))
    assert engine.read() == plan_content()
    path.write_bytes(plan_content()[:-1] + b"S")
    with pytest.raises(BundleError, match="does not match its sidecar file"):
        engine.read()
    path.unlink()
    with pytest.raises(BundleError, match="No such file"):
        engine.read()
