from __future__ import annotations

from pathlib import Path

import pytest

from drsn.model.toml_file import MAX_BYTES, TomlError, read_toml


def test_a_file_is_read_up_to_its_bound_and_not_a_byte_further(tmp_path: Path):
    path = tmp_path / "a.toml"
    path.write_text("a = 1\n#".ljust(MAX_BYTES, "x"))
    assert read_toml(path) == {"a": 1}
    path.write_text("a = 1\n#".ljust(MAX_BYTES + 1, "x"))
    with pytest.raises(TomlError, match=f"larger than {MAX_BYTES} bytes"):
        read_toml(path)


def test_what_says_that_it_has_no_size_is_bounded_all_the_same():
    with pytest.raises(TomlError, match="larger than"):
        read_toml(Path("/dev/zero"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = ", "not TOML: "),
        (b"\xff", "not UTF-8"),
        (b"a = " + b"[" * 100_000, "brackets within brackets"),
        (b"a = " + b"9" * 5_000, "thousands of digits"),
    ],
    ids=["half", "letters", "brackets", "digits"],
)
def test_what_is_none_is_refused_in_one_line(content: bytes, said: str, tmp_path: Path):
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(TomlError, match=said) as caught:
        read_toml(path)
    assert "\n" not in str(caught.value)


def test_what_is_not_there_and_what_is_no_file_say_so(tmp_path: Path):
    for path, said in ((tmp_path / "nowhere", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(TomlError, match=said):
            read_toml(path)
