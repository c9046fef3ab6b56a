"""Which device nodes are the GPU's, and the systemd drop-in that opens them and closes all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drsn.model.errors import StorageError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

NODES = ("nvidia*", "nvidia-caps/*", "nvmap", "nvhost-*", "nvgpu/*/*", "nvsciipc", "host1x-fence", "dri/renderD*")
"""Names of the device nodes under /dev: of a PC (`nvidia…`) and of a Jetson (the others). Not `nv*`, which would add a
disk's controller (`nvme0`) and the firmware's memory (`nvram`)."""

DROPIN = """\
# Written by `drsn-agent doctor --write-device-dropin`: the GPU's device nodes as found on this machine.
# Write it again after an upgrade of the driver or of JetPack, and for another GPU.
[Service]
DevicePolicy=closed
{devices}
# It opens the clock's device by itself, which closes nothing more than is closed already.
ProtectClock=yes
"""


def found(dev: Path) -> tuple[Path, ...]:
    """The GPU's character devices under `dev` (/dev), sorted."""
    return tuple(sorted({node for name in NODES for node in dev.glob(name) if node.is_char_device()}))


def write(path: Path, dev: Path) -> tuple[Path, ...]:
    """Write the drop-in for the nodes under `dev`, and return them.

    Raises:
        UnavailableError: there are none, and nothing was written.
        StorageError: it can't be written.
    """
    nodes = found(dev)
    if not nodes:
        raise UnavailableError(
            f"{dev}: no device node of an NVIDIA GPU, so {path} is not written; check that the driver is loaded. "
            "Without a GPU the file is not needed"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(DROPIN.format(devices="\n".join(f"DeviceAllow={node} rw" for node in nodes)), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}; run the command as root (sudo)") from None
    return nodes
