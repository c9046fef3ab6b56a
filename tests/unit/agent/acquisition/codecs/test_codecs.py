"""The table of codecs, and the error when a library is missing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, get_args

import pytest

from drsn.agent.__main__ import main
from drsn.agent.acquisition.codecs import CODECS, READ_ONLY_CODECS, codec, decoder
from drsn.agent.settings.input_section import InputSection
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def test_the_settings_accept_every_codec():
    assert get_args(InputSection.model_fields["codec"].annotation) == CODECS + READ_ONLY_CODECS


def test_a_codec_of_another_product_is_only_read():
    with pytest.raises(
        ConfigurationError, match="codec 'influx' can only be read; codecs to send with are raw, frame, json"
    ):
        codec("influx")


CONFIG = """
[agent]
bundle = "shipped:synthetic"
state_dir = "never-touched"
[[inputs]]
topic = "plant/{{machine}}/data"
sensor = "{{machine}}"
codec = "{codec}"
"""
LIBRARIES = [("cbor", "cbor2"), ("msgpack", "msgpack")]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Makes a codec's library unavailable."""

    def take(name: str, library: str) -> None:
        codec.cache_clear()
        decoder.cache_clear()
        monkeypatch.delitem(sys.modules, f"drsn.agent.acquisition.codecs.{name}", raising=False)
        monkeypatch.setitem(sys.modules, library, None)

    yield take
    codec.cache_clear()
    decoder.cache_clear()


@pytest.mark.parametrize("command", ["check --config agent.toml", "replay none.npy --to mqtt://b"])
@pytest.mark.parametrize(("name", "library"), LIBRARIES)
def test_without_its_library_no_command_starts(command, name, library, without, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agent.toml").write_text(CONFIG.format(codec=name), encoding="utf-8")
    without(name, library)
    arguments = command.split()
    assert main([*arguments, "--codec", name] if arguments[0] == "replay" else arguments) == 78
    line = capsys.readouterr().err
    assert f"codec '{name}' needs the package {library}" in line
    assert "pip install 'drsn-edge[codecs]'" in line


@pytest.mark.parametrize(("name", "library"), LIBRARIES)
def test_without_its_library_the_error_names_what_to_install(name, library, without):
    without(name, library)
    with pytest.raises(ConfigurationError, match=rf"needs the package {library}.*drsn-edge\[codecs\]"):
        codec(name)
