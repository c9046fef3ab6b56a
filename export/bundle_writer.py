"""Write a bundle atomically: first beside its destination, then moved there in one step."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from drsn.export.golden import ZIP_EPOCH
from drsn.model.bundle import MANIFEST, open_bundle
from drsn.model.contract import FileEntry
from drsn.model.errors import BundleError, StorageError, UsageError
from drsn.model.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drsn.model.bundle import Bundle
    from drsn.model.contract import Manifest


def file_entries(files: Mapping[str, bytes]) -> dict[str, FileEntry]:
    """Hash and size of each file, for the manifest."""
    return {
        name: FileEntry(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        for name, content in sorted(files.items())
    }


def write_bundle(target: Path, manifest: Manifest, files: Mapping[str, bytes], *, force: bool = False) -> Bundle:
    """Write a directory, or a file when `target` ends in .zip; open it again and return it.

    Raises:
        UsageError: something is there already, and `force` is not given, or it is no bundle.
        StorageError: it can't be written; what was there before is still there.
        BundleError: what was written can't be read back.
    """
    content = {MANIFEST: manifest.model_dump_json(indent=1).encode(), **files}
    try:
        may_replace(target, force=force)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".zip":
            write_whole(target, _zipped(content), 0o644)
        else:
            _write_directory(target, content)
    except OSError as error:
        raise StorageError(f"bundle {target}: {error.strerror or error}; nothing was changed") from None
    return open_bundle(target)


def may_replace(target: Path, *, force: bool) -> None:
    """Refuse to overwrite anything but a bundle, before time is spent on it.

    Raises:
        UsageError: something is there already, and `force` is not given, or it is no bundle.
    """
    if not target.exists():
        return
    if not force:
        raise UsageError(f"bundle {target}: exists already; choose another --out, or --force")
    try:
        open_bundle(target)
    except BundleError as error:
        raise UsageError(f"{target}: exists and is no bundle, so it is not replaced ({error})") from None


def _zipped(content: Mapping[str, bytes]) -> bytes:
    """A deterministic .zip: the same content gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _write_directory(target: Path, content: Mapping[str, bytes]) -> None:
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        for name, data in content.items():
            with (fresh / name).open("wb") as stream:
                stream.write(data)
                os.fsync(stream.fileno())
        fresh.chmod(0o755)
        if target.exists():  # a directory can't be replaced in one step: the old one steps aside first
            aside = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
            target.rename(aside / target.name)
            try:
                fresh.rename(target)
            except BaseException:
                (aside / target.name).rename(target)
                aside.rmdir()
                raise
            shutil.rmtree(aside, ignore_errors=True)
        else:
            fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
