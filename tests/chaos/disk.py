"""A small file system of its own under the agent's state directory: it can be full, read-only, or give no answer."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SIZE_MB = 24


class Disk:
    """A tmpfs, mounted until `close`.

    Args:
        folder: where; made.
    """

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0:
            (pytest.fail if os.environ.get("CI") else pytest.skip)("only root may mount a disk of its own")
        self.folder = folder
        self._filler = folder / "filler"
        folder.mkdir()
        self._mount()

    def _mount(self) -> None:
        _mount("-t", "tmpfs", "-o", f"size={SIZE_MB}m", "drsn-chaos", str(self.folder))

    def fill(self) -> None:
        """Not one byte more has room."""
        with suppress(OSError), self._filler.open("ab", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        assert not os.statvfs(self.folder).f_bavail

    def make_room(self) -> None:
        self._filler.unlink()

    def read_only(self) -> None:
        """Nobody may have a file open to write."""
        _mount("-o", "remount,ro", str(self.folder))

    def writable(self) -> None:
        _mount("-o", "remount,rw", str(self.folder))

    def close(self) -> None:
        """Whoever still holds a file keeps it until its end."""
        subprocess.run(["umount", "-l", str(self.folder)], check=True, timeout=20)


class Frozen(Disk):
    """An ext4 in a file: until `thaw` whoever writes to it waits, without an error or an end.

    Args:
        folder: where; made.
        image: the file; made.
    """

    def __init__(self, folder: Path, image: Path) -> None:
        self._image = image
        super().__init__(folder)

    def _mount(self) -> None:
        with self._image.open("wb") as file:
            file.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-q", str(self._image)], check=True, timeout=60)
        _mount("-o", "loop", str(self._image), str(self.folder))

    def freeze(self) -> None:
        self._freeze("--freeze")

    def thaw(self) -> None:
        self._freeze("--unfreeze")

    def close(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self.thaw()
        super().close()

    def _freeze(self, what: str) -> None:
        subprocess.run(["fsfreeze", what, str(self.folder)], check=True, timeout=20)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, timeout=20)
