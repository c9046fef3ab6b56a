"""Opens a bundle (a directory or a .zip of it) and checks every file in it against the manifest.

A .zip is read where it is, never extracted. Sizes are capped before a byte is read, every file is compared with the
size and the hash that the manifest gives, and a file that the manifest does not name is an error. So is a network that
reads other files or brings operators of its own. Hashes show that a bundle is whole, not who made
it (docs/trust/security.md).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from drsn.model.bundle_source import MAX_BYTES, MAX_FILES, REMEDY, source_of
from drsn.model.contract import Manifest, ModelContract
from drsn.model.errors import BundleError, excerpt
from drsn.model.onnx_wire import OnnxWireError, require_self_contained

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from drsn.model.bundle_source import Source

MANIFEST = "manifest.json"
REQUIRED = ("model.onnx", "golden.npz", "MODEL_CARD.md")
MAX_MANIFEST_BYTES = 1 << 20
MAX_GOLDEN = 1024
"""Windows. Our export writes 128 at most (`golden.py`); each is run by every check, beside an agent that runs."""

NPY_BYTES = 4096
"""Allowed bytes for the names and headers of an .npz; numpy's are 128 bytes each."""


@dataclass(frozen=True)
class Golden:
    """Windows with the outputs that the network gave when it was verified."""

    x: NDArray[np.float32]
    """float32[windows, channels, window]."""
    probabilities: NDArray[np.float32]
    """float32[windows, labels]."""
    novelty: NDArray[np.float32]
    """float32[windows]."""


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every file has been compared with its manifest."""

    path: Path
    sha256: str
    """Hash of `manifest.json`. The manifest holds the hash of every other file, so this identifies the bundle."""
    manifest: Manifest
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def contract(self) -> ModelContract:
        """The model's contract: labels, input, abstention."""
        return self.manifest.contract

    def read(self, name: str) -> bytes:
        """Content of a file that the manifest names.

        Raises:
            BundleError: it names no such file.
        """
        if name not in self.files:
            raise BundleError(f"bundle {self.path}: has no {name}")
        return self.files[name]

    def arrays(self, name: str, max_bytes: int = MAX_BYTES) -> dict[str, NDArray[Any]]:
        """Content of an .npz file that the manifest names, of at most so many bytes once it is unpacked.

        Raises:
            BundleError: it names no such file, or it holds no arrays, or too large ones.
        """
        content = self.read(name)
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:  # zipfile unpacks no more than an entry claims
                if sum(entry.file_size for entry in archive.infolist()) > max_bytes:
                    raise ValueError(f"more than {max_bytes} bytes unpacked")  # noqa: TRY301 (one message for all)
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return {key: np.asarray(arrays[key]) for key in arrays.files}
        except Exception as error:  # noqa: BLE001 (numpy and zipfile raise a dozen unrelated types)
            raise BundleError(f"bundle {self.path}: {name} can't be read: {excerpt(error)}; {REMEDY}") from None

    def golden(self) -> Golden:
        """The golden windows.

        Raises:
            BundleError: they are not what the contract says, or more than `MAX_GOLDEN`.
        """
        contract = self.contract
        floats = contract.input_channels * contract.window + len(contract.labels) + 1
        # Known before anything is unpacked: 20,000 windows of a network are 160 MB here, and 1.6 MB in the .zip.
        arrays = self.arrays("golden.npz", min(MAX_BYTES, MAX_GOLDEN * floats * 4 + NPY_BYTES))
        if missing := {"x", "probabilities", "novelty"} - arrays.keys():
            raise BundleError(f"bundle {self.path}: golden.npz can't be read: no {sorted(missing)}; {REMEDY}")
        golden = Golden(arrays["x"], arrays["probabilities"], arrays["novelty"])
        windows = len(golden.x) if golden.x.ndim else 0
        shapes = (golden.x.shape, golden.probabilities.shape, golden.novelty.shape)
        due = ((windows, contract.input_channels, contract.window), (windows, len(contract.labels)), (windows,))
        kinds = {golden.x.dtype, golden.probabilities.dtype, golden.novelty.dtype}
        if shapes != due or not windows or kinds != {np.dtype(np.float32)}:
            raise BundleError(f"bundle {self.path}: golden.npz holds {shapes}, not {due} of float32; {REMEDY}")
        if windows > MAX_GOLDEN:
            raise BundleError(
                f"bundle {self.path}: golden.npz holds {windows} windows, more than {MAX_GOLDEN}; {REMEDY}"
            )
        return golden


def open_bundle(path: Path) -> Bundle:
    """Open and check a bundle.

    Raises:
        BundleError: one line that names the bundle, what is wrong with it, and the remedy.
    """
    try:
        with source_of(path) as source:
            return _checked(path, source)
    except OSError as error:
        raise BundleError(f"bundle {path}: {error.strerror or error}") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise BundleError(f"bundle {path}: not a readable .zip: {excerpt(error)}; {REMEDY}") from None


def _checked(path: Path, source: Source) -> Bundle:
    names = source.names()
    if len(names) > MAX_FILES or len(set(names)) != len(names):
        raise BundleError(f"bundle {path}: {len(names)} entries, some twice or more than {MAX_FILES}; {REMEDY}")
    if MANIFEST not in names:
        raise BundleError(f"bundle {path}: has no {MANIFEST}, so it is no bundle")
    text = source.read(MANIFEST, MAX_MANIFEST_BYTES)
    if len(text) > MAX_MANIFEST_BYTES:
        raise BundleError(f"bundle {path}: {MANIFEST} is larger than {MAX_MANIFEST_BYTES} bytes; {REMEDY}")
    manifest = _manifest(path, text)
    due = {MANIFEST, *manifest.files}
    if missing := sorted({*due, *REQUIRED} - set(names) | set(REQUIRED) - set(manifest.files)):
        raise BundleError(f"bundle {path}: {', '.join(missing)} missing; {REMEDY}")
    if surplus := sorted(set(names) - due):
        raise BundleError(f"bundle {path}: holds {surplus[0]!r}, which its manifest does not name; {REMEDY}")
    if sum(entry.bytes for entry in manifest.files.values()) > MAX_BYTES:
        raise BundleError(f"bundle {path}: its files are larger than {MAX_BYTES} bytes")
    files = {}
    for name, entry in manifest.files.items():
        files[name] = source.read(name, entry.bytes)
        if len(files[name]) != entry.bytes or hashlib.sha256(files[name]).hexdigest() != entry.sha256:
            raise BundleError(f"bundle {path}: {name} is not what the manifest says (size or sha256); {REMEDY}")
        if name.endswith(".onnx"):
            _check_network(path, name, files[name])
    return Bundle(path, hashlib.sha256(text).hexdigest(), manifest, files)


def _check_network(path: Path, name: str, content: bytes) -> None:
    """No runtime sees a network that reads other files or brings code: what that does is each runtime's own matter."""
    try:
        require_self_contained(content)
    except OnnxWireError as error:
        raise BundleError(f"bundle {path}: {name}: {error}; export it again, whole and of plain ONNX") from None


def _manifest(path: Path, text: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:80].encode("unicode_escape").decode() or "document"
        raise BundleError(f"bundle {path}: {MANIFEST}: {where}: {first['msg']}; is it of another version?") from None
    # Its texts stand in logs, documents and terminals: none may begin a new line there, or move a cursor.
    if not all(text.isprintable() for text in _texts(manifest.model_dump(mode="json"))):
        raise BundleError(f"bundle {path}: {MANIFEST}: holds a text with control characters; {REMEDY}")
    return manifest


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
