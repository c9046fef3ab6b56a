from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drsn.agent.tools.web.settings import ListenAddress, listen_address, load_web
from drsn.model.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "0123456789abcdef"


def file_of(folder: Path, text: str) -> Path:
    path = folder / "web.toml"
    path.write_text(text)
    return path


def test_the_defaults_listen_on_the_loopback_without_a_token():
    found = load_web(None, {})
    assert (found.listen, found.listen.loopback) == (ListenAddress("127.0.0.1", 8088), True)
    assert (found.token, found.broker, found.warnings) == (None, None, ())


def test_the_command_line_is_before_the_environment_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = file_of(
        tmp_path, '[web]\nprefix = "a"\nlisten = "127.0.0.1:1"\nhistory_days = 7\n[mqtt]\nurl = "mqtt://b"\n'
    )
    monkeypatch.setenv("DRSN_WEB__WEB__LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("DRSN_WEB__WEB__PREFIX", "b")
    found = load_web(path, {"prefix": "c"})
    assert (found.web.prefix, found.listen.port, found.web.history_days) == ("c", 2, 7.0)
    assert found.broker.host == "b"


def test_the_state_directory_is_that_of_systemd_else_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert load_web(None, {}).state_dir == tmp_path / "drsn-web"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/drsn-web")
    assert str(load_web(None, {}).state_dir) == "/var/lib/drsn-web"
    assert str(load_web(None, {"state_dir": "/x"}).state_dir) == "/x"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[web]\nlisen = 'x:1'", "web.lisen: unknown setting; did you mean 'listen'?"),
        ("[wab]\n", "wab: unknown setting; did you mean 'web'?"),
        ("[web]\nlisten = '8088'", "is not host:port"),
        ("[web]\nlisten = '::1:8088'", "in brackets"),
        ("[web]\nlisten = '127.0.0.1:70000'", "is not host:port"),
        ("[web]\nprefix = 'a/#'", "plain topic"),
        ("[web]\nlisten = '0.0.0.0:8088'", "set web.token_file"),
        ("[web]\ntoken_file = '/nowhere'", "web.token_file: file /nowhere"),
        ("[mqtt]\nurl = 'http://x'", "mqtt.url"),
        ("web", "not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(tmp_path: Path, text: str, said: str):
    with pytest.raises(ConfigurationError) as refused:
        load_web(file_of(tmp_path, text), {})
    assert said in str(refused.value)
    assert "web.toml" in str(refused.value) or "token" in said


def test_an_unknown_variable_and_a_wrong_option_name_their_source(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ConfigurationError, match=r"^command line: web\.listen"):
        load_web(None, {"listen": "x"})
    monkeypatch.setenv("DRSN_WEB__WEB__TOKN_FILE", "x")
    with pytest.raises(ConfigurationError, match="did you mean 'token_file'"):
        load_web(None, {})


def test_a_token_opens_the_page_to_other_machines_and_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "token").write_text(TOKEN + "\n")
    (tmp_path / "token").chmod(0o644)
    path = file_of(tmp_path, f"[web]\nlisten = '0.0.0.0:8088'\ntoken_file = '{tmp_path / 'token'}'")
    found = load_web(path, {})
    assert found.token == TOKEN
    assert TOKEN not in repr(found)
    assert "every user of this machine can read it" in found.warnings[0]
    (tmp_path / "token").write_text("short")
    with pytest.raises(ConfigurationError, match="openssl rand -hex 16"):
        load_web(path, {})
    (tmp_path / "web-token").write_text(TOKEN)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load_web(path, {}).token == TOKEN, "the credential has priority"


def test_a_page_that_sends_no_commands_needs_no_token():
    assert load_web(None, {"listen": "0.0.0.0:8088", "commands": False}).token is None


def test_addresses_are_read():
    assert listen_address("[::1]:8088") == ListenAddress("::1", 8088)
    assert listen_address("localhost:0").loopback
    assert not listen_address("plant.example:80").loopback
