from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from drsn.agent.settings.credentials import MAX_BYTES, password_in, world_readable
from drsn.model.errors import ConfigurationError


@pytest.mark.parametrize(
    ("content", "password"),
    [(b"hunter2\n", "hunter2"), (b"a b\r\n", "a b"), (b"", ""), (b"x" * MAX_BYTES, "x" * MAX_BYTES)],
)
def test_the_end_of_the_line_is_not_part_of_it(content: bytes, password: str, tmp_path: Path):
    (tmp_path / "p").write_bytes(content)
    assert password_in(tmp_path / "p") == password


@pytest.mark.parametrize(
    "content", [b"hunter\xff2", b"hunter2" * MAX_BYTES, b"hunter2\0", "hunter2".encode("utf-16-le")]
)
def test_what_is_no_password_is_an_error_that_does_not_repeat_it(content: bytes, tmp_path: Path):
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"password file {tmp_path}/p: ") as caught:
        password_in(tmp_path / "p")
    assert "hunter" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_without_an_end_is_not_read_to_it():
    with pytest.raises(ConfigurationError, match="longer than"):
        password_in(Path("/dev/zero"))


def test_a_pipe_is_read_too(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"hunter2\n",))
    writer.start()
    assert password_in(tmp_path / "pipe") == "hunter2"
    writer.join(5)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigurationError, match="nowhere: No such file"):
        password_in(tmp_path / "nowhere")
    assert not world_readable(tmp_path / "nowhere")


@pytest.mark.parametrize(("mode", "everybody"), [(0o600, False), (0o640, False), (0o644, True)])
def test_who_may_read_it(mode: int, tmp_path: Path, *, everybody: bool):
    (tmp_path / "p").touch(mode)
    (tmp_path / "p").chmod(mode)
    assert world_readable(tmp_path / "p") is everybody
