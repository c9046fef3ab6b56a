from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drsn.agent.acquisition.codecs import PacketError
from drsn.agent.acquisition.codecs.sample_text import decoded, is_hex, number


@given(st.binary(min_size=1, max_size=300))
def test_base64_is_read_in_each_of_its_forms(data: bytes):
    if not is_hex(base64.b64encode(data).decode()):
        for form in (base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes):
            text = form(data).decode()
            assert decoded(text, "base64") == data
            assert decoded(text.rstrip("=\n"), "base64") == data


@given(st.binary(min_size=1, max_size=100))
def test_hex_is_read_where_it_is_declared(data: bytes):
    for text in (data.hex(), data.hex().upper(), "0x" + data.hex(), data.hex(" "), data.hex(":"), data.hex() + "\n"):
        assert decoded(text, "hex") == data


def test_hex_that_is_not_declared_is_refused_and_zeros_are_not_hex():
    with pytest.raises(PacketError, match="set encoding = 'hex'"):
        decoded(bytes(range(16)).hex(), "auto")
    assert decoded("A" * 64, "auto") == bytes(48)
    assert decoded(bytes(range(16)).hex(), "base64")  # a declared encoding is taken as it is


@pytest.mark.parametrize(
    "text", ["1,-2.5,3e2", "1; -2.5; 3e2", "1 -2.5 300", "1\n-2.5\n300\n", "[1, -2.5, 300]", "1;-2,5;300"]
)
def test_numbers_with_separators_are_numbers(text: str):
    assert decoded(text, "text") == [1, -2.5, 300]
    if not text.startswith("["):
        assert decoded(text, "auto") == [1, -2.5, 300]


@pytest.mark.parametrize(
    ("text", "words"), [("1,5", "decimal point"), ("1_000", "not a number"), ("x" * 99, "not a num")]
)
def test_what_is_no_number_is_refused(text: str, words: str):
    with pytest.raises(PacketError, match=words):
        number(text)


@pytest.mark.parametrize(
    ("text", "encoding"), [("no base64!", "auto"), ("12345", "base64"), ("0xzz", "hex"), ("1 a", "text")]
)
def test_what_is_in_another_encoding_is_refused(text: str, encoding: str):
    with pytest.raises(PacketError):
        decoded(text, encoding)
