"""Loading TensorRT, and what is said when it can't be."""

from __future__ import annotations

import importlib
import sys
from collections import deque
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from drsn.agent.backends.tensorrt import compat as trt_compat
from drsn.agent.backends.tensorrt.compat import HostFiles, TensorRt, jetson_linux, loaded_library
from drsn.agent.backends.tensorrt.compat import load as compat_load
from drsn.model.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drsn.agent.backends.tensorrt.flavour import Flavour

R36 = "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 2025\n"


class Logger:
    """As the real one: its constructor must be called by name."""

    ready = False

    def __init__(self) -> None:
        self.ready = True


@pytest.fixture
def host(tmp_path: Path) -> HostFiles:
    """Files of a machine that has none of it."""
    return HostFiles(tmp_path / "nv_tegra_release", tmp_path / "lib", tmp_path / "maps")


@pytest.fixture
def load(host: HostFiles) -> Callable[[Flavour], TensorRt]:
    return partial(compat_load, host=host)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch):
    """From now on Python has a tensorrt of this version."""

    def make(version: str, name: str = "tensorrt") -> ModuleType:
        module = ModuleType(name)
        module.__version__, module.__file__, module.ILogger = version, f"/x/{name}/__init__.py", Logger
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return make


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch, load):
    """Importing raises this; returns the line that is said."""

    def said(error: Exception, flavour: str = "tensorrt") -> str:
        def import_module(_name: str) -> ModuleType:
            raise error

        monkeypatch.setattr(importlib, "import_module", import_module)
        with pytest.raises(UnavailableError) as caught:
            load(flavour)
        assert caught.value.exit_code == 69
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return said


def missing(name: str = "tensorrt") -> ModuleNotFoundError:
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("10.3.0", (10, 3, 0)), ("10.13.3.9", (10, 13, 3, 9)), ("11.4.0.106", (11, 4, 0, 106))],
)
def test_the_version_is_numbers(load, there, version: str, numbers: tuple[int, ...]):
    there(version)
    trt = load("tensorrt")
    assert (trt.version, trt.text, trt.title) == (numbers, version, f"TensorRT {version}")


def test_there_is_one_logger_for_the_process(load, there):
    there("10.3.0")
    assert load("tensorrt") is load("tensorrt")
    assert load("tensorrt").logger.ready, "the binding's own constructor must have run"


def test_the_logger_keeps_errors_as_one_line_and_forgets_them_once_told(load, there):
    there("10.3.0")
    trt = load("tensorrt")
    trt.logger.log(0, "[E] first\n  line")
    trt.logger.log(1, "second")
    for severity in (2, 3, 4):
        trt.logger.log(severity, "chatter")
    assert trt.take_errors() == "first line; second"
    assert trt.take_errors() == "no reason given"


def test_a_flood_of_errors_is_bounded(load, there):
    there("10.3.0")
    trt = load("tensorrt")
    for number in range(1000):
        told = f"{number} {'x' * 5000}"
        trt.logger.log(1, told)
    assert len(trt.errors) == trt_compat.KEPT_ERRORS
    assert len(trt.take_errors()) <= 600


@pytest.mark.parametrize("version", ["8.5.2", "8.6.2", "10.2.0.19"])
def test_a_tensorrt_older_than_10_3_is_refused_with_the_update_as_its_remedy(load, there, tmp_path: Path, version: str):
    (tmp_path / "nv_tegra_release").write_text(R36)
    there(version)
    with pytest.raises(UnavailableError) as caught:
        load("tensorrt")
    assert str(caught.value) == (
        f"TensorRT {version} (/x/tensorrt/__init__.py) is older than 10.3 (JetPack 6.1); "
        "update JetPack to 6.1 or later; "
        "until then the network runs on ONNX Runtime: agent.backend = 'auto' or 'onnxruntime'"
    )


def test_on_a_pc_an_old_one_is_updated_by_pip(load, there):
    there("8.6.1")
    with pytest.raises(UnavailableError, match=r"older than 10\.3 .*; pip install --upgrade 'drsn-edge\[trt\]'"):
        load("tensorrt")
    there("0.9", "tensorrt_rtx")
    with pytest.raises(
        UnavailableError, match=r"TensorRT-RTX 0\.9 .* than 1\.0; pip install --upgrade 'drsn-edge\[rtx\]'"
    ):
        load("tensorrt-rtx")


def test_a_module_that_is_none_of_nvidias_is_refused(load, there):
    there("")
    with pytest.raises(UnavailableError, match=r"TensorRT of unknown version \(.*\) is older"):
        load("tensorrt")


def test_the_oldest_supported_version_is_taken(load, there):
    there("10.3")
    assert load("tensorrt").version == (10, 3)


def test_of_all_that_is_loaded_tensorrts_own_library_is_named(load, there, tmp_path: Path):
    lines = ("/usr/lib/libc.so.6", "/usr/lib/libnvinfer_plugin.so.10.3.0", "/opt/libnvinfer.so.10.3.0", "")
    (tmp_path / "maps").write_text("".join(f"7f00-7f01 r-xp 0 08:01 1   {path}\n" for path in lines))
    there("10.3.0")
    assert load("tensorrt").library_path == "/opt/libnvinfer.so.10.3.0"


def test_the_loaders_words_and_what_it_loaded_are_passed_on(fails, tmp_path: Path):
    (tmp_path / "maps").write_text("7f00-7f01 r-xp 0 08:01 1   /usr/lib/aarch64-linux-gnu/libnvinfer.so.8.6.2\n")
    for error in (
        ImportError("libnvinfer.so.10: cannot open shared object file"),
        OSError("libcudart.so.12: no"),
        AttributeError("module 'numpy' has no attribute 'bool'"),
    ):
        said = fails(error)
        assert str(error) in said
        assert "(loaded: /usr/lib/aarch64-linux-gnu/libnvinfer.so.8.6.2)" in said


def test_of_no_library_nothing_is_said(fails, tmp_path: Path):
    assert "(loaded: " not in fails(OSError("libcudart.so.12: no"))
    (tmp_path / "maps").write_text("7f00-7f01 r-xp 0 08:01 1   /usr/lib/libnvinfer.so.8.6.2\n")
    assert "(loaded: " not in fails(missing()), "what another program's module loaded is beside the point"


def test_a_tensorrt_rtx_that_is_broken_is_installed_again(fails):
    assert "install it again: pip install 'drsn-edge[rtx]'" in fails(OSError("no"), "tensorrt-rtx")
    assert "again" not in fails(missing("tensorrt_rtx"), "tensorrt-rtx")


def test_a_broken_dependency_is_not_taken_for_a_missing_module(fails):
    assert "installed but cannot be loaded: ModuleNotFoundError: No module named 'numpy'" in fails(missing("numpy"))


def test_on_a_jetson_apt_has_it_and_pip_must_not(fails, tmp_path: Path):
    (tmp_path / "nv_tegra_release").write_text(R36)
    said = fails(missing())
    assert said.startswith("Python has no tensorrt; on a Jetson: sudo apt-get install python3-libnvinfer")
    assert "never pip install tensorrt" in said


def test_on_a_pc_pip_has_it(fails):
    assert "pip install 'drsn-edge[trt]'" in fails(missing())
    assert "pip install 'drsn-edge[rtx]'" in fails(missing("tensorrt_rtx"), "tensorrt-rtx")


@pytest.fixture
def venv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A venv over a system that has TensorRT; it sees the system's packages or it does not."""

    def make(*, sees: bool, folder: str = "python3") -> None:
        (tmp_path / "lib" / folder / "dist-packages" / "tensorrt").mkdir(parents=True)
        text = f"home = /usr/bin\ninclude-system-site-packages = {str(sees).lower()}\nversion = 3.10.12\n"
        (tmp_path / "venv").mkdir()
        (tmp_path / "venv" / "pyvenv.cfg").write_text(text, encoding="utf-8")
        monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))

    return make


@pytest.mark.parametrize("folder", ["python3", f"python3.{sys.version_info.minor}"])
def test_the_venv_trap_is_called_by_its_name(fails, venv, folder: str):
    venv(sees=False, folder=folder)
    said = fails(missing())
    assert f"this venv ({sys.prefix}) can't see it" in said
    assert f"python3 -m venv --system-site-packages --clear {sys.prefix}" in said


def test_one_that_is_there_and_broken_is_no_trap(fails, venv):
    venv(sees=False)
    assert "--clear" not in fails(OSError("libnvinfer.so.10: no"))


def test_a_venv_that_sees_the_system_is_no_trap(fails, venv):
    venv(sees=True)
    assert "venv --system" not in fails(missing())


def test_where_there_is_no_venv_there_is_no_trap(fails, venv, tmp_path: Path):
    venv(sees=False)
    (tmp_path / "venv" / "pyvenv.cfg").unlink()
    assert "--clear" not in fails(missing())


def test_another_pythons_packages_are_no_trap(fails, venv):
    venv(sees=False, folder="python3.99")
    assert "--clear" not in fails(missing())


def test_without_maps_nothing_is_said_of_a_library(host: HostFiles):
    assert loaded_library("tensorrt", host) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [(R36, "36.4.3"), ("# R39 (release), REVISION: 2.0, GCID: 1\n", "39.2.0"), ("hello\n", None), ("", None)],
)
def test_jetson_linux_is_read(tmp_path: Path, text: str, told: str | None):
    (tmp_path / "nv_tegra_release").write_text(text)
    assert jetson_linux(tmp_path / "nv_tegra_release") == told


def test_a_pc_has_no_jetson_linux(tmp_path: Path):
    (tmp_path / "nv_tegra_release").write_text(R36)
    assert jetson_linux(tmp_path / "none") is None


def test_a_library_says_nothing_when_nothing_failed():
    trt = TensorRt(SimpleNamespace(), "tensorrt-rtx", (1, 7, 1), None, None, deque())
    assert (trt.take_errors(), trt.title) == ("no reason given", "TensorRT-RTX 1.7.1")
