from __future__ import annotations

import io
import pickle
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from drsn.model.checkpoint import Checkpoint
from drsn.model.errors import BadDataError, StorageError
from drsn.model.novelty import fit_coefficients

if TYPE_CHECKING:
    from collections.abc import Callable


class Touch:
    """An object that makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.path,)


def saved(document: object) -> bytes:
    stream = io.BytesIO()
    torch.save(document, stream)
    return stream.getvalue()


@pytest.fixture
def document(checkpoint_path: Path) -> dict[str, Any]:
    """What lies in the file."""
    return torch.load(checkpoint_path, weights_only=True)


def refusal(path: Path, content: bytes) -> str:
    """The error that these bytes end in."""
    path.write_bytes(content)
    with pytest.raises(BadDataError) as caught:
        Checkpoint.load(path).build()
    assert caught.value.exit_code == 65
    return str(caught.value)


def test_all_of_it_survives_the_file(checkpoint: Checkpoint, tmp_path: Path):
    checkpoint.save(tmp_path / "c.pt")
    loaded = Checkpoint.load(tmp_path / "c.pt")
    for field in ("name", "version", "network", "temperature", "contract", "training"):
        assert getattr(loaded, field) == getattr(checkpoint, field)
    np.testing.assert_array_equal(loaded.golden, checkpoint.golden)
    for name, array in vars(checkpoint.known).items():
        np.testing.assert_array_equal(getattr(loaded.known, name), array)
    assert loaded.golden.dtype == np.float32
    windows = torch.from_numpy(checkpoint.golden)
    for expected, actual in zip(checkpoint.build()(windows), loaded.build()(windows), strict=True):
        assert torch.equal(expected, actual)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"PK\x03\x04", b"\x80\x02.", b"\x80\x02X\x00", saved([1]), saved(torch.ones(2)), saved({"a": 1})],
    ids=["empty", "text", "zip", "no value", "half a value", "list", "tensor", "other keys"],
)
def test_what_is_no_checkpoint_is_said_in_one_line(tmp_path: Path, content: bytes):
    line = refusal(tmp_path / "c.pt", content)
    assert "c.pt" in line
    assert "\n" not in line


@given(st.binary(max_size=40), st.sampled_from([b"", b"\x80\x02", b"\x80\x02}("]))
def test_no_bytes_at_all_break_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes, head: bytes):
    refusal(tmp_path_factory.getbasetemp() / "any.pt", head + content)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_copy_that_was_cut_short_is_refused(checkpoint_path: Path, tmp_path: Path, share: float):
    content = checkpoint_path.read_bytes()
    refusal(tmp_path / "c.pt", content[: int(share * len(content))])


@pytest.mark.parametrize("pack", [pickle.dumps, saved])
def test_code_in_the_file_does_not_run_and_nobody_is_told_how_to_run_it(
    tmp_path: Path, document: dict[str, Any], pack: Callable[[object], bytes]
):
    line = refusal(tmp_path / "c.pt", pack({**document, "name": Touch(tmp_path / "ran")}))
    assert not (tmp_path / "ran").exists()
    assert "weights_only" not in line


@pytest.mark.parametrize(
    "change",
    [
        {"format": 1},
        {"format": 3},
        {"known": {}},
        {"network": None},
        {"state": None},
        {"state": {}},
        {"contract": {}},
        {"golden": [1]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_file_of_another_version_is_refused(tmp_path: Path, document: dict[str, Any], change: dict[str, Any]):
    assert "train again" in refusal(tmp_path / "c.pt", saved({**document, **change}))


def test_a_file_of_an_earlier_format_says_which_in_one_line(tmp_path: Path, document: dict[str, Any]):
    """As version 0.1 wrote it: without what the novelty needs."""
    del document["known"]
    line = refusal(tmp_path / "c.pt", saved({**document, "format": 1}))
    assert "(format 1, expected 2); train again" in line
    assert "\n" not in line


def test_novelty_coefficients_of_another_network_are_refused(checkpoint: Checkpoint):
    embedding = np.random.default_rng(1).standard_normal((30, 5)).astype(np.float32)
    other = fit_coefficients(embedding, np.arange(30) % 3)
    with pytest.raises(BadDataError, match="its novelty coefficients don't fit the network"):
        replace(checkpoint, known=other).build()


def test_weights_of_another_network_are_refused(checkpoint: Checkpoint):
    wider = checkpoint.network.model_copy(update={"labels": 4})
    with pytest.raises(BadDataError, match="weights don't fit"):
        replace(checkpoint, network=wider).build()


def test_missing_files_and_folders_say_so(checkpoint: Checkpoint, tmp_path: Path):
    for path in (tmp_path / "none.pt", tmp_path):
        with pytest.raises(BadDataError, match="can't read it"):
            Checkpoint.load(path)
    with pytest.raises(StorageError, match="check the folder"):
        checkpoint.save(tmp_path / "none" / "c.pt")
