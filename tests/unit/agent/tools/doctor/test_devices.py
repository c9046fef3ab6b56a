from __future__ import annotations

from pathlib import Path

import pytest

from drsn.agent.__main__ import main
from drsn.agent.tools.doctor import devices
from drsn.agent.tools.doctor.command import write_dropin
from drsn.model.errors import StorageError, UnavailableError

PC = ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "nvidia-modeset", "nvidia-caps/nvidia-cap1", "dri/renderD128")
JETSON = ("nvmap", "nvhost-ctrl-gpu", "nvgpu/igpu0/ctrl", "nvgpu/igpu0/as", "host1x-fence", "dri/renderD128")
OTHERS = ("nvme0", "nvram", "null", "sda", "dri/card0", "input/event0", "mem")
"""What no agent may touch; `nvme0` is the character device by which a disk is erased."""


def tree(dev: Path, *names: str) -> Path:
    """A fake /dev. The nodes are links to a real character device, which nobody must be root to make."""
    for name in names:
        (dev / name).parent.mkdir(parents=True, exist_ok=True)
        (dev / name).symlink_to("/dev/null")
    return dev


@pytest.mark.parametrize("machine", [PC, JETSON], ids=["pc", "jetson"])
def test_the_gpus_nodes_are_listed_and_nothing_else(tmp_path: Path, machine: tuple[str, ...], capsys):
    dev = tree(tmp_path / "dev", *machine, *OTHERS)
    dropin = tmp_path / "drsn-agent@.service.d" / "20-devices.conf"  # its folder is made
    assert write_dropin(dropin, dev) == 0
    lines = dropin.read_text(encoding="utf-8").splitlines()
    allowed = [line for line in lines if line.startswith("DeviceAllow=")]
    assert allowed == sorted(f"DeviceAllow={dev / name} rw" for name in machine)
    assert {"[Service]", "DevicePolicy=closed", "ProtectClock=yes"} <= set(lines)
    assert all(name in capsys.readouterr().out for name in [str(dropin)])


def test_files_and_folders_that_are_named_like_nodes_are_none(tmp_path: Path):
    (tmp_path / "nvidia-caps").mkdir()
    (tmp_path / "nvidia0").write_text("")
    (tmp_path / "nvmap").symlink_to("nowhere")
    assert devices.found(tmp_path) == ()


def test_without_a_gpu_nothing_is_written_and_the_error_is_clear(tmp_path: Path):
    dropin = tmp_path / "devices.conf"
    with pytest.raises(UnavailableError, match="no device node of an NVIDIA GPU"):
        devices.write(dropin, tree(tmp_path / "dev", *OTHERS))
    assert not dropin.exists()


def test_a_place_that_may_not_be_written_is_an_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="sudo"):
        devices.write(tmp_path / "file" / "devices.conf", tree(tmp_path / "dev", *PC))


def test_it_asks_for_no_configuration_which_the_checks_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    dropin = tmp_path / "devices.conf"
    nodes = devices.found(Path("/dev"))
    assert main(["doctor", "--write-device-dropin", str(dropin)]) == (0 if nodes else 69)
    assert dropin.exists() == bool(nodes)
    capsys.readouterr()
    assert main(["doctor"]) == 64
    assert "--config" in capsys.readouterr().err
