from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import stat
import tracemalloc
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.bundles import SHIPPED, shipped
from drsn.model.bundle import MAX_GOLDEN, MAX_MANIFEST_BYTES, open_bundle
from drsn.model.bundle_source import MAX_BYTES, MAX_FILES
from drsn.model.errors import BundleError

if TYPE_CHECKING:
    from pathlib import Path

    from drsn.model.contract import ModelContract


def npz(**arrays: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


@dataclass
class Draft:
    """A bundle to be: right until a test breaks it."""

    path: Path
    files: dict[str, bytes]
    manifest: dict[str, Any]

    @property
    def text(self) -> bytes:
        return json.dumps(self.manifest).encode()

    def put(self, name: str, content: bytes) -> None:
        """A file and its right entry in the manifest."""
        self.files[name] = content
        self.manifest["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}

    def directory(self) -> Path:
        self.path.mkdir()
        for name, content in {"manifest.json": self.text, **self.files}.items():
            (self.path / name).write_bytes(content)
        return self.path

    def zip(self, *more: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
        path = self.path.with_suffix(".zip")
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in [("manifest.json", self.text), *self.files.items(), *more]:
                archive.writestr(name, content)
        return path


@pytest.fixture
def draft(tmp_path: Path, contract: ModelContract) -> Draft:
    golden = npz(
        x=np.zeros((3, contract.channels, contract.window), np.float32),
        probabilities=np.zeros((3, len(contract.labels)), np.float32),
        novelty=np.zeros(3, np.float32),
    )
    manifest = {"name": "small", "version": "1", "created": "2026-01-01", "contract": contract.model_dump(mode="json")}
    made = Draft(tmp_path / "bundle", {}, {**manifest, "files": {}})
    for name, content in (("model.onnx", b"\x08\x08" * 18), ("golden.npz", golden), ("MODEL_CARD.md", b"# small")):
        made.put(name, content)
    return made


def refused(path: Path) -> str:
    with pytest.raises(BundleError) as caught:
        open_bundle(path)
    line = str(caught.value)
    assert line.startswith(f"bundle {path}: ")
    assert line.isprintable()  # one line, and no escape sequence for the terminal
    return line


def test_a_directory_and_its_zip_are_one_bundle(draft: Draft):
    folder, archive = open_bundle(draft.directory()), open_bundle(draft.zip())
    assert folder.sha256 == archive.sha256 == hashlib.sha256(draft.text).hexdigest()
    assert folder.files == archive.files == draft.files


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_whole(name: str):
    bundle = open_bundle(shipped(name))
    assert bundle.manifest.name == name
    assert len(bundle.golden().x) >= 64


def test_nothing_is_extracted(draft: Draft, tmp_path: Path):
    open_bundle(draft.zip()).golden()
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.zip"]


def lies(draft: Draft, *names: str, **said: object) -> None:
    for name in names or ["model.onnx"]:
        draft.manifest["files"][name] |= said


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: d.files.update({"model.onnx": b"evil" * 9}), "model.onnx is not what the manifest says"),
        (lambda d: lies(d, bytes=4), "model.onnx is not what the manifest says"),
        (lambda d: lies(d, bytes=MAX_BYTES), "larger than"),
        (lambda d: lies(d, "model.onnx", "golden.npz", bytes=MAX_BYTES // 2 + 1), "larger than"),
        (lambda d: lies(d, sha256="0"), "files.model.onnx.sha256"),
        (lambda d: d.files.pop("model.onnx"), "model.onnx missing"),
        (lambda d: d.manifest["files"].pop("model.onnx"), "model.onnx missing"),
        (lambda d: d.files.update({"setup.py": b""}), "'setup.py', which its manifest does not name"),
        (lambda d: d.put("../x", b""), "manifest.json: files"),
        (lambda d: d.manifest.update({"schema_version": 2}), "schema_version"),
        (lambda d: d.manifest.update({"a\n\x1b[31mb": 1}), "Extra inputs"),
        (lambda d: d.manifest.update({"version": "1\nlevel=info"}), "control characters"),
        (lambda d: d.manifest.update({"versions": {"\x1b[2J": "1"}}), "control characters"),
        (lambda d: d.manifest["contract"]["labels"][0].update({"size": "\u202e1"}), "control characters"),
        (lambda d: d.manifest["contract"]["labels"][3].update({"name": "a/../b"}), "contract"),
        (lambda d: d.manifest["contract"]["labels"][3].update({"name": "ball\n"}), "contract"),
        (lambda d: d.manifest.update({"name": "../x"}), "name: "),
        (lambda d: d.put("model.onnx", b"\x42\x06\x0a\x04mine"), "uses operators of b'mine'"),
        (
            lambda d: d.put("model.fp16.onnx", b"\x3a\x04\x2a\x02\x70\x01"),
            "model.fp16.onnx: holds weights in other files",
        ),
        (lambda d: d.put("model.onnx", b"onnx"), "model.onnx: is no ONNX"),
        (lambda d: d.manifest.pop("contract"), "contract: Field required"),
        (lambda d: d.manifest["contract"]["labels"][0].update({"condition": "unknown"}), "contract"),
        (lambda d: d.manifest.update({"created": "x" * MAX_MANIFEST_BYTES}), f"larger than {MAX_MANIFEST_BYTES}"),
        (lambda d: [d.put(f"f{i}", b"") for i in range(MAX_FILES)], f"more than {MAX_FILES}"),
    ],
)
@pytest.mark.parametrize("form", ["directory", "zip"])
def test_what_the_manifest_does_not_vouch_for_is_refused(form: str, spoil, said: str, draft: Draft):
    spoil(draft)
    assert said in refused(getattr(draft, form)())


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"name": NaN}'])
def test_a_manifest_of_garbage_is_refused(text: bytes, draft: Draft):
    folder = draft.directory()
    (folder / "manifest.json").write_bytes(text)
    assert "manifest.json: " in refused(folder)


def test_what_is_no_bundle_says_so(tmp_path: Path):
    assert "no such file" in refused(tmp_path / "nowhere")
    assert "no manifest.json, so it is no bundle" in refused(tmp_path)
    (tmp_path / "text").write_text("PK?")
    assert "not a readable .zip" in refused(tmp_path / "text")


def test_a_folder_holds_plain_files_only(draft: Draft, tmp_path: Path):
    folder = draft.directory()
    (folder / "model.onnx").rename(tmp_path / "elsewhere")
    (folder / "model.onnx").symlink_to(tmp_path / "elsewhere")
    assert "model.onnx is no plain file" in refused(folder)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "..\\evil", "sub/", "a\nb", "\x1b[31m"])
def test_a_name_in_the_zip_that_leads_elsewhere_is_refused(name: str, draft: Draft):
    assert "does not name" in refused(draft.zip((name, b"evil")))


def test_a_link_in_the_zip_is_refused(draft: Draft):
    link = zipfile.ZipInfo("model.onnx")
    link.external_attr = stat.S_IFLNK << 16
    assert "model.onnx is a link" in refused(draft.zip((link, draft.files.pop("model.onnx"))))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_an_entry_that_comes_twice_is_refused(name: str, draft: Draft):
    assert "twice" in refused(draft.zip((name, draft.files["model.onnx"])))


def overwrite_headers(path: Path, offset: int, new: bytes) -> None:
    """In the zip's last entry, `offset` behind the signature of its local header; the central one is 2 bytes longer."""
    data = bytearray(path.read_bytes())
    for at in (data.rindex(b"PK\3\4") + offset, data.rindex(b"PK\1\2") + 2 + offset):
        data[at : at + len(new)] = new
    path.write_bytes(data)


def test_an_encrypted_entry_is_refused(draft: Draft):
    path = draft.zip()
    overwrite_headers(path, 6, b"\1")  # flags
    assert "encrypted" in refused(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_whose_output_has_no_limit_is_refused(compression: int, draft: Draft):
    assert "neither stored nor deflated" in refused(draft.zip(compression=compression))


@pytest.mark.parametrize("honest", [True, False])
def test_a_bomb_does_not_go_off(draft: Draft, *, honest: bool):
    """64 MB of zeros where the manifest says 36 bytes; the .zip says 64 MB, or 36 bytes too."""
    bomb = zipfile.ZipInfo("model.onnx")
    bomb.compress_type = zipfile.ZIP_DEFLATED
    expected = len(draft.files.pop("model.onnx"))
    path = draft.zip()
    with zipfile.ZipFile(path, "a") as archive, archive.open(bomb, "w") as stream:
        stream.write(bytes(64 << 20))
    if not honest:
        overwrite_headers(path, 22, expected.to_bytes(4, "little"))
    tracemalloc.start()
    line = refused(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "model.onnx is not what the manifest says" in line or "Bad CRC" in line
    assert peak_bytes < 4 << 20


def test_a_zip_that_was_cut_off_or_damaged_is_the_same_bundle_or_none(draft: Draft):
    path = draft.zip()
    whole, expected = path.read_bytes(), open_bundle(path)

    @given(at=st.integers(0, len(whole) - 1), value=st.integers(0, 255), length=st.integers(0, len(whole)))
    def damage(at: int, value: int, length: int) -> None:
        for content in (whole[:at] + bytes([value]) + whole[at + 1 :], whole[:length]):
            path.write_bytes(content)
            with suppress(BundleError):
                found = open_bundle(path)
                assert (found.sha256, found.files) == (expected.sha256, expected.files)

    damage()


NPY = io.BytesIO()
np.lib.format.write_array_header_1_0(NPY, {"descr": "<f4", "fortran_order": False, "shape": (1 << 44,)})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage" * 9,
        NPY.getvalue(),  # terabytes, it says
        b"\x93NUMPY\1\0",
        npz(x=np.array([{}]), probabilities=np.zeros(1), novelty=np.zeros(1)),  # pickled
        npz(x=np.zeros((3, 1, 256)), probabilities=np.zeros((3, 4)), novelty=np.zeros(3)),  # float64
        npz(x=np.zeros((0, 1, 256), "f4"), probabilities=np.zeros((0, 4), "f4"), novelty=np.zeros(0, "f4")),
        npz(x=np.zeros((3, 1, 128), "f4"), probabilities=np.zeros((3, 4), "f4"), novelty=np.zeros(3, "f4")),
    ],
)
def test_golden_windows_that_are_not_the_contracts_are_refused(content: bytes, draft: Draft):
    draft.put("golden.npz", content)
    bundle = open_bundle(draft.zip())
    with pytest.raises(BundleError, match=r"golden\.npz"):
        bundle.golden()


def golden(contract: ModelContract, windows: int) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(
        content,
        x=np.zeros((windows, contract.channels, contract.window), np.float32),
        probabilities=np.zeros((windows, len(contract.labels)), np.float32),
        novelty=np.zeros(windows, np.float32),
    )
    return content.getvalue()


@pytest.mark.parametrize("windows", [MAX_GOLDEN + 1, 60_000])
def test_more_golden_windows_than_anybody_exports_are_refused_before_they_take_memory(
    windows: int, draft: Draft, contract: ModelContract
):
    """Each check runs all of them, and `reload` runs a check beside the agent."""
    draft.put("golden.npz", golden(contract, MAX_GOLDEN))
    assert len(open_bundle(draft.zip()).golden().x) == MAX_GOLDEN
    draft.put("golden.npz", golden(contract, windows))
    bundle = open_bundle(draft.zip())
    tracemalloc.start()
    with pytest.raises(BundleError, match=r"golden\.npz.*more than"):
        bundle.golden()
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 4 << 20


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as place:
        place.bind(os.path.relpath(path))  # an absolute name may be too long for a socket


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("lay", "said"),
    [
        (os.mkfifo, "is a pipe, a socket or a device"),
        (listening, "is a pipe, a socket or a device"),
        (lambda path: path.symlink_to("/dev/zero"), "is a pipe, a socket or a device"),
        (lambda path: path.symlink_to("nowhere"), "no such file"),
        (lambda path: path.symlink_to(path.name), "Too many levels"),
        (lambda path: path.touch() or os.truncate(path, MAX_BYTES + 1), f"larger than {MAX_BYTES} bytes"),
    ],
)
def test_what_is_no_bundle_is_not_waited_for_and_not_read(
    lay, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    lay(tmp_path / "bundle.zip")
    assert said in refused(tmp_path / "bundle.zip")


@pytest.mark.timeout(20)
def test_a_pipe_in_a_folder_is_not_waited_for(draft: Draft):
    folder = draft.directory()
    (folder / "model.onnx").unlink()
    os.mkfifo(folder / "model.onnx")
    assert "model.onnx is no plain file" in refused(folder)


def test_a_zip_of_far_too_many_files_is_refused_before_they_take_memory(tmp_path: Path):
    """Listed, 20,000 files take 20 MB; what 256 MB have room for would take gigabytes."""
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"file{number}", b"")
    tracemalloc.start()
    assert "not a readable .zip" in refused(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 4 << 20


def test_a_zip_with_the_longest_comment_is_read(draft: Draft):
    path = draft.zip()
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"c" * 65_535
    assert open_bundle(path).files == draft.files
